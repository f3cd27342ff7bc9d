//! The machine's serial line: what the guest says.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// All lines so far. Each is shown when it comes, as a test's output is: that of one that fails.
#[derive(Debug, Clone, Default)]
pub(super) struct Serial {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    said: Mutex<Said>,
    more: Condvar,
}

#[derive(Debug, Default)]
struct Said {
    lines: Vec<String>,
    over: bool,
}

impl Serial {
    /// Listens until it is closed.
    pub(super) fn listen(line: impl Read + Send + 'static) -> Self {
        let serial = Self::default();
        let shared = Arc::clone(&serial.shared);
        thread::spawn(move || {
            for line in BufReader::new(line).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                show(&line);
                shared.push(line);
            }
            shared.end();
        });
        serial
    }

    /// Waits until a line is so, and gives whether one was; not, if the line ends before.
    ///
    /// # Panics
    ///
    /// When its time is over.
    pub(super) fn until(&self, limit: Duration, is_it: impl Fn(&str) -> bool) -> bool {
        let begin = Instant::now();
        let mut said = self.shared.said.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if said.lines.iter().any(|line| is_it(line)) {
                return true;
            }
            if said.over {
                return false;
            }
            let left = limit.saturating_sub(begin.elapsed());
            assert!(!left.is_zero(), "the guest hangs; its last line: {:?}", said.lines.last());
            said = self.shared.more.wait_timeout(said, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until it is closed.
    ///
    /// # Panics
    ///
    /// When its time is over.
    pub(super) fn until_over(&self, limit: Duration) {
        self.until(limit, |_| false);
    }

    /// The lines so far.
    pub(super) fn lines(&self) -> Vec<String> {
        self.shared.said.lock().unwrap_or_else(PoisonError::into_inner).lines.clone()
    }
}

impl Shared {
    fn push(&self, line: String) {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).lines.push(line);
        self.more.notify_all();
    }

    fn end(&self) {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).over = true;
        self.more.notify_all();
    }
}

#[expect(clippy::print_stdout, reason = "what is printed so, and only that, is kept back of tests that come out right")]
fn show(line: &str) {
    println!("{line}");
}
