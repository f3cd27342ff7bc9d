//! The agent's pages.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::Cloud;
use super::build::LISTEN;
use crate::{LIMIT, binaries};

/// A page, and the status that it came with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// HTTP's.
    pub status: u16,
    /// Its text.
    pub text: String,
}

impl Cloud {
    /// A page of the agent, as `/metrics`; nothing if nobody serves it.
    #[must_use]
    pub fn page(&self, path: &str) -> Option<Page> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {LISTEN}\r\nConnection: close\r\n\r\n");
        let answer = self.host.run(move || {
            let mut stream = TcpStream::connect(LISTEN).ok()?;
            stream.set_read_timeout(Some(LIMIT)).ok()?;
            stream.write_all(request.as_bytes()).ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).ok()?;
            Some(answer)
        })?;
        let (head, text) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Page { status, text: text.to_string() })
    }

    /// The agent's metrics.
    ///
    /// # Panics
    ///
    /// When nobody serves them.
    #[must_use]
    pub fn metrics(&self) -> String {
        let page = self.page("/metrics").expect("the agent's metrics");
        assert_eq!(page.status, 200, "{}", page.text);
        page.text
    }

    /// The sum of all series whose line begins so.
    #[must_use]
    pub fn metric(&self, beginning: &str) -> f64 {
        let metrics = self.metrics();
        let lines = metrics.lines().filter(|line| line.starts_with(beginning));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// What `promtool` has to say of the agent's metrics: nothing, if all is well.
    #[must_use]
    pub fn linted_metrics(&self) -> String {
        let output = self.host.command(binaries::promtool()).args(["check", "metrics"]).stdin(self.metrics()).output();
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), output.stderr);
        if output.status.success() { text } else { format!("{text}{}", output.status) }
    }
}
