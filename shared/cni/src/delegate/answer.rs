//! What a delegate's exit status and stdout mean.

use std::os::unix::process::ExitStatusExt;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::Delegate;
use super::process::Output;
use crate::{CniResult, Code, Error, Version};

/// The most bytes of a strange answer that are shown.
const EXCERPT: usize = 500;

/// Reads the answer to an ADD.
pub(super) fn result(delegate: &Delegate, output: &Output, fallback: Version) -> Result<CniResult, Error> {
    succeeded(delegate, output)?;
    if is_blank(&output.stdout) {
        return Err(delegate.error(Code::DECODE, "ADD ended with success but without a result"));
    }
    let value = document(delegate, &output.stdout)?;
    CniResult::decode(&value, fallback)
        .map_err(|error| delegate.error(Code::DECODE, format!("its result is not valid: {error}")))
}

/// Reads the answer to the other verbs, which say nothing on success.
pub(super) fn nothing(delegate: &Delegate, output: &Output) -> Result<(), Error> {
    succeeded(delegate, output)?;
    if !is_blank(&output.stdout) {
        log::warn!("plugin {}: ignoring what it wrote to stdout besides success", delegate.plugin_type);
    }
    Ok(())
}

fn succeeded(delegate: &Delegate, output: &Output) -> Result<(), Error> {
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
fn error(delegate: &Delegate, output: &Output) -> Error {
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
    serde_json::from_slice::<Value>(stdout).map_err(|error| {
        let excerpt = String::from_utf8_lossy(stdout.get(..EXCERPT).unwrap_or(stdout));
        delegate.error(Code::DECODE, format!("stdout is not one JSON document: {error}")).with_details(excerpt)
    })
}

fn is_blank(stdout: &[u8]) -> bool {
    stdout.trim_ascii().is_empty()
}
