//! The IPAM plugin of an attachment whose runtime will not ask it to release: run as it was then.

use cni::{Error, Invocation, RecordedCall, RecordedIpam};
use node::record::{Call, Owner};
use std::time::Duration;

/// How long an IPAM plugin may take to release.
const LIMIT: Duration = Duration::from_secs(30);

/// The folders of the call, and behind them this program's own: in a container, ours is there alone.
fn with_own_folder(path: &str) -> String {
    let own = std::env::current_exe().ok().and_then(|program| program.parent()?.to_str().map(ToString::to_string));
    let folders = [path.to_string(), own.unwrap_or_default()];
    folders.into_iter().filter(|folder| !folder.is_empty()).collect::<Vec<_>>().join(":")
}

/// Lets the IPAM plugin of the call release; one that the configuration has not has nothing.
///
/// # Errors
/// The plugin's own; code 7 where `CNI_PATH` of that call has it not, or its configuration is none.
pub(super) async fn release(call: &Call, owner: &Owner) -> Result<(), Error> {
    let path = with_own_folder(&call.path);
    let recorded = RecordedCall {
        config: &call.config,
        path: &path,
        args: &call.args,
        container_id: &owner.container_id,
        ifname: &owner.ifname,
    };
    let Some(RecordedIpam { delegate, version, environment }) = recorded.ipam()? else { return Ok(()) };
    delegate.del(&Invocation { config: &call.config, version, environment: &environment, limit: LIMIT }).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_is_looked_for_where_it_was_and_then_beside_this_program() {
        let own = std::env::current_exe().unwrap().parent().unwrap().display().to_string();
        assert_eq!(with_own_folder("/opt/cni/bin"), format!("/opt/cni/bin:{own}"));
        assert_eq!(with_own_folder(""), own);
    }
}
