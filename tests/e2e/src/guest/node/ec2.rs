//! The region, as the guest reaches it.

use std::io::{Read, Write};
use std::net::TcpStream;

use node::inventory::Entry;
use serde_json::Value;

use super::Node;
use crate::LIMIT;
use crate::cloud::{CLUSTER, CLUSTER_TAG};

/// A person at EC2's console, whom no policy holds back.
const PERSON: &str = "AKIAIOSFODNN7PERSON0";

impl Node {
    /// The project's ENIs that EC2 has.
    ///
    /// # Panics
    ///
    /// When the region is gone.
    #[must_use]
    pub fn enis(&self) -> Vec<Value> {
        let all: Value = serde_json::from_str(&http(&self.brief.control, "GET /enis", "", "")).expect("the ENIs");
        let ours = |eni: &Value| eni["tags"][CLUSTER_TAG] == CLUSTER;
        all.as_array().expect("a list of ENIs").iter().filter(|eni| ours(eni)).cloned().collect()
    }

    /// A person detaches an ENI that the agent attached.
    ///
    /// # Panics
    ///
    /// When EC2 refuses it.
    pub fn detach_by_hand(&self, entry: &Entry) {
        let id = entry.network_interface_id.as_str();
        let enis = self.enis();
        let eni = enis.iter().find(|eni| eni["network_interface_id"] == id).expect("an ENI that EC2 has");
        let attachment = eni["attachment"]["attachment_id"].as_str().expect("an ENI that is attached");
        let body = format!("Action=DetachNetworkInterface&AttachmentId={attachment}&Force=true&Version=2016-11-15");
        let header = format!("Authorization: AWS4-HMAC-SHA256 Credential={PERSON}/x\r\n");
        let answer = http(&self.brief.ec2, "POST /", &header, &body);
        assert!(answer.contains("<return>true</return>"), "{answer}");
    }
}

/// The body of an answer.
fn http(url: &str, line: &str, headers: &str, body: &str) -> String {
    let address = url.strip_prefix("http://").expect("an address of the host");
    let length = body.len();
    let request = format!(
        "{line} HTTP/1.1\r\nHost: region\r\n{headers}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let mut stream = TcpStream::connect(address).unwrap_or_else(|error| panic!("{address}: {error}"));
    stream.set_read_timeout(Some(LIMIT)).expect("a limit");
    stream.write_all(request.as_bytes()).expect("a server that reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
}
