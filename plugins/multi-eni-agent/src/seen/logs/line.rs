//! A line of the log: free of credentials from the start, and written without its time, by which lines are the same.

use crate::seen::fold::SPAN;
use crate::seen::redact::{redact, redact_value};
use crate::seen::timestamp::rfc3339;
use log::kv::{self, Key, Value, VisitSource};
use log::{Level, Record};
use node::settings::LogFormat;
use serde_json::{Map, json};
use std::fmt::Write;
use std::time::SystemTime;

/// What a person reads of one message; an error that carries a whole answer is cut.
const MOST_BYTES: usize = 8 << 10;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Line {
    level: Level,
    target: String,
    message: String,
    fields: Map<String, serde_json::Value>,
}

impl Line {
    pub(super) fn of(record: &Record<'_>) -> Self {
        let mut fields = Fields(Map::new());
        let _never_fails = record.key_values().visit(&mut fields);
        let mut message = redact(&record.args().to_string()).into_owned();
        if message.len() > MOST_BYTES {
            message.truncate(message.floor_char_boundary(MOST_BYTES));
            message.push_str(" [cut]");
        }
        Self { level: record.level(), target: record.target().to_string(), message, fields: fields.0 }
    }

    /// The line that says how often this one came again.
    pub(super) fn repeated(mut self, times: u64) -> Self {
        let _infallible = write!(self.message, " ({times} times more in {} s)", SPAN.as_secs());
        self.fields.insert("repeated".to_string(), json!(times));
        self
    }

    pub(super) fn shown(&self, format: LogFormat, time: SystemTime) -> String {
        match format {
            LogFormat::Text => self.text(time),
            LogFormat::Json => self.json(time),
        }
    }

    fn text(&self, time: SystemTime) -> String {
        let mut line = format!("{} {:5} {}", rfc3339(time), self.level, one_line(&self.message));
        for (name, value) in &self.fields {
            let value = match value {
                serde_json::Value::String(text) if is_plain(text) => text.clone(),
                other => other.to_string(),
            };
            let _infallible = write!(line, " {}={value}", one_line(name));
        }
        line.push('\n');
        line
    }

    fn json(&self, time: SystemTime) -> String {
        let mut line = self.fields.clone();
        line.insert("time".to_string(), json!(rfc3339(time)));
        line.insert("level".to_string(), json!(self.level.as_str().to_ascii_lowercase()));
        line.insert("target".to_string(), json!(self.target));
        line.insert("message".to_string(), json!(self.message));
        let mut line = serde_json::Value::Object(line).to_string();
        line.push('\n');
        line
    }
}

/// A message cannot make a second line that looks like the agent's own.
fn one_line(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| !c.is_control() && !c.is_whitespace() && c != '"' && c != '=')
}

struct Fields(Map<String, serde_json::Value>);

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        let value = serde_json::to_value(&value).unwrap_or_else(|_| json!(value.to_string()));
        self.0.insert(key.to_string(), redact_value(key.as_str(), value));
        Ok(())
    }
}
