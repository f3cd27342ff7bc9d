//! A client of a few lines.

use std::io::{Read, Write};
use std::net::TcpStream;

use ec2sim::{Ec2, Fabric, Instance, Server, Subnet};

pub(crate) struct Lab {
    pub(crate) ec2: Ec2,
    pub(crate) subnet: Subnet,
    pub(crate) node: Instance,
    pub(crate) server: Server,
    _fabric: Fabric,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(": "));
        headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The text of the first element of this name.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let (_, rest) = self.body.split_once(&format!("<{name}>"))?;
        Some(rest.split_once(&format!("</{name}>"))?.0)
    }
}

impl Lab {
    pub(crate) fn new() -> Self {
        let fabric = Fabric::on_paper();
        let ec2 = Ec2::of(&fabric);
        let vpc = fabric.vpc("10.0.0.0/16").create().unwrap();
        let subnet = vpc.subnet("10.0.1.0/24").create().unwrap();
        let node = fabric.instance().create().unwrap();
        let server = ec2.server().serve().unwrap();
        Self { ec2, subnet, node, server, _fabric: fabric }
    }

    /// Whether nothing listens.
    pub(crate) fn is_refused(&self) -> bool {
        TcpStream::connect(self.server.address()).is_err()
    }

    /// The answer, or nothing if the connection ended without one.
    pub(crate) fn post(&self, parameters: &str) -> Option<Answer> {
        let body = format!("{parameters}&Version=2016-11-15");
        let signature = "AWS4-HMAC-SHA256 Credential=AKIANODE/20260101/us-east-1/ec2/aws4_request, Signature=0";
        let request = format!(
            "POST / HTTP/1.1\r\nHost: ec2\r\nAuthorization: {signature}\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(self.server.address()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut reply = String::new();
        // The server may end the connection with a reset: no answer either way.
        stream.read_to_string(&mut reply).unwrap_or_default();
        let (head, body) = reply.split_once("\r\n\r\n")?;
        Some(Answer { status: head.split(' ').nth(1)?.parse().ok()?, head: head.to_owned(), body: body.to_owned() })
    }
}
