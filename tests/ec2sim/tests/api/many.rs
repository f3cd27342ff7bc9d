//! A region that is large: what a storm asks of the model.

use std::time::Duration;

use ec2sim::request::{CreateNetworkInterface, Select};
use ec2sim::{Clock, Ec2, Fabric, Limits, Request, Response, Tags};

const NODES: usize = 1_000;
/// Of a processor's time for a call, in a test's build, with much to spare.
const LIMIT: Duration = Duration::from_millis(5);

/// How long this thread was on a processor (Documentation/scheduler/sched-stats.rst): what else runs does not count.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
}

#[test]
fn a_describe_of_one_node_does_not_grow_with_the_region() {
    let fabric = Fabric::on_paper();
    let ec2 = Ec2::of(&fabric);
    ec2.set_clock(Clock::new(|| Duration::from_secs(1)));
    ec2.set_limits(Limits { interfaces_per_region: 100_000 });
    let subnet = fabric.vpc("10.0.0.0/16").create().unwrap().subnet("10.0.0.0/16").create().unwrap();
    let nodes: Vec<_> = (0..NODES).map(|_| fabric.instance().create().unwrap()).collect();
    let started = processor_time();
    for node in &nodes {
        for index in 1..4 {
            let tags = Tags::from([("node".into(), node.id().to_string())]);
            let request = CreateNetworkInterface { subnet_id: subnet.id().to_string(), ..Default::default() };
            let reply = ec2.call("a", request.tagged(&tags));
            let Ok(Response::NetworkInterface(eni)) = reply.outcome else { panic!("{reply:?}") };
            let attach = ec2sim::request::AttachNetworkInterface {
                network_interface_id: eni.network_interface_id.to_string(),
                instance_id: node.id().to_string(),
                device_index: Some(index),
                network_card_index: Some(0),
            };
            ec2.call("a", attach).outcome.unwrap();
        }
        let mine = Select::default().filter("attachment.instance-id", [node.id().as_str()]);
        for select in [mine, Select::default().filter("tag:node", [node.id().as_str()])] {
            let reply = ec2.call("a", Request::DescribeNetworkInterfaces(select));
            let Ok(Response::NetworkInterfaces { items, .. }) = reply.outcome else { panic!("{reply:?}") };
            assert_eq!(items.len(), 3);
        }
    }
    let calls = ec2.calls().len();
    assert_eq!(calls, NODES * 8);
    let each = (processor_time() - started) / u32::try_from(calls).unwrap();
    assert!(each < LIMIT, "{each:?}");
}
