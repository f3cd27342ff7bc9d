//! The keys outside `ipam` that are read here too. The rest there is the main plugin's, and is not looked at.

use super::{MainPlugin, Member, member};
use cni::{Keys, NetworkConfig};
use log::LevelFilter;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

const KEYS: [&str; 4] = ["timeoutSeconds", "statusOnExhaustion", "logFile", "logLevel"];
const DEFAULT_LIMIT: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Outer {
    /// Who runs this plugin.
    pub(crate) main: MainPlugin,
    /// `timeoutSeconds`: how long a plugin of the chain may take.
    pub(crate) limit: Duration,
    /// `statusOnExhaustion`: whether STATUS is an error while no address is free.
    pub(crate) status_on_exhaustion: bool,
    /// `logFile`
    pub(crate) log_file: Option<PathBuf>,
    /// `logLevel`
    pub(crate) log_level: LevelFilter,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl Outer {
    pub(super) fn of(config: &NetworkConfig) -> Result<Self, cni::Error> {
        let ours: Map<String, Value> =
            KEYS.iter().filter_map(|&key| Some((key.to_string(), config.raw.get(key)?.clone()))).collect();
        let mut keys = Keys::of(&ours, "");
        let read = Self {
            main: MainPlugin::of(config),
            limit: keys.read("timeoutSeconds").map_or(DEFAULT_LIMIT, seconds),
            status_on_exhaustion: keys.read("statusOnExhaustion").unwrap_or(false),
            log_file: keys.read("logFile"),
            log_level: keys.read("logLevel").unwrap_or(Level::Info).into(),
        };
        keys.finish()?;
        Ok(read)
    }

    /// The same for a release, which goes on whatever the configuration has become: with the defaults where the keys
    /// cannot be read.
    pub(crate) fn to_release(config: &NetworkConfig) -> (Self, Vec<Member>) {
        let outer = Self::of(config).unwrap_or_else(|error| {
            log::warn!("releasing without the keys of the network configuration: {error}");
            Self {
                main: MainPlugin::of(config),
                limit: DEFAULT_LIMIT,
                status_on_exhaustion: false,
                log_file: None,
                log_level: LevelFilter::Info,
            }
        });
        (outer, member::releasable(config.raw.get("ipam")))
    }
}

fn seconds(seconds: NonZeroU32) -> Duration {
    Duration::from_secs(u64::from(seconds.get()))
}

impl From<Level> for LevelFilter {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::Error,
            Level::Warn => Self::Warn,
            Level::Info => Self::Info,
            Level::Debug => Self::Debug,
            Level::Trace => Self::Trace,
        }
    }
}
