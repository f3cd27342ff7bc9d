use super::*;
use crate::api::{Attachment, Eni, EniNodeStatus, PoolStatus};
use crate::cluster::listed::Listed;
use crate::cluster::world::{FINALIZER, Node, Report};
use crate::declared::Review;
use proptest::prelude::*;
use serde_json::json;
use std::sync::Arc;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn node(name: &str, is_selected: bool) -> (String, Arc<Node>) {
    let labels = [("ng".to_string(), if is_selected { "multi-eni" } else { "other" }.to_string())];
    let node = Node { uid: format!("uid-of-{name}"), labels: labels.into_iter().collect(), instance: None };
    (name.to_string(), Arc::new(node))
}

fn node_eni() -> NodeEni {
    let spec = json!({
        "nodeSelector": { "ng": "multi-eni" }, "subnetIDs": ["subnet-0123456789abcdef0"],
        "securityGroupIDs": ["sg-0123456789abcdef0"],
    });
    NodeEni {
        name: "data".to_string(),
        uid: "uid-of-data".to_string(),
        version: "1".to_string(),
        generation: Some(3),
        is_deleted: false,
        finalizers: vec![FINALIZER.to_string()],
        review: Review::of("data", Some(&spec)),
        keeps_its_enis: false,
        status: NodeEniStatus::default(),
        listed: Listed::default(),
    }
}

fn eni(number: usize, state: &str) -> Eni {
    Eni {
        id: format!("eni-{number:017x}"),
        pool: Some("data".to_string()),
        state: state.to_string(),
        since: Some("2026-01-01T00:00:00Z".to_string()),
        attachment_id: Some("eni-attach-0123456789abcdef0".to_string()),
        device_index: Some(1),
        ..Eni::default()
    }
}

fn report(node: &str, enis: Vec<Eni>, waiting: &[&str]) -> (String, Arc<Report>) {
    let pool = PoolStatus {
        name: "data".to_string(),
        generation: Some(3),
        target: Some(1),
        waiting: waiting.iter().map(ToString::to_string).collect(),
        ..PoolStatus::default()
    };
    let uid = Some(format!("uid-of-{node}"));
    let status = EniNodeStatus { node_uid: uid, enis, pools: vec![pool], ..EniNodeStatus::default() };
    (node.to_string(), Arc::new(Report { status, unreadable: None }))
}

fn world(nodes: Vec<(String, Arc<Node>)>, reports: Vec<(String, Arc<Report>)>) -> World {
    World { nodes: nodes.into_iter().collect(), eni_nodes: reports.into_iter().collect(), ..World::default() }
}

fn status_at(of: &NodeEni, world: &World, since: &mut Since, seconds: i64) -> NodeEniStatus {
    status(of, world, &Index::of(world), &Standing::InCharge, since, at(seconds))
}

fn ready(status: &NodeEniStatus) -> (&str, &str) {
    let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready").unwrap();
    (&ready.status, &ready.reason)
}

#[test]
fn states_are_counted_and_only_nodes_with_the_labels() {
    let states = ["creating", "attached", "ready", "in-use", "cooling", "detaching", "quarantined", "of tomorrow"];
    let enis = (0..).zip(states).map(|(number, state)| eni(number, state)).collect();
    let world = world(vec![node("a", true), node("b", false)], vec![report("a", enis, &[])]);
    let status = status_at(&node_eni(), &world, &mut Since::default(), 100);
    let EniCounts { total, ready, in_use, cooling, coming, quarantined, leaving } = status.enis;
    assert_eq!((total, ready, in_use, cooling, coming, quarantined, leaving), (8, 1, 1, 1, 2, 1, 1));
    assert_eq!(status.nodes, 1);
    assert_eq!(self::ready(&status), ("False", "NodesNotReady"), "one is set aside");
}

#[test]
fn ready_is_what_every_selected_node_has_by_the_newest_generation() {
    let of = node_eni();
    let ready_after = |report: Option<(String, Arc<Report>)>| {
        let world = world(vec![node("a", true)], report.into_iter().collect());
        let status = status_at(&of, &world, &mut Since::default(), 100);
        let (holds, reason) = ready(&status);
        (holds.to_string(), reason.to_string())
    };
    let not_ready = ("False".to_string(), "NodesNotReady".to_string());
    assert_eq!(ready_after(None), not_ready);
    assert_eq!(ready_after(Some(report("a", vec![], &[]))), not_ready, "it has none yet");
    assert_eq!(ready_after(Some(report("a", vec![eni(1, "ready")], &["no slot is free"]))), not_ready);
    assert_eq!(ready_after(Some(report("a", vec![eni(1, "ready")], &[]))).0, "True");
    let (name, mut of_before) = report("a", vec![eni(1, "ready")], &[]);
    Arc::make_mut(&mut of_before).status.pools[0].generation = Some(2);
    assert_eq!(ready_after(Some((name, of_before))), not_ready);
    let nobody = status_at(&of, &world(vec![node("b", false)], vec![]), &mut Since::default(), 100);
    assert_eq!(ready(&nobody), ("True", "NoNodes"));
}

#[test]
fn attachments_are_sorted_and_cut_with_a_note() {
    let nodes: Vec<_> = (0..60).map(|number| node(&format!("node-{number:02}"), true)).collect();
    let reports = (0..60).rev().map(|number| {
        let enis = vec![eni(number * 2 + 1, "ready"), eni(number * 2, "in-use"), eni(1000 + number, "creating")];
        report(&format!("node-{number:02}"), enis, &[])
    });
    let status = status_at(&node_eni(), &world(nodes, reports.collect()), &mut Since::default(), 100);
    assert_eq!(status.attachments.len(), 100);
    assert!(status.attachments.is_sorted_by_key(|at| (at.node_id.clone(), at.eni_id.clone())));
    let note = "the first 100 of 120; `kubectl get eninodes -o yaml` has them all";
    assert_eq!(status.attachments_note.as_deref(), Some(note));
}

fn of_the_original(node: &str, eni: usize) -> Attachment {
    Attachment { node_id: node.to_string(), eni_id: format!("eni-{eni:017x}"), ..Attachment::default() }
}

#[test]
fn what_the_original_attached_stays_listed_until_an_agent_has_it_or_its_node_is_gone() {
    let mut of = node_eni();
    let old = [of_the_original("a", 7), of_the_original("a", 8), of_the_original("gone", 9)];
    of.status.attachments = old.to_vec();
    let nodes = || vec![node("a", true), node("b", true)];
    let reports = || vec![report("b", vec![eni(1, "ready")], &[]), report("a", vec![eni(8, "ready")], &[])];
    let listed = |of: &NodeEni, reports| {
        let status = status_at(of, &world(nodes(), reports), &mut Since::default(), 100);
        status.attachments.iter().map(|at| (at.node_id.clone(), at.eni_id.clone())).collect::<Vec<_>>()
    };
    let named = |node: &str, number: usize| (node.to_string(), format!("eni-{number:017x}"));
    assert_eq!(listed(&of, reports()), [named("a", 8), named("a", 7), named("b", 1)]);
    // What an agent had is its own: it is not kept when it is gone.
    of.status.attachments = status_at(&of, &world(nodes(), reports()), &mut Since::default(), 100).attachments;
    assert_eq!(listed(&of, vec![]), [named("a", 7)]);
}

#[test]
fn while_the_original_is_at_work_its_attachments_are_as_it_wrote_them() {
    let mut of = node_eni();
    of.status.attachments = vec![of_the_original("b", 9), of_the_original("gone", 7)];
    of.status.attachments_note = Some("of another".to_string());
    let world = world(vec![node("a", true)], vec![report("a", vec![eni(1, "ready")], &[])]);
    for standing in [Standing::OriginalAtWork(String::new()), Standing::OriginalUnknown(String::new())] {
        let status = status(&of, &world, &Index::of(&world), &standing, &mut Since::default(), at(100));
        assert_eq!(status.attachments, of.status.attachments);
        assert_eq!(status.attachments_note, of.status.attachments_note);
    }
}

#[test]
fn a_condition_keeps_its_time_until_its_status_changes() {
    let mut of = node_eni();
    let empty = world(vec![node("a", true)], vec![]);
    of.status = status_at(&of, &empty, &mut Since::default(), 100);
    let full = world(vec![node("a", true)], vec![report("a", vec![eni(1, "ready")], &[])]);
    let later = status_at(&of, &full, &mut Since::default(), 200);
    let times: Vec<i64> = later.conditions.iter().map(|one| one.last_transition_time.0.as_second()).collect();
    assert_eq!(times, [100, 100, 200]);
}

#[test]
fn the_ten_newest_problems_are_shown_and_an_old_one_does_not_come_back_as_new() {
    let mut of = node_eni();
    let names: Vec<String> = (0..15).map(|number| format!("node-{number:02}")).collect();
    let nodes = || names.iter().map(|name| node(name, true)).collect::<Vec<_>>();
    let broken = |names: &[String]| names.iter().map(|name| report(name, vec![], &["subnet full"])).collect::<Vec<_>>();
    let mut since = Since::default();
    of.status = status_at(&of, &world(nodes(), broken(&names)), &mut since, 100);
    assert_eq!(of.status.problems.len(), 10);
    let again = status_at(&of, &world(nodes(), broken(&names)), &mut since, 200);
    assert_eq!(again.problems, of.status.problems);
    // Another holder of the Lease, who remembers nothing.
    let of_another = status_at(&of, &world(nodes(), broken(&names)), &mut Since::default(), 300);
    assert_eq!(of_another.problems, of.status.problems);
    let mut newer = broken(&names);
    newer[14] = report("node-14", vec![], &["no slot is free"]);
    let status = status_at(&of, &world(nodes(), newer), &mut since, 400);
    assert_eq!((status.problems[0].node.as_str(), status.problems[0].message.as_str()), ("node-14", "no slot is free"));
}

fn any_world() -> impl Strategy<Value = World> {
    let states = ["creating", "attached", "ready", "in-use", "cooling", "detaching", "quarantined", "?"];
    let any_eni = (0..400_usize, 0..states.len(), proptest::option::of(".{0,600}"))
        .prop_map(move |(number, state, error)| Eni { last_error: error, ..eni(number, states[state]) });
    let any_node = (any::<bool>(), prop::collection::vec(any_eni, 0..12), prop::collection::vec(".{0,600}", 0..9));
    prop::collection::vec(any_node, 0..60).prop_map(|all| {
        let names = || (0..).map(|number| format!("node-{number}"));
        let nodes = names().zip(&all).map(|(name, (is_selected, ..))| node(&name, *is_selected)).collect();
        let reports = names().zip(&all).map(|(name, (_, enis, waiting))| {
            report(&name, enis.clone(), &waiting.iter().map(String::as_str).collect::<Vec<_>>())
        });
        world(nodes, reports.collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_status_is_bounded_and_the_same_world_is_the_same_status(world in any_world()) {
        let mut of = node_eni();
        let mut since = Since::default();
        let first = status_at(&of, &world, &mut since, 100);
        let size = serde_json::to_vec(&first).unwrap().len();
        prop_assert!(size < 64 << 10, "{size} bytes");
        prop_assert!(first.problems.len() <= 10 && first.attachments.len() <= 100);
        of.status = first.clone();
        // Later, and by another holder.
        prop_assert_eq!(&status_at(&of, &world, &mut since, 500), &first);
        prop_assert_eq!(&status_at(&of, &world, &mut Since::default(), 900), &first);
        // As the API server gives it back.
        let back: NodeEniStatus = serde_json::from_value(serde_json::to_value(&first).unwrap()).unwrap();
        prop_assert_eq!(back, first);
    }
}
