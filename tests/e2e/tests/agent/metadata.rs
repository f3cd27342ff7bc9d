//! The instance metadata service: late, empty, broken, gone.

use e2e::Cloud;
use ec2sim::Action;
use node::inventory::State;

use crate::{POOL, add, del, fixed, look_again, only, with_pool};

/// The agent has read the metadata again, or has tried to.
fn read_again(cloud: &Cloud) {
    let asked = |cloud: &Cloud| cloud.with_imds(|imds| imds.requests_to("meta-data/").len());
    let before = asked(cloud);
    cloud.signal(nix::sys::signal::Signal::SIGHUP);
    cloud.until("the metadata are read again", |cloud| asked(cloud) > before);
    let last = cloud.status().unwrap()["lastPass"].clone();
    cloud.until("a pass after it", |cloud| cloud.status().unwrap()["lastPass"] != last);
}

#[track_caller]
fn assert_untouched(cloud: &Cloud, eni: &ec2sim::EniFacts) {
    assert_eq!(only(cloud), *eni, "{cloud}");
    assert_eq!(cloud.in_state(POOL, State::Ready).len(), 1, "{cloud}");
    let known = cloud.of_pool(POOL).remove(0);
    assert_eq!(known.ipv4_addresses[0].address, eni.primary, "{cloud}");
    assert_eq!(cloud.calls_of(Action::DetachNetworkInterface).len(), 0, "{cloud}");
    assert_eq!(cloud.calls_of(Action::CreateNetworkInterface).len(), 1, "{cloud}");
}

#[test]
fn imd_3_metadata_from_before_release_no_eni_and_erase_no_record() {
    let cloud = Cloud::builder().agent("orphan_grace_seconds = 1\nresync_seconds = 1").build();
    let before = cloud.with_imds(|imds| imds.snapshot().unwrap());
    cloud.declare(POOL, &fixed(1));
    cloud.start();
    cloud.until_ready(POOL, 1);
    let eni = only(&cloud);
    let pod = cloud.host.netns("pod1");
    cloud.with_imds(|imds| imds.at("meta-data/network").is_stale(&before));
    cloud.restart();
    for container in ["c1", "c2"] {
        read_again(&cloud);
        cloud.refresh();
        assert_untouched(&cloud, &eni);
        add(&cloud, &pod, container);
        del(&cloud, &pod, container);
        cloud.until_ready(POOL, 1);
    }
    assert_untouched(&cloud, &eni);
}

#[test]
fn imd_4_empty_broken_and_missing_answers_are_no_news() {
    let cloud = with_pool(1);
    let eni = only(&cloud);
    for fault in 0..4 {
        cloud.with_imds(|imds| {
            let at = imds.at("meta-data/network");
            match fault {
                0 => at.is_empty(),
                1 => at.is_broken(),
                2 => at.is_missing(),
                _ => at.refuses(),
            }
        });
        read_again(&cloud);
        assert_untouched(&cloud, &eni);
        cloud.restart();
        read_again(&cloud);
        assert_untouched(&cloud, &eni);
        cloud.with_imds(ec2sim::Imds::heal);
    }
}

#[test]
fn imd_4_with_the_metadata_gone_pods_come_and_go_and_growth_waits() {
    let cloud = with_pool(1);
    let eni = only(&cloud);
    let address = cloud.stop_imds();
    cloud.restart();
    assert_untouched(&cloud, &eni);
    let pod = cloud.host.netns("pod1");
    add(&cloud, &pod, "c1");
    del(&cloud, &pod, "c1");
    cloud.until_ready(POOL, 1);
    cloud.declare(POOL, &fixed(2));
    cloud.until("it is said what is waited for", |cloud| cloud.waiting(POOL).contains("metadata"));
    cloud.until("the page says it", |cloud| cloud.page("/readyz").is_some_and(|page| page.status == 503));
    look_again(&cloud);
    assert_eq!(cloud.calls_of(Action::CreateNetworkInterface).len(), 1, "{cloud}");
    assert_eq!(cloud.ours().len(), 1, "{cloud}");
    cloud.serve_imds(&address);
    cloud.until_ready(POOL, 2);
    cloud.until("the page says it", |cloud| cloud.page("/readyz").is_some_and(|page| page.status == 200));
}

#[test]
fn imd_4_a_token_that_has_ended_is_renewed() {
    let cloud = with_pool(1);
    // Every token has ended, and the first questions with a new one are refused, too.
    cloud.with_imds(|imds| imds.advance(std::time::Duration::from_secs(30_000)));
    cloud.with_imds(|imds| imds.at("meta-data/").times(1).refuses());
    read_again(&cloud);
    cloud.declare(POOL, &fixed(2));
    cloud.until_ready(POOL, 2);
}

#[test]
fn sec_4_the_agent_needs_no_metadata_for_its_credentials() {
    let cloud = with_pool(1);
    assert_eq!(cloud.with_imds(|imds| imds.requests_to("meta-data/iam")), []);
    assert!(cloud.calls().iter().all(|call| call.principal == e2e::cloud::AGENT));
}
