//! A panic as an error of the protocol.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use crate::{Code, Error};

thread_local! {
    static CAPTURING: Cell<bool> = const { Cell::new(false) };
    static CAPTURED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `body`. Its panic becomes an error of code 999 with the place in its details, and nothing is printed.
///
/// The process's hook is wrapped once; panics outside of a `body`, on other threads too, go to the hook that was there.
pub(crate) fn captured<T>(body: impl FnOnce() -> T) -> Result<T, Error> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = take_hook();
        set_hook(Box::new(move |info| if CAPTURING.get() { record(info) } else { previous(info) }));
    });
    let outer = CAPTURING.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(body));
    CAPTURING.set(outer);
    outcome.map_err(|_| {
        let place = CAPTURED.take().unwrap_or_else(|| "place unknown".to_owned());
        Error::new(Code::INTERNAL, "the plugin has a bug: it panicked, please report it").with_details(place)
    })
}

/// Keeps the first panic: those that follow while it unwinds are its consequences.
fn record(info: &PanicHookInfo<'_>) {
    let message = info.payload_as_str().unwrap_or("a value that is no text");
    let text = match info.location() {
        Some(location) => format!("{location}: {message}"),
        None => message.to_owned(),
    };
    CAPTURED.with_borrow_mut(|captured| {
        captured.get_or_insert(text);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_panic_is_in_the_details() {
        let error = captured(|| panic!("no {}", "way")).unwrap_err();
        assert_eq!(error.code, Code::INTERNAL);
        assert!(error.details.starts_with("shared/cni/src/panics.rs:"), "{error}");
        assert!(error.details.ends_with(": no way"), "{error}");
    }

    #[test]
    fn what_follows_one_panic_is_not_told_of_the_next() {
        captured(|| panic!("first")).unwrap_err();
        let error = captured(|| std::panic::panic_any(7_u8)).unwrap_err();
        assert!(error.details.ends_with(": a value that is no text"), "{error}");
        assert_eq!(captured(|| 3), Ok(3));
    }
}
