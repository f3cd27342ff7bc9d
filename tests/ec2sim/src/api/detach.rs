//! DetachNetworkInterface and DeleteNetworkInterface
//! (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DetachNetworkInterface.html>).

use std::time::Duration;

use crate::cloud::Inner;
use crate::due::Due;
use crate::record::AttachmentStatus;

use super::check;
use super::refusal::Refusal;
use super::request::{DeleteNetworkInterface, DetachNetworkInterface, Force};
use super::response::Response;

pub(crate) fn detach(inner: &mut Inner, request: &DetachNetworkInterface, now: Duration) -> Result<Response, Refusal> {
    let eni = check::attachment(inner, &request.attachment_id)?;
    let record = inner.state.eni(&eni)?;
    let Some(at) = record.attachment.clone() else { return Err(check::no_attachment(&request.attachment_id)) };
    if record.requester.is_some() {
        let message = format!("You are not allowed to manage '{}' attachments.", at.id);
        return Err(Refusal::new("OperationNotPermitted", message));
    }
    // "You cannot detach the primary network interface of an instance" (using-eni.html).
    if (at.card, at.index) == (0, 0) {
        let message = "The network interface at device index 0 and networkCard index 0 cannot be detached.";
        return Err(Refusal::new("OperationNotPermitted", message));
    }
    if at.status == AttachmentStatus::Detaching && request.force == Force::No {
        return Err(Refusal::new("IncorrectState", format!("'{}' is not in the state 'attached'.", at.id)));
    }
    inner.state.change_eni(&eni, |record| {
        if let Some(at) = &mut record.attachment {
            at.status = AttachmentStatus::Detaching;
        }
    })?;
    inner.dues.plan(now + inner.timing.unplug, Due::Unplug(eni.clone(), at.id.clone()));
    inner.dues.plan(now + inner.timing.detach, Due::Detached(eni, at.id));
    Ok(Response::Done)
}

/// "You must detach the network interface before you can delete it."
pub(crate) fn delete(inner: &mut Inner, request: &DeleteNetworkInterface) -> Result<Response, Refusal> {
    let (id, record) = check::eni(inner, &request.network_interface_id)?;
    if let Some(requester) = &record.requester {
        let message = format!("You are not allowed to manage '{id}', which {requester} manages.");
        return Err(Refusal::new("OperationNotPermitted", message));
    }
    if record.attachment.is_some() {
        let message = format!("Network interface '{id}' is currently in use.");
        return Err(Refusal::new("InvalidNetworkInterface.InUse", message));
    }
    inner.state.remove_eni(&id);
    Ok(Response::Done)
}
