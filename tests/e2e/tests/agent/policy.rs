//! The policy that is installed for the agent: all of it is needed, and no more is.

use e2e::Cloud;
use e2e::cloud::AGENT;
use serde_json::json;

use crate::{POOL, only};

const DENIED: &str = "UnauthorizedOperation";

/// Whether EC2 has denied the agent something.
fn is_denied(cloud: &Cloud) -> bool {
    cloud.refusals().iter().any(|(_, code)| code == DENIED)
}

/// A life with everything that an agent does, up to the first denial.
fn live(cloud: &Cloud) {
    let spec = |count: u32| json!({"min": count, "max": count, "cooldownSeconds": 0, "secondaryIPv4Addresses": 1, "tags": {"team": "voice"}});
    let until = |what: &str, holds: &dyn Fn(&Cloud) -> bool| {
        cloud.until(what, |cloud| is_denied(cloud) || holds(cloud));
        is_denied(cloud)
    };
    cloud.declare(POOL, &spec(1));
    cloud.start();
    let is_ready = |cloud: &Cloud| {
        let entries = cloud.of_pool(POOL);
        entries.len() == 1 && entries[0].state == node::inventory::State::Ready && cloud.is_settled()
    };
    if until("the pool is ready", &is_ready) {
        return;
    }
    let (before, console) = (only(cloud), cloud.console());
    let other = cloud.vpc.security_group("other").create().unwrap();
    console.set_groups(&before, &[&other.id]);
    console.untag(&before, "team");
    console.unassign_secondaries(&before);
    cloud.refresh();
    let is_right = |cloud: &Cloud| {
        let now = only(cloud);
        (&now.tags, &now.security_groups, now.secondaries.len()) == (&before.tags, &before.security_groups, 1)
    };
    if until("all is put right", &is_right) {
        return;
    }
    cloud.declare(POOL, &spec(0));
    until("the pool is gone", &|cloud| cloud.ours().is_empty() && cloud.of_pool(POOL).is_empty());
}

#[test]
fn every_statement_is_used_and_no_call_is_denied() {
    let cloud = Cloud::new();
    live(&cloud);
    assert!(!is_denied(&cloud), "{cloud}");
    let mut statements: Vec<String> = Cloud::installed_policy().statements().iter().map(ToString::to_string).collect();
    statements.sort_unstable();
    assert_eq!(cloud.ec2.granted(), statements);
    assert_eq!(statements, STATEMENTS, "each has its test below");
}

fn without(statement: &str) {
    let cloud = Cloud::new();
    cloud.ec2.set_policy_of(AGENT, &Cloud::installed_policy().without(statement));
    live(&cloud);
    assert!(is_denied(&cloud), "nothing needs {statement}\n{cloud}");
    cloud.until("it is logged", |cloud| cloud.log().contains(DENIED));
}

macro_rules! statements {
    ($($name:ident $statement:literal)+) => {
        /// By their names.
        const STATEMENTS: &[&str] = &[$($statement),+];

        $(
            #[test]
            fn $name() {
                without($statement);
            }
        )+
    };
}

statements! {
    without_addresses_of_ours_something_is_denied "AddressesOfOurs"
    without_attach_ours_something_is_denied "AttachOurs"
    without_create_ours_something_is_denied "CreateOurs"
    without_create_there_something_is_denied "CreateThere"
    without_groups_of_ours_something_is_denied "GroupsOfOurs"
    without_on_the_instance_something_is_denied "OnTheInstance"
    without_repair_tags_of_ours_something_is_denied "RepairTagsOfOurs"
    without_see_interfaces_something_is_denied "SeeInterfaces"
    without_see_places_something_is_denied "SeePlaces"
    without_tag_at_creation_something_is_denied "TagAtCreation"
    without_take_down_ours_something_is_denied "TakeDownOurs"
}
