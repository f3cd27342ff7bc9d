//! `status` and `explain`: asked of the running agent, or read from the records where none runs.

use std::process::ExitCode;
use std::time::Duration;

use node::ask::{self, Reply, Request, ask};
use node::boot::seconds_since_boot;
use node::settings::Settings;
use node::store::Store;
use serde::Serialize;

use super::output::{Format, show};
use crate::run::{Error, runtime};
use crate::view::{Asked, Status, explain as explained, from_store, render_explain, render_status};

/// How long the agent may take to say how it stands.
const LIMIT: Duration = Duration::from_secs(10);

pub(super) fn status(settings: &Settings, format: Format) -> Result<ExitCode, Error> {
    let status = of_node(settings)?;
    let now = seconds_since_boot().map_err(Error::Clock)?;
    print(format, &status, || render_status(&status, now))
}

pub(super) fn explain(settings: &Settings, pod: &Asked, format: Format) -> Result<ExitCode, Error> {
    let status = of_node(settings)?;
    let now = seconds_since_boot().map_err(Error::Clock)?;
    let explained = explained(&status, pod, now);
    print(format, &explained, || render_explain(&explained, now))
}

fn print<T: Serialize>(format: Format, value: &T, text: impl FnOnce() -> String) -> Result<ExitCode, Error> {
    match format {
        Format::Text => show(&text()),
        Format::Json => {
            let json = serde_json::to_string_pretty(value).map_err(Error::Encode)?;
            show(&format!("{json}\n"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn of_node(settings: &Settings) -> Result<Status, Error> {
    match runtime()?.block_on(ask(&settings.state_dir, &Request::Status {}, LIMIT)) {
        Ok(Reply::Status(value)) => serde_json::from_value(value).map_err(Error::Encode),
        Ok(Reply::Refused(refusal)) => Err(Error::Refused(refusal.msg)),
        Ok(Reply::Ready(_) | Reply::Refreshed {}) => Err(Error::Refused("it answered something else".to_string())),
        Err(ask::Error::NoAgent { .. }) => {
            let node = settings.agent.node_name().map_err(Error::NodeName)?;
            let store = Store::open(&settings.state_dir)?;
            Ok(from_store(&store, &node, seconds_since_boot().map_err(Error::Clock)?)?)
        }
        Err(error) => Err(Error::Ask(error)),
    }
}
