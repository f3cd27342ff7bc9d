//! The wish of the runtime that a plugin stops.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

/// A signal that asks to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    /// SIGTERM
    Terminate,
    /// SIGINT
    Interrupt,
    /// SIGHUP
    Hangup,
    /// SIGQUIT
    Quit,
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
            Self::Hangup => "SIGHUP",
            Self::Quit => "SIGQUIT",
        })
    }
}

/// Tells whether the process was asked to stop. Clones are one and the same.
#[derive(Clone, Debug)]
pub struct Interrupt(Arc<watch::Sender<Option<Signal>>>);

impl Interrupt {
    /// One that is not raised.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }

    /// Whether a signal came.
    pub fn is_raised(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Waits for the signal; forever if none comes.
    pub async fn raised(&self) -> Signal {
        let mut state = self.0.subscribe();
        loop {
            if let Some(signal) = *state.borrow_and_update() {
                return signal;
            }
            if state.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Raises it. The first signal stays.
    pub fn raise(&self, signal: Signal) {
        self.0.send_if_modified(|state| {
            let first = state.is_none();
            state.get_or_insert(signal);
            first
        });
    }
}

impl Default for Interrupt {
    fn default() -> Self {
        Self::new()
    }
}

/// Raises `interrupt` for the signals of the process. Never ends but with the error that a handler could not be set.
pub(crate) async fn listen(interrupt: &Interrupt) -> std::io::Error {
    use tokio::signal::unix::{SignalKind, signal};
    let streams = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
        signal(SignalKind::hangup()),
        signal(SignalKind::quit()),
    );
    let (mut terminate, mut int, mut hangup, mut quit) = match streams {
        (Ok(a), Ok(b), Ok(c), Ok(d)) => (a, b, c, d),
        (Err(error), ..) | (_, Err(error), ..) | (_, _, Err(error), _) | (.., Err(error)) => return error,
    };
    loop {
        let signal = tokio::select! {
            Some(()) = terminate.recv() => Signal::Terminate,
            Some(()) = int.recv() => Signal::Interrupt,
            Some(()) = hangup.recv() => Signal::Hangup,
            Some(()) = quit.recv() => Signal::Quit,
            else => std::future::pending().await,
        };
        interrupt.raise(signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_are_one_and_the_first_signal_stays() {
        let interrupt = Interrupt::new();
        let clone = interrupt.clone();
        assert!(!clone.is_raised());
        interrupt.raise(Signal::Terminate);
        interrupt.raise(Signal::Quit);
        assert!(clone.is_raised());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(clone.raised()), Signal::Terminate);
    }

    #[test]
    fn a_waiting_one_is_woken() {
        let interrupt = Interrupt::new();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let raise = async { interrupt.raise(Signal::Hangup) };
        let (signal, ()) = runtime.block_on(async { tokio::join!(interrupt.raised(), raise) });
        assert_eq!(signal.to_string(), "SIGHUP");
    }
}
