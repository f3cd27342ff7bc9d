//! `blockInstanceMetadata` in a pod that has a way to the metadata service of its own: an ADD that cannot block says so.

use e2e::lab::Stage;
use e2e::{Answer, Invocation, Outcome, PodNetns};
use serde_json::json;

const METADATA: &str = "169.254.169.254";

struct Scene {
    stage: Stage,
    pod: PodNetns,
}

impl Scene {
    /// A pod whose primary interface has these routes.
    fn with(routes: &[&str]) -> Self {
        let stage = Stage::giving(1, "1.0.0");
        let pod = stage.lab.host.netns("pod1");
        pod.sh("ip link add eth0 type bridge; ip address add 10.244.0.2/24 dev eth0; ip link set eth0 up");
        for route in routes {
            pod.sh(&format!("ip route add {route}"));
        }
        Self { stage, pod }
    }

    fn add(&self) -> Invocation {
        let config = json!({"pool": "data", "blockInstanceMetadata": true, "ipam": {"type": "fake-ipam"}});
        self.stage.call(&self.pod, "c1", &config)
    }

    fn is_blocked(&self) -> bool {
        !self.pod.command("ip").args(["route", "get", METADATA]).output().status.success()
    }
}

#[test]
fn a_route_of_the_pod_to_the_metadata_service_is_refused_and_nothing_is_left() {
    for route in ["169.254.169.254/32 via 10.244.0.1 dev eth0", "169.254.169.254 dev eth0"] {
        let scene = Scene::with(&[route]);
        let before = [scene.stage.lab.host.snapshot(&[]), scene.pod.snapshot()];
        let error = scene.add().run(&scene.stage.lab.host).error();
        assert_eq!(error.code, 7, "{error:?}");
        assert!(error.msg.contains("blockInstanceMetadata cannot block 169.254.169.254"), "{error:?}");
        before[0].assert_same(&scene.stage.lab.host.snapshot(&[]));
        before[1].assert_same(&scene.pod.snapshot());
    }
}

#[test]
fn a_route_of_the_pod_that_the_block_goes_before_is_blocked_and_stays() {
    let scene = Scene::with(&["169.254.169.254 dev eth0 metric 100", "169.254.0.0/16 dev eth0"]);
    let before = scene.pod.snapshot();
    drop(scene.add().run(&scene.stage.lab.host).result());
    assert!(scene.is_blocked());
    scene.add().verb("DEL").run(&scene.stage.lab.host).empty();
    before.assert_same(&scene.pod.snapshot());
}

#[test]
fn a_route_that_came_since_the_plan_was_made_is_no_block() {
    for (route, is_block) in [("169.254.169.254 dev eth0", false), ("blackhole 169.254.169.254/32", true)] {
        let scene = Scene::with(&[]);
        let answer = Box::new(Answer::addresses("1.0.0", &["10.0.1.11/24"]));
        scene.stage.ipam.answers("ADD", &[Answer::HoldUntil { released: "go".to_string(), then: answer }]);
        let adding = scene.add().spawn(&scene.stage.lab.host);
        // The pod was looked at before the IPAM plugin was asked.
        scene.stage.ipam.wait_for_calls("ADD", 1);
        scene.pod.sh(&format!("ip route add {route}"));
        scene.stage.ipam.release("go");
        let outcome = Outcome::of(adding);
        if is_block {
            drop(outcome.result());
            assert!(scene.is_blocked());
        } else {
            assert!(outcome.error().msg.contains("blackhole 169.254.169.254"), "{}", outcome.output);
            assert!(scene.stage.records().is_empty());
        }
    }
}
