//! Identifiers that a client sends.

use crate::cloud::Inner;
use crate::ids::{AttachmentId, EniId, InstanceId, SubnetId};
use crate::record::{EniRecord, InstanceRecord};

use super::refusal::Refusal;

fn malformed(code: &'static str, value: &str, example: &str) -> Refusal {
    Refusal::new(code, format!("Invalid id: \"{value}\" (expecting \"{example}\")"))
}

pub(crate) fn eni_id(value: &str) -> Result<EniId, Refusal> {
    EniId::new(value).map_err(|_| malformed("InvalidNetworkInterfaceId.Malformed", value, "eni-..."))
}

pub(crate) fn attachment_id(value: &str) -> Result<AttachmentId, Refusal> {
    AttachmentId::new(value).map_err(|_| malformed("InvalidAttachmentId.Malformed", value, "eni-attach-..."))
}

pub(crate) fn instance_id(value: &str) -> Result<InstanceId, Refusal> {
    InstanceId::new(value).map_err(|_| malformed("InvalidInstanceID.Malformed", value, "i-..."))
}

pub(crate) fn subnet_id(value: &str) -> Result<SubnetId, Refusal> {
    SubnetId::new(value).map_err(|_| malformed("InvalidSubnetID.Malformed", value, "subnet-..."))
}

/// Identifiers of groups in tests are often short: the prefix is what is asked for.
pub(crate) fn group_id(value: &str) -> Result<&str, Refusal> {
    if value.starts_with("sg-") { Ok(value) } else { Err(malformed("InvalidGroupId.Malformed", value, "sg-...")) }
}

pub(crate) fn no_eni(id: &str) -> Refusal {
    Refusal::new("InvalidNetworkInterfaceID.NotFound", format!("The networkInterface ID '{id}' does not exist"))
}

pub(crate) fn no_attachment(id: &str) -> Refusal {
    Refusal::new("InvalidAttachmentID.NotFound", format!("The attachment ID '{id}' does not exist"))
}

/// An ENI that a call names: one that is too new is not found yet.
pub(crate) fn eni<'a>(inner: &'a Inner, value: &str) -> Result<(EniId, &'a EniRecord), Refusal> {
    let id = eni_id(value)?;
    let record = inner.state.eni(&id).map_err(|_| no_eni(value))?;
    let visible = record.created + inner.timing.visible;
    if inner.clock.now() < visible && inner.api.made.contains(&id) {
        return Err(no_eni(value));
    }
    Ok((id, record))
}

pub(crate) fn instance<'a>(inner: &'a Inner, value: &str) -> Result<(InstanceId, &'a InstanceRecord), Refusal> {
    let id = instance_id(value)?;
    let missing = || Refusal::new("InvalidInstanceID.NotFound", format!("The instance ID '{value}' does not exist"));
    let record = inner.state.instances.get(&id).ok_or_else(missing)?;
    Ok((id, record))
}

/// The ENI of an attachment.
pub(crate) fn attachment(inner: &Inner, value: &str) -> Result<EniId, Refusal> {
    let id = attachment_id(value)?;
    let has = |record: &EniRecord| record.attachment.as_ref().is_some_and(|at| at.id == id);
    inner
        .api
        .attachments
        .get(&id)
        .filter(|eni| inner.state.eni(eni).is_ok_and(has))
        .cloned()
        .or_else(|| {
            // One that the builders made.
            inner.state.enis().iter().find(|(_, record)| has(record)).map(|(eni, _)| eni.clone())
        })
        .ok_or_else(|| no_attachment(value))
}
