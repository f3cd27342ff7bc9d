//! Signals that end the demo. Its processes in the node get those of a terminal too, so what fails after one came is no
//! fault.

use std::panic::{self, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Whether one came.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt {
    came: Arc<AtomicBool>,
}

impl Interrupt {
    /// From now on SIGINT, SIGTERM and SIGHUP do not end the process but are noted.
    pub(crate) fn watch() -> Self {
        let came = Arc::new(AtomicBool::new(false));
        for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
            let runtime = Builder::new_current_thread().enable_io().build().expect("a runtime for signals");
            let entered = runtime.enter();
            let signals = signal(kind).expect("a handler of a signal");
            drop(entered);
            let noted = Arc::clone(&came);
            thread::spawn(move || note(&runtime, signals, &noted));
        }
        Self { came }
    }

    pub(crate) fn came(&self) -> bool {
        self.came.load(Ordering::Acquire)
    }

    /// Unwinds if one came: what was made is taken down on the way.
    pub(crate) fn check(&self) {
        if self.came() {
            resume_unwind(Box::new("interrupted"));
        }
    }

    /// Panics are told only if none came.
    pub(crate) fn silence_panics(&self) {
        let (interrupt, tell) = (self.clone(), panic::take_hook());
        panic::set_hook(Box::new(move |panic| {
            if !interrupt.came() {
                tell(panic);
            }
        }));
    }
}

fn note(runtime: &Runtime, mut signals: Signal, noted: &AtomicBool) {
    while runtime.block_on(signals.recv()).is_some() {
        noted.store(true, Ordering::Release);
    }
}
