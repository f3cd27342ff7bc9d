use super::*;
use crate::view::{AddressState, AddressView, EniView, Holder, ResourceView, STATES, Slots, state_word};
use node::inventory::{Seen, Sharing, State};
use node::record::Owner;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

const CLASSES: [&str; 3] = ["throttled", "limit", "denied"];

fn series(metrics: &Metrics) -> Vec<String> {
    let text = metrics.text();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.rsplit_once(' ')).map(|(name, _)| name.to_string()).collect()
}

fn values(metrics: &Metrics, name: &str) -> BTreeMap<String, f64> {
    let text = metrics.text();
    let lines = text.lines().filter(|line| line.starts_with(&format!("{name}{{")));
    lines
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(name, value)| (name.to_string(), value.parse().unwrap()))
        .collect()
}

/// Every metric has something to show.
fn full() -> Metrics {
    let metrics = Metrics::new("0.1.0", &CLASSES);
    let took = Duration::from_millis(30);
    metrics.created("subnet-1", Outcome::Done, took);
    metrics.created("subnet-1", Outcome::Failed("limit"), took);
    metrics.attachment_failed("limit");
    metrics.ec2_called("DescribeNetworkInterfaces", Outcome::Done, took);
    metrics.ec2_called("CreateNetworkInterface", Outcome::Failed("throttled"), took);
    metrics.ec2_throttled("CreateNetworkInterface", took);
    metrics.planned(took);
    metrics.acted("attach", Outcome::Done);
    metrics.drift_repaired("mtu");
    metrics.released(Outcome::Done);
    metrics.lock_waited("claim", took);
    metrics.acquired(Outcome::Done, took);
    metrics.link_ready(took);
    metrics.files_set_aside(1);
    metrics.show(&status(&[(0, 4), (1, 5), (1, 4)], 2));
    metrics
}

/// Pools `exclusive-N` and `shared-N` (N odd) with ENIs in these states; a shared one has a free, a resting and a used
/// address each.
fn status(enis: &[(usize, usize)], pools: usize) -> Status {
    let holder = Holder::of_owner(&Owner { network: "n".into(), container_id: "c".into(), ifname: "net1".into() });
    let address = |state| AddressView { address: "10.0.0.9".parse().unwrap(), state };
    let eni = |&(pool, state): &(usize, usize)| {
        let sharing = if pool % 2 == 1 { Sharing::Shared } else { Sharing::Exclusive };
        let shared = vec![
            address(AddressState::OfHost),
            address(AddressState::Free),
            address(AddressState::Used { holder: holder.clone() }),
        ];
        EniView {
            pool: Some(format!("pool-{}", pool % pools).parse().unwrap()),
            sharing,
            addresses: if sharing == Sharing::Shared { shared } else { vec![address(AddressState::OfEni)] },
            ..EniView::in_state(STATES[state % STATES.len()])
        }
    };
    Status { enis: enis.iter().map(eni).collect(), slots: Some(Slots { limit: 8, used: 3 }), ..Status::default() }
        .counted()
}

/// Where `tests/prepare` puts it, else wherever it is found.
fn promtool() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = || set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    let lab = set("MULTI_ENI_LAB").or_else(|| cache().map(|cache| cache.join("multi-eni/lab")));
    lab.map(|lab| lab.join("bin/promtool")).filter(|path| path.exists()).unwrap_or_else(|| "promtool".into())
}

#[test]
fn promtool_has_nothing_to_say() {
    let mut promtool = Command::new(promtool())
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool of Debian's package prometheus, which tests/prepare fetches");
    let text = full().text();
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let said = promtool.wait_with_output().unwrap();
    let words = [said.stdout, said.stderr].map(|part| String::from_utf8(part).unwrap()).concat();
    assert!(said.status.success() && words.is_empty(), "{words}\n{text}");
}

#[test]
fn the_names_that_dashboards_are_built_on() {
    let text = full().text();
    for line in [
        "# TYPE eni_creation_duration_seconds histogram",
        "eni_creation_duration_seconds_count{subnet=\"subnet-1\",result=\"ok\"} 1",
        "# TYPE eni_attachment_errors_total counter",
        "eni_attachment_errors_total{error_type=\"limit\"} 1",
        "eni_attachment_errors_total{error_type=\"denied\"} 0",
        "multi_eni_pool_enis{pool=\"pool-0\",state=\"ready\"} 1",
        "multi_eni_pool_addresses{pool=\"pool-1\",state=\"free\"} 2",
        "multi_eni_ec2_calls_total{action=\"CreateNetworkInterface\",result=\"throttled\"} 1",
        "multi_eni_ec2_throttled_total{action=\"CreateNetworkInterface\"} 1",
        "multi_eni_ec2_throttle_wait_seconds_total{action=\"CreateNetworkInterface\"} 0.03",
        "multi_eni_plans_total 1",
        "multi_eni_actions_total{action=\"attach\",result=\"ok\"} 1",
        "multi_eni_drift_repaired_total{kind=\"mtu\"} 1",
        "multi_eni_releases_total{result=\"ok\"} 1",
        "multi_eni_lock_wait_seconds_count{lock=\"claim\"} 1",
        "multi_eni_acquire_duration_seconds_count{result=\"ok\"} 1",
        "multi_eni_link_ready_duration_seconds_count 1",
        "multi_eni_plan_duration_seconds_count 1",
        "multi_eni_quarantined_files_total 1",
        "multi_eni_info{version=\"0.1.0\"} 1",
        "multi_eni_slots{kind=\"free\"} 5",
    ] {
        assert!(text.lines().any(|other| other == line), "{line}\n{text}");
    }
    for name in ["process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "process_max_fds"] {
        assert!(text.lines().any(|line| line.starts_with(&format!("{name} "))), "{name}\n{text}");
    }
}

#[test]
fn obs_1_a_thousand_error_texts_make_no_series() {
    let metrics = full();
    let show = |text: &str| {
        let mut shown = status(&[(0, 4), (1, 5), (1, 4)], 2);
        for eni in &mut shown.enis {
            eni.last_error = Some(text.to_string());
            eni.doing = Some(text.to_string());
        }
        shown.notes.push(text.to_string());
        metrics.show(&shown);
    };
    let before = series(&metrics);
    for number in 0..1000 {
        let text = format!("RequestLimitExceeded: request {number:08x} of eni-{number:017x}");
        metrics.attachment_failed(CLASSES[number % CLASSES.len()]);
        metrics.ec2_called("CreateNetworkInterface", Outcome::Failed("throttled"), Duration::ZERO);
        show(&text);
    }
    assert_eq!(series(&metrics), before);
}

#[test]
fn obs_1_subnets_that_come_and_go_make_series_up_to_a_bound() {
    let metrics = full();
    let create = |number: usize| metrics.created(&format!("subnet-{number}"), Outcome::Done, Duration::ZERO);
    (0..200).for_each(create);
    let before = series(&metrics).len();
    (200..1200).for_each(create);
    assert_eq!(series(&metrics).len(), before);
    assert!(metrics.text().contains("eni_creation_duration_seconds_count{subnet=\"other\",result=\"ok\"}"));
}

#[test]
fn a_pool_that_is_gone_has_no_gauge() {
    let metrics = full();
    metrics.show(&Status::default());
    assert!(!metrics.text().contains("multi_eni_pool_enis") && !metrics.text().contains("multi_eni_slots"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn obs_1_gauges_are_what_the_enis_are(enis in prop::collection::vec((0_usize..4, 0_usize..12), 0..40)) {
        let metrics = Metrics::new("0.1.0", &CLASSES);
        metrics.show(&status(&enis, 4));
        let mut counted: BTreeMap<String, f64> = BTreeMap::new();
        let mut addresses: BTreeMap<String, f64> = BTreeMap::new();
        for &(pool, state) in &enis {
            let word = state_word(STATES[state]);
            *counted.entry(format!("multi_eni_pool_enis{{pool=\"pool-{pool}\",state=\"{word}\"}}")).or_default() += 1.0;
            if pool % 2 == 1 && STATES[state].is_on_node() {
                for word in ["free", "used"] {
                    let name = format!("multi_eni_pool_addresses{{pool=\"pool-{pool}\",state=\"{word}\"}}");
                    *addresses.entry(name).or_default() += 1.0;
                }
            }
        }
        let shown = |name: &str| {
            values(&metrics, name).into_iter().filter(|(_, value)| *value > 0.0).collect::<BTreeMap<_, _>>()
        };
        prop_assert_eq!(shown("multi_eni_pool_enis"), counted);
        prop_assert_eq!(shown("multi_eni_pool_addresses"), addresses);
    }
}

/// What is shown of devices.
fn devices() -> Metrics {
    let metrics = Metrics::new("0.1.0", &CLASSES);
    let resource = ResourceView {
        name: "intel.com/ena".to_string(),
        devices: 3,
        healthy: 2,
        given_out: 1,
        registrations: 4,
        ..ResourceView::default()
    };
    let bound = |write_combining: &str| {
        let device = Seen { write_combining: Some(write_combining.to_string()), ..Seen::default() };
        EniView { device, ..EniView::in_state(State::Ready) }
    };
    let enis = vec![bound("no"), bound("no"), bound("unknown"), EniView::in_state(State::Ready)];
    metrics.show(&Status { resources: vec![resource], enis, ..Status::default() });
    metrics
}

#[test]
fn the_page_of_the_metrics_names_each_of_them() {
    let page = include_str!("../../../../../docs/metrics.md");
    for text in [full().text(), devices().text()] {
        for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let name = line.split(' ').next().unwrap();
            assert!(page.contains(&format!("`{name}`")), "docs/metrics.md does not name {name}");
        }
    }
}

#[test]
fn vfi_5_devices_are_counted_by_resource_and_by_how_their_memory_is_written() {
    let text = devices().text();
    for line in [
        r#"multi_eni_devices{resource="intel.com/ena",health="healthy"} 2"#,
        r#"multi_eni_devices{resource="intel.com/ena",health="unhealthy"} 1"#,
        r#"multi_eni_devices_allocated{resource="intel.com/ena"} 1"#,
        r#"multi_eni_device_registrations_total{resource="intel.com/ena"} 4"#,
        r#"multi_eni_device_write_combining{combined="no"} 2"#,
        r#"multi_eni_device_write_combining{combined="unknown"} 1"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}
