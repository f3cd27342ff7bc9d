//! The SDK's errors in our words. EC2's code decides; its message is kept as the source, and never looked into.

use crate::action::Action;
use crate::error::{Code, Error};
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

pub(super) fn refusal<E>(action: Action, error: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let code = code(&error);
    let request_id = error.request_id().map(str::to_string);
    let refusal = Error::new(action, code);
    let refusal = match request_id {
        Some(id) => refusal.of_request(id),
        None => refusal,
    };
    match error.as_service_error().and_then(|service| service.message()).map(str::to_string) {
        Some(message) => refusal.because(message),
        None => refusal.because(error),
    }
}

fn code<E>(error: &SdkError<E, HttpResponse>) -> Code
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match error {
        SdkError::ServiceError(answer) => match answer.err().meta().code() {
            Some(text) => Code::from_text(text),
            None => without_code(answer.raw()),
        },
        SdkError::ResponseError(answer) => without_code(answer.raw()),
        SdkError::TimeoutError(_) => Code::Timeout,
        SdkError::DispatchFailure(failure) => {
            let credentials = failure.as_connector_error().and_then(|error| find_credentials_error(error));
            match credentials {
                Some(error) => credentials_code(error),
                None if failure.is_timeout() => Code::Timeout,
                None => Code::Unreachable,
            }
        }
        SdkError::ConstructionFailure(_) => {
            find_credentials_error(error).map_or(Code::InvalidRequest, credentials_code)
        }
        _ => Code::NoCode,
    }
}

/// An answer with no code of EC2's in it: a proxy's, or a broken one.
fn without_code(answer: &HttpResponse) -> Code {
    match answer.status() {
        status if status.is_server_error() => Code::ServerFault,
        status if status.is_success() => Code::BadAnswer,
        _ => Code::NoCode,
    }
}

fn find_credentials_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a CredentialsError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

fn credentials_code(error: &CredentialsError) -> Code {
    match error {
        CredentialsError::CredentialsNotLoaded(_) | CredentialsError::InvalidConfiguration(_) => Code::NoCredentials,
        _ => Code::CredentialsUnavailable,
    }
}
