//! What can go wrong with the service, to order.

use std::thread;
use std::time::Duration;

use ec2sim::Trigger;

use crate::client::Lab;

const LIMIT: Duration = Duration::from_secs(60);
const ID: &str = "/latest/meta-data/instance-id";

#[test]
fn a_fault_counts_for_its_path_and_its_number_of_requests() {
    let lab = Lab::new();
    lab.imds.at("meta-data/instance-id").times(2).is_broken();
    assert_eq!(lab.get("/latest/meta-data/instance-type").status, 200);
    assert_eq!([lab.get(ID).status, lab.get(ID).status, lab.get(ID).status], [500, 500, 200]);
}

#[test]
fn a_part_is_missing_or_empty_or_refused_until_it_is_healed() {
    let lab = Lab::new();
    lab.imds.at("meta-data/network").is_missing();
    assert_eq!(lab.get("/latest/meta-data/network/interfaces/macs/").status, 404);
    lab.imds.at("meta-data/instance-id").is_empty();
    let empty = lab.get(ID);
    assert_eq!((empty.status, empty.body.as_str()), (200, ""));
    lab.imds.at("meta-data/instance-type").refuses();
    assert_eq!(lab.get("/latest/meta-data/instance-type").status, 401);
    lab.imds.heal();
    assert_eq!(lab.get(ID).body, "i-0123456789abcdef0");
}

#[test]
fn no_token_is_a_fault_too() {
    let lab = Lab::new();
    lab.imds.at("api/token").times(1).is_broken();
    let ttl = [("X-aws-ec2-metadata-token-ttl-seconds", "60")];
    assert_eq!(lab.request("PUT /latest/api/token", &ttl).status, 500);
    assert_eq!(lab.request("PUT /latest/api/token", &ttl).status, 200);
}

#[test]
fn a_stale_answer_is_of_the_time_of_the_snapshot() {
    let lab = Lab::new();
    let before = lab.imds.snapshot().unwrap();
    lab.second.assign("10.0.1.99").unwrap();
    let key = "network/interfaces/macs/02:00:00:00:aa:01/local-ipv4s";
    lab.imds.at("meta-data/network").times(1).is_stale(&before);
    assert!(!lab.meta(key).unwrap().contains("10.0.1.99"));
    assert!(lab.meta(key).unwrap().contains("10.0.1.99"));
}

#[test]
fn an_answer_waits_for_its_trigger_and_tells_what_is_so_then() {
    let lab = Lab::new();
    let trigger = Trigger::new();
    lab.imds.at("meta-data/network").times(1).waits_for(&trigger);
    let key = "network/interfaces/macs/02:00:00:00:aa:01/local-ipv4s";
    thread::scope(|scope| {
        let reader = scope.spawn(|| lab.meta(key).unwrap());
        let held = lab.imds.await_requests("meta-data/network", 1, LIMIT).unwrap();
        assert_eq!(held[0].status, None);
        lab.second.assign("10.0.1.99").unwrap();
        trigger.fire();
        assert!(reader.join().unwrap().contains("10.0.1.99"));
    });
}

#[test]
fn an_answer_waits_for_so_many_more_requests() {
    let lab = Lab::new();
    lab.imds.at("meta-data/instance-id").times(1).waits_for_requests(2);
    thread::scope(|scope| {
        let reader = scope.spawn(|| lab.get(ID));
        lab.imds.await_requests("meta-data/instance-id", 1, LIMIT).unwrap();
        assert_eq!(lab.imds.requests_to("meta-data/instance-id")[0].status, None);
        lab.get("/latest/meta-data/mac");
        assert_eq!(reader.join().unwrap().status, 200);
    });
}

#[test]
fn a_hanging_service_holds_the_connection_until_it_ends() {
    let lab = Lab::new();
    lab.imds.at("meta-data/instance-id").hangs();
    let token = lab.token();
    let address = lab.imds.address();
    let Lab { fabric: _fabric, machine, imds, .. } = lab;
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let request = format!("GET {ID} HTTP/1.1\r\nHost: imds\r\nX-aws-ec2-metadata-token: {token}\r\n\r\n");
            machine.run(|| exchange(address, &request)).unwrap()
        });
        imds.await_requests("meta-data/instance-id", 1, LIMIT).unwrap();
        assert_eq!(imds.requests_to("meta-data/instance-id")[0].status, None);
        drop(imds);
        assert_eq!(reader.join().unwrap(), "");
    });
}

fn exchange(address: std::net::SocketAddr, request: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut reply = String::new();
    // The server may end the connection with a reset: no answer either way.
    stream.read_to_string(&mut reply).unwrap_or_default();
    reply
}
