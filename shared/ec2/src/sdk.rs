//! The AWS SDK as an [`Endpoint`](crate::Endpoint): requests and answers translated, nothing tried twice.

mod address;
mod connection;
mod decode;
mod endpoint;
mod filter;
mod lifecycle;
mod refusal;

pub use address::address_of;
pub(crate) use connection::Connection;

use crate::action::Action;
use crate::error::{Code, Error};
use aws_sdk_ec2::Client;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

/// EC2 by the SDK.
#[derive(Debug)]
pub(crate) struct Sdk {
    connection: Connection,
}

impl Sdk {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    async fn client(&self, action: Action) -> Result<Client, Error> {
        self.connection.client().await.map_err(|source| Error::new(action, Code::Unreachable).because(source))
    }

    /// The answer, or what it is in our words.
    fn answer<T, E>(&self, action: Action, answer: Result<T, SdkError<E, HttpResponse>>) -> Result<T, Error>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        answer.map_err(|error| {
            let error = refusal::refusal(action, error);
            if error.code.is_of_old_credentials() {
                self.connection.doubt();
            }
            error
        })
    }
}
