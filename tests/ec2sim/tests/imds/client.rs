//! A machine with two ENIs and a client of a few lines: it shows what is on the wire, with no retry of its own.

use std::io::{Read, Write};
use std::net::TcpStream;

use ec2sim::{Eni, Fabric, Imds, Netns, Subnet};

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

pub(crate) struct Lab {
    pub(crate) fabric: Fabric,
    pub(crate) machine: Netns,
    pub(crate) subnet: Subnet,
    pub(crate) second: Eni,
    pub(crate) imds: Imds,
}

impl Lab {
    pub(crate) fn with_cards(cards: u32) -> Self {
        let fabric = Fabric::new();
        let machine = Netns::create().unwrap();
        let vpc = fabric.vpc("10.0.0.0/16").and_ipv4("100.64.0.0/16").ipv6("2001:db8::/56").create().unwrap();
        let subnet = vpc.subnet("10.0.1.0/24").ipv6("2001:db8:0:1::/64").create().unwrap();
        let node = fabric.instance_in(&machine).id("i-0123456789abcdef0").network_cards(cards).create().unwrap();
        let first = subnet.eni().address("10.0.1.10").group("sg-1", "web").create().unwrap();
        first.attach(&node).index(0).now().unwrap();
        let second = subnet.eni().address("10.0.1.20").secondary("10.0.1.21").mac("02:00:00:00:aa:01");
        let second = second.ipv6("2001:db8:0:1::20").ipv4_prefix("10.0.1.64/28").create().unwrap();
        second.attach(&node).index(1).card(cards - 1).named("ens6").now().unwrap();
        let imds = Imds::of(&node).serve().unwrap();
        Self { fabric, machine, subnet, second, imds }
    }

    pub(crate) fn new() -> Self {
        Self::with_cards(1)
    }

    pub(crate) fn request(&self, line: &str, headers: &[(&str, &str)]) -> Reply {
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let address = self.imds.address();
        let exchange = || {
            let mut stream = TcpStream::connect(address).unwrap();
            let request = format!("{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n");
            stream.write_all(request.as_bytes()).unwrap();
            let mut reply = String::new();
            stream.read_to_string(&mut reply).unwrap();
            reply
        };
        let reply = self.machine.run(exchange).unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Reply { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    pub(crate) fn token(&self) -> String {
        self.request("PUT /latest/api/token", &[("X-aws-ec2-metadata-token-ttl-seconds", "300")]).body
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        let token = self.token();
        self.request(&format!("GET {path}"), &[("X-aws-ec2-metadata-token", &token)])
    }

    /// A key below `/latest/meta-data/`; nothing for 404.
    pub(crate) fn meta(&self, key: &str) -> Option<String> {
        let reply = self.get(&format!("/latest/meta-data/{key}"));
        match reply.status {
            200 => Some(reply.body),
            status => {
                assert_eq!(status, 404, "{key}");
                None
            }
        }
    }
}
