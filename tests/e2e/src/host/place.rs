//! A thread that runs what it is sent, so that namespaces can be a thread's.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc;
use std::thread::{Builder, JoinHandle};

type Job = Box<dyn FnOnce() + Send>;

#[derive(Debug)]
pub(super) struct Place {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Place {
    /// A new thread, in the namespaces of the calling one.
    pub(super) fn start(name: &str) -> Self {
        let (jobs, inbox) = mpsc::channel::<Job>();
        let work = move || inbox.into_iter().for_each(|job| job());
        let thread = Builder::new().name(name.into()).spawn(work).expect("a thread for the node");
        Self { jobs: Some(jobs), thread: Some(thread) }
    }

    pub(super) fn run<T: Send + 'static>(&self, closure: impl FnOnce() -> T + Send + 'static) -> T {
        let (answer, outcome) = mpsc::channel();
        let job = Box::new(move || {
            // The other end waits for it, and a panic is to reach the test that caused it and not to end the thread.
            answer.send(catch_unwind(AssertUnwindSafe(closure))).ok();
        });
        self.jobs.as_ref().and_then(|jobs| jobs.send(job).ok()).expect("the node's thread");
        outcome.recv().expect("an answer of the node's thread").unwrap_or_else(|panic| resume_unwind(panic))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}
