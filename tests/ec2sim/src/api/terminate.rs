//! TerminateInstances
//! (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html>).

use std::time::Duration;

use crate::cloud::Inner;
use crate::due::Due;
use crate::ids::InstanceId;
use crate::record::InstanceState;

use super::check;
use super::refusal::Refusal;
use super::request::TerminateInstances;
use super::response::Response;

/// All or none; one that ends already goes on ending.
pub(crate) fn answer(inner: &mut Inner, request: &TerminateInstances, now: Duration) -> Result<Response, Refusal> {
    if request.instance_ids.is_empty() {
        return Err(Refusal::missing("InstancesSet"));
    }
    let known = request.instance_ids.iter().map(|id| check::instance(inner, id).map(|(id, _)| id));
    let ids = known.collect::<Result<Vec<InstanceId>, Refusal>>()?;
    for id in &ids {
        if let Some(record) = inner.state.instances.get_mut(id).filter(|record| record.state == InstanceState::Running)
        {
            record.state = InstanceState::ShuttingDown;
            inner.dues.plan(now + inner.timing.terminate, Due::Terminated(id.clone()));
        }
    }
    Ok(Response::Terminating(ids))
}
