//! Where nobody is asked.

use std::io::ErrorKind;
use std::os::unix::net::UnixListener;
use std::time::Instant;

use crate::agent::listen;
use crate::{AT_ONCE, add, not_yet};
use e2e::Lab;
use e2e::lab::POOL;
use node::inventory::State;
use serde_json::json;

#[track_caller]
fn assert_nobody_came(listener: &UnixListener) {
    listener.set_nonblocking(true).unwrap();
    let came = listener.accept();
    assert!(matches!(&came, Err(error) if error.kind() == ErrorKind::WouldBlock), "{came:?}");
}

#[test]
fn thr_1_verbs_ask_nobody_while_the_pool_has_a_free_eni() {
    let lab = Lab::with_enis(2);
    let listener = listen(&lab);
    let pod = lab.host.netns("pod1");
    let config = json!({"pool": POOL, "ipam": {"type": "multi-eni-ipam"}});
    let call = lab.call(&pod, "c1", &config);
    let mut checked = config.clone();
    checked["prevResult"] = call.run(&lab.host).result();
    lab.call(&pod, "c1", &checked).verb("CHECK").run(&lab.host).empty();
    call.clone().verb("DEL").run(&lab.host).empty();
    let newest = json!({"cniVersion": "1.1.0", "pool": POOL, "cni.dev/valid-attachments": []});
    for verb in ["GC", "STATUS", "VERSION"] {
        assert!(lab.call(&pod, "c1", &newest).verb(verb).run(&lab.host).output.status.success());
    }
    assert_nobody_came(&listener);
}

#[test]
fn thr_1_only_an_add_asks_though_the_pool_is_empty() {
    let (lab, _) = not_yet(1);
    let listener = listen(&lab);
    let pod = lab.host.netns("pod1");
    add(&lab, &pod, "c1").verb("DEL").run(&lab.host).empty();
    let newest = json!({
        "cniVersion": "1.1.0", "pool": POOL, "statusOnExhaustion": true, "cni.dev/valid-attachments": [],
    });
    lab.call(&pod, "c1", &newest).verb("GC").run(&lab.host).empty();
    assert_eq!(lab.call(&pod, "c1", &newest).verb("STATUS").run(&lab.host).error().code, 50);
    assert_nobody_came(&listener);
}

#[test]
fn an_eni_that_is_named_is_asked_of_nobody() {
    let lab = Lab::with_enis(1);
    let mut entry = lab.entry(0);
    entry.state = State::Attaching;
    lab.write_entry(&entry);
    let listener = listen(&lab);
    let pod = lab.host.netns("pod1");
    let named = json!({"eni": entry.network_interface_id, "pool": POOL});
    assert_eq!(lab.call(&pod, "c1", &named).run(&lab.host).error().code, 11);
    assert_nobody_came(&listener);
}

#[test]
fn with_attach_never_an_add_is_refused_at_once() {
    let (lab, _) = not_yet(1);
    lab.write_settings("attach = \"never\"");
    let listener = listen(&lab);
    let pod = lab.host.netns("pod1");
    let began = Instant::now();
    let error = add(&lab, &pod, "c1").run(&lab.host).error();
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    assert_eq!(error.code, 11, "{error:?}");
    assert!(error.msg.contains("pool data has no ENI on this node"), "{error:?}");
    assert_nobody_came(&listener);
}
