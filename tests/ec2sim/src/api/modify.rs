//! ModifyNetworkInterfaceAttribute
//! (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyNetworkInterfaceAttribute.html>): "You can specify
//! only one attribute at a time."

use crate::cloud::Inner;
use crate::ids::EniId;

use super::refusal::Refusal;
use super::request::{AttachmentChange, ModifyNetworkInterfaceAttribute};
use super::response::Response;
use super::{check, create};

pub(crate) fn answer(inner: &mut Inner, request: &ModifyNetworkInterfaceAttribute) -> Result<Response, Refusal> {
    let (id, record) = check::eni(inner, &request.network_interface_id)?;
    let subnet = record.subnet.clone();
    let said = [
        request.attachment.is_some(),
        request.description.is_some(),
        !request.security_group_ids.is_empty(),
        request.source_dest_check.is_some(),
    ];
    match said.iter().filter(|said| **said).count() {
        0 => return Err(Refusal::missing("attribute")),
        1 => {}
        _ => return Err(Refusal::combination("Only one attribute can be modified at a time")),
    }
    if let Some(change) = &request.attachment {
        attachment(inner, &id, change)?;
    }
    if let Some(description) = &request.description {
        inner.state.change_eni(&id, |record| record.description.clone_from(description))?;
    }
    if !request.security_group_ids.is_empty() {
        let vpc = inner.state.subnet(&subnet)?.vpc.clone();
        let groups = create::groups(inner, &vpc, &request.security_group_ids)?;
        inner.state.change_eni(&id, |record| record.groups = groups)?;
    }
    if let Some(value) = request.source_dest_check {
        inner.state.change_eni(&id, |record| record.source_dest_check = value)?;
    }
    Ok(Response::Done)
}

fn attachment(inner: &mut Inner, eni: &EniId, change: &AttachmentChange) -> Result<(), Refusal> {
    let named = change.attachment_id.as_deref().ok_or_else(|| Refusal::missing("attachment.attachmentId"))?;
    let value = change.delete_on_termination.ok_or_else(|| Refusal::missing("attachment.deleteOnTermination"))?;
    let id = check::attachment_id(named)?;
    let done = inner.state.change_eni(eni, |record| {
        let at = record.attachment.as_mut().filter(|at| at.id == id);
        at.map(|at| at.delete_on_termination = value)
    })?;
    done.ok_or_else(|| check::no_attachment(named))
}
