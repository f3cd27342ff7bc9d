//! The disk behind the records.

use e2e::Cloud;
use ec2sim::Action;
use node::inventory::State;

use crate::{POOL, fixed};

/// A node whose records lie on a small file system.
fn with_small_disk() -> Cloud {
    let cloud = Cloud::new();
    let folder = cloud.state_dir();
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.display().to_string();
    cloud.host.command("mount").args(["-t", "tmpfs", "-o", "size=256k,mode=700", "records", &path]).run();
    cloud
}

fn fill(cloud: &Cloud) {
    let file = cloud.state_dir().join("filler").display().to_string();
    drop(cloud.host.command("dd").args(["if=/dev/zero", &format!("of={file}"), "bs=4k", "count=1000"]).output());
}

fn free(cloud: &Cloud) {
    cloud.host.command("rm").arg(cloud.state_dir().join("filler")).run();
}

#[test]
fn cra_1_on_a_full_disk_nothing_is_asked_of_ec2_that_could_not_be_remembered() {
    let cloud = with_small_disk();
    cloud.start();
    fill(&cloud);
    cloud.declare(POOL, &fixed(1));
    cloud.until("it is said", |cloud| cloud.log().contains("No space left on device"));
    cloud.until("the page says it", |cloud| {
        cloud.page("/readyz").is_some_and(|page| page.status == 503 && page.text.contains("records: not ready"))
    });
    assert_eq!(cloud.calls_of(Action::CreateNetworkInterface).len(), 0, "{cloud}");
    free(&cloud);
    cloud.until_ready(POOL, 1);
    assert_eq!(cloud.calls_of(Action::CreateNetworkInterface).len(), 1, "{cloud}");
    cloud.until("the page says it", |cloud| cloud.page("/readyz").is_some_and(|page| page.status == 200));
}

#[test]
fn cra_1_a_disk_that_fills_up_costs_no_eni() {
    let cloud = with_small_disk();
    cloud.declare(POOL, &fixed(1));
    cloud.start();
    cloud.until_ready(POOL, 1);
    fill(&cloud);
    cloud.declare(POOL, &fixed(3));
    cloud.until("it is said", |cloud| cloud.log().contains("No space left on device"));
    cloud.kill();
    cloud.spawn();
    assert_eq!(cloud.in_state(POOL, State::Ready).len(), 1, "{cloud}");
    free(&cloud);
    cloud.until_ready(POOL, 3);
}
