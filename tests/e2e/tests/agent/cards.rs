//! Device indices, on one network card and on two.

use e2e::Cloud;
use ec2sim::Action;
use serde_json::json;

use crate::{POOL, fixed, only};

fn take(cloud: &Cloud, card: u32, index: u32) {
    let (eni, instance) = (cloud.subnet.eni().tag("Name", "another's").create().unwrap(), cloud.instance.clone());
    let name = format!("other{card}-{index}");
    cloud.host.run(move || eni.attach(&instance).card(card).index(index).named(&name).now().unwrap());
}

#[test]
fn ec2_1_an_index_is_counted_on_its_card_and_the_card_is_always_said() {
    let cloud = Cloud::builder().kind("c6in.32xlarge").build();
    take(&cloud, 1, 1);
    cloud.long_since();
    cloud.declare("first", &fixed(1));
    cloud.declare("second", &json!({"min": 1, "max": 1, "networkCard": 1}));
    cloud.start();
    cloud.until("both are ready", |cloud| {
        cloud.is_settled() && cloud.ours().len() == 2 && cloud.entries().iter().all(|entry| entry.state.is_on_node())
    });
    let slot = |pool| cloud.of_pool(pool).first().map(|entry| (entry.network_card_index, entry.device_index));
    assert_eq!((slot("first"), slot("second")), (Some((0, 1)), Some((1, 2))), "{cloud}");
    let said = |call: &ec2sim::Call| call.parameters.contains_key("NetworkCardIndex");
    assert!(cloud.calls_of(Action::AttachNetworkInterface).iter().all(said), "{cloud}");
}

#[test]
fn ec2_1_an_index_that_was_taken_meanwhile_costs_no_eni() {
    let cloud = Cloud::new();
    cloud.declare(POOL, &fixed(0));
    cloud.start();
    // What was there when it began, it has asked EC2 for.
    cloud.refresh();
    let before = cloud.with_imds(|imds| imds.snapshot().unwrap());
    take(&cloud, 0, 1);
    take(&cloud, 0, 2);
    // The metadata know of nothing that came later.
    cloud.with_imds(|imds| imds.at("meta-data/network").is_stale(&before));
    cloud.declare(POOL, &fixed(1));
    cloud.until_ready(POOL, 1);
    let attachments = cloud.calls_of(Action::AttachNetworkInterface);
    let indices: Vec<&str> = attachments.iter().map(|call| call.parameters["DeviceIndex"].as_str()).collect();
    assert_eq!(indices, ["1", "2", "3"], "{cloud}");
    let id = only(&cloud).network_interface_id.to_string();
    assert!(attachments.iter().all(|call| call.parameters["NetworkInterfaceId"] == id), "{cloud}");
    assert_eq!(cloud.calls_of(Action::CreateNetworkInterface).len(), 1);
    assert_eq!(cloud.calls_of(Action::DeleteNetworkInterface).len(), 0);
    assert_eq!(cloud.metric("eni_attachment_errors_total{error_type=\"misconfigured\"}"), 2.0);
}
