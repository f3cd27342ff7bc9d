//! The watches of many agents, and what the API server spends on them.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Builder;
use std::time::Duration;

use e2e::{Cluster, LIMIT};

use super::GROUP;
use super::objects::node_name;
use crate::wire::connect;

/// A thread reads lines, and no more.
const STACK: usize = 128 << 10;

/// The watches of so many agents: all NodeENIs, their own Node, and its pods.
pub(super) struct Crowd {
    nodes: usize,
    bytes: Arc<AtomicUsize>,
    node_enis: Receiver<()>,
}

impl Crowd {
    /// Opens them, and waits until each has told of what is there.
    pub(super) fn watch(socket: &Path, nodes: usize) -> Self {
        let bytes = Arc::new(AtomicUsize::new(0));
        let ((told, node_enis), (begun, is_begun)) = (channel(), channel());
        for node in (0..nodes).map(node_name) {
            let begins = format!("{GROUP}/nodeenis?watch=true&allowWatchBookmarks=true");
            spawn(socket, &begins, &bytes, Some(told.clone()), &begun);
            let own = format!("/api/v1/nodes?watch=true&allowWatchBookmarks=true&fieldSelector=metadata.name%3D{node}");
            spawn(socket, &own, &bytes, None, &begun);
            let pods = format!("/api/v1/pods?watch=true&allowWatchBookmarks=true&fieldSelector=spec.nodeName%3D{node}");
            spawn(socket, &pods, &bytes, None, &begun);
        }
        let crowd = Self { nodes, bytes, node_enis };
        (0..crowd.watches()).for_each(|_| is_begun.recv_timeout(LIMIT).unwrap());
        // A watch without a version begins with what is there.
        crowd.await_all_node_enis();
        crowd
    }

    pub(super) fn watches(&self) -> usize {
        3 * self.nodes
    }

    /// All that was read so far.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::SeqCst)
    }

    /// Waits until each agent has heard of one more NodeENI.
    pub(super) fn await_all_node_enis(&self) {
        (0..self.nodes).for_each(|_| self.node_enis.recv_timeout(LIMIT).unwrap());
    }
}

fn spawn(socket: &Path, path: &str, bytes: &Arc<AtomicUsize>, told: Option<Sender<()>>, begun: &Sender<()>) {
    let mut stream = connect(socket);
    stream.set_read_timeout(None).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
    let (bytes, begun) = (Arc::clone(bytes), begun.clone());
    // It ends with the cluster, whose end closes the stream.
    let read = move || {
        let mut lines = BufReader::new(stream);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 2) {
            line.clear();
        }
        // Who asked for it waits for no more when its test has failed.
        let _is_over = begun.send(());
        line.clear();
        while lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            bytes.fetch_add(line.len(), Ordering::SeqCst);
            let is_bookmark = line.starts_with(br#"{"type":"BOOKMARK""#);
            if let Some(told) = told.as_ref().filter(|_| !is_bookmark) {
                let _is_over = told.send(());
            }
            line.clear();
        }
    };
    Builder::new().stack_size(STACK).spawn(read).unwrap();
}

/// What the API server has spent and has now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spent {
    pub(super) cpu: Duration,
    /// In bytes.
    pub(super) memory: usize,
}

impl Spent {
    pub(super) fn since(self, before: &Self) -> Self {
        Self { cpu: self.cpu.saturating_sub(before.cpu), memory: self.memory.saturating_sub(before.memory) }
    }
}

/// That of the cluster's API server.
pub(super) fn of_processes(cluster: &Cluster) -> Spent {
    cluster.cloud.host.run(|| {
        let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
        let mut servers = processes.filter(|process| {
            fs::read_to_string(process.join("comm")).is_ok_and(|comm| comm.trim_end() == "kube-apiserver")
        });
        let server = servers.next().unwrap();
        let stat = fs::read_to_string(server.join("stat")).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        // proc_pid_stat(5): utime and stime, in hundredths of a second, and rss, in pages.
        let number = |field: usize| fields[field].parse::<usize>().unwrap();
        let ticks = number(11) + number(12);
        Spent { cpu: Duration::from_millis(u64::try_from(ticks * 10).unwrap()), memory: number(21) * 4096 }
    })
}
