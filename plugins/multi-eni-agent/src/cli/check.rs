//! `check`: what the manifests mean for this node, and what is wrong with them.

use std::process::ExitCode;

use node::settings::{Manifests, Settings};
use serde_json::json;

use super::output::{Format, show};
use crate::declared;
use crate::run::Error;

/// Fails if there is a fault.
pub(super) fn check(settings: &Settings, format: Format) -> Result<ExitCode, Error> {
    if settings.agent.manifests == Manifests::Kubernetes {
        return Err(Error::NeedsFolder);
    }
    let report = declared::check(&settings.agent.pools_dir, settings).map_err(Error::NodeName)?;
    match format {
        Format::Text => show(&format!("{report}\n")),
        Format::Json => {
            let text = report.to_string();
            let lines: Vec<&str> = text.lines().collect();
            let value = json!({ "right": report.is_right(), "pools": report.pools(), "lines": lines });
            show(&format!("{value:#}\n"));
        }
    }
    Ok(if report.is_right() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_api_server_has_is_not_checked_here_and_that_is_said() {
        let mut settings = Settings::default();
        settings.agent.manifests = Manifests::Kubernetes;
        assert!(matches!(check(&settings, Format::Text), Err(Error::NeedsFolder)));
    }
}
