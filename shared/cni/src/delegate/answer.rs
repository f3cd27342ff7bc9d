//! What a delegate's exit status and stdout mean.

use std::os::unix::process::ExitStatusExt;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::Delegate;
use crate::{CniResult, Code, Error, ProgramOutput, Version};

/// The most bytes of a strange answer that are shown.
const EXCERPT: usize = 200;

/// Reads the answer to an ADD.
pub(super) fn result(delegate: &Delegate, output: &ProgramOutput, fallback: Version) -> Result<CniResult, Error> {
    succeeded(delegate, output)?;
    if is_blank(&output.stdout) {
        return Err(delegate.error(Code::DECODE, "ADD ended with success but without a result"));
    }
    let value = document(delegate, &output.stdout)?;
    CniResult::decode(&value, fallback)
        .map_err(|error| delegate.error(Code::DECODE, format!("its result is not valid: {error}")))
}

/// Reads the answer to the other verbs, which say nothing on success.
pub(super) fn nothing(delegate: &Delegate, output: &ProgramOutput) -> Result<(), Error> {
    succeeded(delegate, output)?;
    if !is_blank(&output.stdout) {
        log::warn!("plugin {}: ignoring what it wrote to stdout besides success", delegate.plugin_type);
    }
    Ok(())
}

fn succeeded(delegate: &Delegate, output: &ProgramOutput) -> Result<(), Error> {
    if output.status.success() {
        return Ok(());
    }
    if let Some(signal) = output.status.signal() {
        let name = Signal::try_from(signal).map_or_else(|_| format!("signal {signal}"), |signal| signal.to_string());
        return Err(delegate.error(Code::INTERNAL, format!("was killed by {name}")));
    }
    if is_blank(&output.stdout) {
        return Err(delegate.error(Code::INTERNAL, format!("failed without an error, {}", output.status)));
    }
    Err(error(delegate, output))
}

/// The error that the delegate reports, unchanged.
fn error(delegate: &Delegate, output: &ProgramOutput) -> Error {
    let value = match document(delegate, &output.stdout) {
        Ok(value) => value,
        Err(error) => return error,
    };
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = value.get("code").and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok());
    let code = number.and_then(Code::new).unwrap_or(Code::INTERNAL);
    let (msg, details) = (text("msg"), text("details"));
    if msg.is_empty() {
        let error = delegate.error(code, format!("failed without a message, {}", output.status));
        return error.with_details(details);
    }
    Error { code, msg, details }
}

fn document(delegate: &Delegate, stdout: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(stdout).map_err(|error| {
        let what = format!("stdout is not one JSON document: {error}");
        delegate.error(Code::DECODE, what).with_details(excerpt(stdout))
    })
}

/// The first line of an answer that is none, mostly a message meant for people. What begins like JSON is not shown: it
/// may be the configuration, and that may hold secrets.
fn excerpt(stdout: &[u8]) -> String {
    let line = stdout.trim_ascii_start().split(|&byte| byte == b'\n').next().unwrap_or_default();
    if line.starts_with(b"{") || line.starts_with(b"[") {
        return String::new();
    }
    String::from_utf8_lossy(line.get(..EXCERPT).unwrap_or(line)).into_owned()
}

fn is_blank(stdout: &[u8]) -> bool {
    stdout.trim_ascii().is_empty()
}

#[cfg(test)]
mod tests {
    use std::process::ExitStatus;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn delegate() -> Delegate {
        Delegate {
            plugin_type: "fake".parse().unwrap(),
            path: "/opt/cni/bin/fake".into(),
            grace: std::time::Duration::ZERO,
            endings: crate::program::Endings::default(),
        }
    }

    fn output(status: i32, stdout: impl Into<Vec<u8>>) -> ProgramOutput {
        ProgramOutput { status: ExitStatus::from_raw(status), stdout: stdout.into() }
    }

    #[test]
    fn a_line_for_people_is_shown_and_a_configuration_is_not() {
        let of = |stdout: &str| result(&delegate(), &output(0, stdout), Version::LATEST).unwrap_err().details;
        assert_eq!(of("fake: no such range\nsecond line"), "fake: no such range");
        assert_eq!(of("{\"name\": \"fast\", \"token\": \"secret\"}\nrest"), "");
    }

    #[test]
    fn an_unknown_signal_is_named_by_its_number() {
        let error = nothing(&delegate(), &output(64, "")).unwrap_err();
        assert_eq!(error.msg, "plugin fake: was killed by signal 64");
    }

    proptest! {
        #[test]
        fn any_bytes_and_any_status_are_read_or_refused(status: i32, stdout: Vec<u8>) {
            let output = output(status, stdout);
            let added = result(&delegate(), &output, Version::LATEST);
            prop_assert!(added.is_err() || status == 0);
            prop_assert_eq!(nothing(&delegate(), &output).is_ok(), output.status.success());
        }

        #[test]
        fn any_error_of_a_delegate_becomes_one_of_ours(code: Option<i64>, msg: Option<String>, details: Option<String>) {
            let document = json!({"code": code, "msg": msg, "details": details}).to_string();
            let error = nothing(&delegate(), &output(256, document)).unwrap_err();
            let given = code.and_then(|code| u32::try_from(code).ok()).and_then(Code::new);
            prop_assert_eq!(error.code, given.unwrap_or(Code::INTERNAL));
            prop_assert!(!error.msg.is_empty());
        }
    }
}
