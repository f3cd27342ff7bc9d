//! What the agent shows of itself: metrics, health, log, status.

use std::time::{Duration, Instant};

use e2e::{Cloud, Invocation, binaries};
use ec2sim::Action;
use nix::sys::signal::Signal;
use serde_json::json;

use crate::{POOL, fixed, with_pool};

/// How soon a service that is gone, or is back, has to be seen.
const SEEN_IN: Duration = Duration::from_secs(30);

#[test]
fn obs_1_the_metrics_are_right_and_those_of_creation_and_attachment_move() {
    let cloud = Cloud::new();
    cloud.declare(POOL, &fixed(0));
    cloud.start();
    assert_eq!(cloud.metric("eni_creation_duration_seconds_count"), 0.0);
    assert_eq!(cloud.metric("eni_attachment_errors_total"), 0.0);
    let series = |text: &str| text.lines().filter(|line| line.starts_with("eni_attachment_errors_total")).count();
    assert_eq!(series(&cloud.metrics()), 9, "a series for each class, from the start");
    cloud.ec2.at(Action::AttachNetworkInterface).times(1).refuses("IncorrectState");
    cloud.declare(POOL, &fixed(2));
    cloud.until_ready(POOL, 2);
    let creation = format!("eni_creation_duration_seconds_count{{subnet=\"{}\",result=\"ok\"}}", cloud.subnet.id());
    assert_eq!(cloud.metric(&creation), 2.0, "{}", cloud.metrics());
    assert_eq!(cloud.metric("eni_attachment_errors_total{error_type=\"in_use\"}"), 1.0);
    assert_eq!(cloud.metric("multi_eni_pool_enis{pool=\"data\",state=\"ready\"}"), 2.0);
    assert_eq!(cloud.metric("multi_eni_link_ready_duration_seconds_count"), 2.0, "{}", cloud.metrics());
    assert_eq!(series(&cloud.metrics()), 9);
    assert_eq!(cloud.linted_metrics(), "");
}

#[test]
fn obs_1_gauges_are_what_the_inventory_is() {
    let cloud = with_pool(2);
    let pod = cloud.host.netns("pod1");
    crate::add(&cloud, &pod, "c1");
    let gauge =
        |cloud: &Cloud, state: &str| cloud.metric(&format!("multi_eni_pool_enis{{pool=\"data\",state=\"{state}\"}}"));
    cloud.until("one is in use", |cloud| (gauge(cloud, "ready"), gauge(cloud, "in-use")) == (1.0, 1.0));
    cloud.declare(POOL, &fixed(0));
    cloud.until("the free one is gone", |cloud| (gauge(cloud, "ready"), gauge(cloud, "in-use")) == (0.0, 1.0));
}

#[test]
fn readiness_turns_when_ec2_stops_and_when_it_is_back() {
    let cloud = with_pool(1);
    cloud.until("ready", |cloud| cloud.page("/readyz").is_some_and(|page| page.status == 200));
    let calls = cloud.calls().len();
    let turns = |cloud: &Cloud, status: u16| {
        let begin = Instant::now();
        cloud.until_within(SEEN_IN, &format!("/readyz is {status}"), |cloud| {
            cloud.page("/readyz").is_some_and(|page| page.status == status)
        });
        begin.elapsed()
    };
    let address = cloud.stop_ec2();
    turns(&cloud, 503);
    let page = cloud.page("/readyz").unwrap();
    assert!(page.text.contains("ec2: not ready, cannot connect"), "{}", page.text);
    assert_eq!(cloud.page("/healthz").unwrap().status, 200, "the agent itself lives");
    cloud.serve_ec2(&address);
    turns(&cloud, 200);
    let page = cloud.page("/readyz").unwrap();
    let lines: Vec<&str> = page.text.lines().filter_map(|line| line.split(':').next()).collect();
    assert_eq!(lines, ["ec2", "imds", "kernel", "records"], "{}", page.text);
    assert!(cloud.calls().len() <= calls + 1, "health costs no call\n{cloud}");
}

#[test]
fn upg_3_status_is_50_before_the_first_pass_and_a_success_after_it() {
    let cloud = Cloud::new();
    cloud.declare(POOL, &fixed(1));
    let pod = cloud.host.netns("pod1");
    let status = |cloud: &Cloud| -> Invocation {
        cloud.call(&pod, "c1", &json!({"cniVersion": "1.1.0", "pool": POOL})).verb("STATUS")
    };
    let error = status(&cloud).run(&cloud.host).error();
    assert_eq!(error.code, 50, "{error:?}");
    cloud.start();
    status(&cloud).run(&cloud.host).empty();
    cloud.until_ready(POOL, 1);
    cloud.kill();
    status(&cloud).run(&cloud.host).empty();
}

#[test]
fn sec_1_no_credential_is_in_log_status_or_pages_at_any_level() {
    for format in ["text", "json"] {
        let cloud = Cloud::builder().agent(&format!("log_level = \"trace\"\nlog_format = {format:?}")).build();
        cloud.ec2.at(Action::CreateNetworkInterface).times(1).refuses("AuthFailure");
        cloud.declare(POOL, &fixed(1));
        cloud.start();
        cloud.until("it is refused", |cloud| cloud.log().contains("AuthFailure"));
        cloud.ec2.expire(e2e::cloud::AGENT);
        cloud.declare(POOL, &fixed(2));
        cloud.until("they have expired", |cloud| cloud.log().contains("RequestExpired"));
        let (status, pages) = (cloud.status().unwrap().to_string(), ["/metrics", "/healthz", "/readyz"]);
        let pages = pages.map(|path| cloud.page(path).unwrap().text);
        assert!(cloud.terminate().success(), "{cloud}");
        let log = cloud.log();
        for text in [&log, &status, &pages[0], &pages[1], &pages[2]] {
            for secret in [e2e::cloud::SECRET, e2e::cloud::TOKEN, "Signature="] {
                assert!(!text.contains(secret), "{secret} is shown:\n{text}");
            }
        }
        if format == "json" {
            for line in log.lines() {
                let line: serde_json::Value =
                    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
                assert!(line["time"].is_string() && line["level"].is_string(), "{line}");
            }
        }
    }
}

#[test]
fn a_line_that_comes_again_is_written_once_with_its_count() {
    let cloud = with_pool(1);
    for _ in 0..5 {
        cloud.signal(Signal::SIGHUP);
        // The answer is of a pass after it.
        assert!(cloud.status().is_some());
    }
    assert!(cloud.terminate().success(), "{cloud}");
    let log = cloud.log();
    let of_signal: Vec<&str> = log.lines().filter(|line| line.contains("everything is looked at again")).collect();
    assert!(
        matches!(of_signal[..], [first, count] if !first.contains("times more") && count.contains(" times more in ")),
        "{log}"
    );
}

#[test]
fn obs_2_a_plugin_that_was_killed_is_told_of_once() {
    let cloud = with_pool(1);
    let pod = cloud.host.netns("pod1");
    let config = json!({"pool": POOL, "ipam": {"type": "multi-eni-ipam"}});
    let dying = cloud.call_of(&binaries::multi_eni_faulty(), &pod, "c1", &config).env("MULTI_ENI_KILL_AT", "4");
    let outcome = dying.run(&cloud.host);
    assert_eq!(outcome.output.signal(), Some(9), "{}", outcome.output);
    crate::del(&cloud, &pod, "c1");
    let told = |text: &str| text.matches("multi-eni ADD for container c1").count();
    cloud.until("it is told of", |cloud| told(&cloud.status().unwrap()["notes"].to_string()) == 1);
    cloud.until_ready(POOL, 1);
    let text = String::from_utf8(cloud.agent(&["status"]).stdout).unwrap();
    assert_eq!(told(&text), 1, "{text}");
    assert_eq!(told(&cloud.log()), 1, "{cloud}");
    cloud.restart();
    assert_eq!(told(&cloud.log()), 1, "{cloud}");
}

#[test]
fn status_is_read_from_the_records_where_no_agent_runs() {
    let cloud = with_pool(1);
    cloud.kill();
    let text = String::from_utf8(cloud.agent(&["status"]).stdout).unwrap();
    assert!(
        text.contains("no agent answers") && text.contains(crate::only(&cloud).network_interface_id.as_str()),
        "{text}"
    );
    let output = cloud.agent(&["status", "--output", "json"]);
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(status["pools"][0]["enis"], json!({"ready": 1}), "{status:#}");
}
