//! Version 2 and nothing else.

use std::time::Duration;

use crate::client::Lab;

const TTL: &str = "X-aws-ec2-metadata-token-ttl-seconds";
const TOKEN: &str = "X-aws-ec2-metadata-token";

#[test]
fn without_a_token_that_is_known_and_alive_nothing_is_told() {
    let lab = Lab::new();
    let get = "GET /latest/meta-data/instance-id";
    assert_eq!(lab.request(get, &[]).status, 401);
    assert_eq!(lab.request(get, &[(TOKEN, "made-up")]).status, 401);
    let token = lab.token();
    assert_eq!(lab.request(get, &[(TOKEN, &token)]).status, 200);
    lab.imds.advance(Duration::from_secs(300));
    assert_eq!(lab.request(get, &[(TOKEN, &token)]).status, 401);
}

#[test]
fn a_token_needs_a_life_of_1_to_21600_seconds() {
    let lab = Lab::new();
    let put = "PUT /latest/api/token";
    assert_eq!(lab.request(put, &[]).status, 400);
    assert_eq!(lab.request(put, &[(TTL, "0")]).status, 400);
    assert_eq!(lab.request(put, &[(TTL, "21601")]).status, 400);
    let reply = lab.request(put, &[(TTL, "21600")]);
    assert_eq!(reply.status, 200);
    assert!(reply.head.contains("x-aws-ec2-metadata-token-ttl-seconds: 21600"), "{}", reply.head);
}

#[test]
fn a_forwarded_request_and_a_wrong_method_get_no_token() {
    let lab = Lab::new();
    let forwarded = [(TTL, "60"), ("X-Forwarded-For", "10.0.0.1")];
    assert_eq!(lab.request("PUT /latest/api/token", &forwarded).status, 403);
    assert_eq!(lab.request("GET /latest/api/token", &[]).status, 405);
}
