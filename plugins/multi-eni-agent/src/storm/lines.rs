//! What the agent logs and where anything panics, by thread: each storm has one of its own.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Once;

use log::{LevelFilter, Log, Metadata, Record};

/// So many of the last lines are shown.
const MOST: usize = 60;

thread_local! {
    static LINES: RefCell<VecDeque<String>> = const { RefCell::new(VecDeque::new()) };
    static PANICS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

struct Lines {
    whole: bool,
}

impl Log for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let now = tokio::runtime::Handle::try_current().map(|_| tokio::time::Instant::now());
        let line = format!("{} {}", record.level(), record.args());
        if self.whole {
            println!("{now:?} {line}");
        }
        LINES.with_borrow_mut(|lines| {
            lines.push_back(line);
            if lines.len() > MOST {
                lines.pop_front();
            }
        });
    }

    fn flush(&self) {}
}

/// From now on; with `whole`, all of it is printed at once.
pub(super) fn listen(whole: bool) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_boxed_logger(Box::new(Lines { whole })).unwrap();
        log::set_max_level(LevelFilter::Debug);
        std::panic::set_hook(Box::new(|info| PANICS.with_borrow_mut(|panics| panics.push(info.to_string()))));
    });
}

pub(super) fn begin() {
    LINES.with_borrow_mut(VecDeque::clear);
    PANICS.with_borrow_mut(Vec::clear);
}

pub(super) fn panics() -> Vec<String> {
    PANICS.take()
}

pub(super) fn last() -> String {
    LINES.take().iter().map(|line| format!("  {line}\n")).collect()
}
