//! Where a plugin's log goes: a line for people on stderr, which the runtime keeps, and one of JSON in a file, if one is
//! named. Each line is one `write(2)`, so lines of processes side by side do not mix.

use crate::boot;
use crate::files::{self, Folder};
use log::kv::{self, Key, Value, VisitSource};
use log::{Level, LevelFilter, Log, Metadata, Record};
use serde_json::{Map, json};
use std::fs::File;
use std::io::Write;
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// Why the log's file could not be had: what the key `logFile` of a network configuration names.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It would be elsewhere than it may be.
    #[error("logFile {} is not a file directly in {}", path.display(), folder.display())]
    Place {
        /// The file that was asked for.
        path: PathBuf,
        /// The one folder that is allowed.
        folder: PathBuf,
    },
    /// The file system's word.
    #[error("logFile cannot be used")]
    File(#[from] files::Error),
}

/// The process's logger. It is installed once, before there is a configuration that says where the log goes.
#[derive(Debug)]
pub struct Logger {
    name: &'static str,
    target: OnceLock<Target>,
}

#[derive(Debug)]
struct Target {
    file: Option<File>,
    context: Map<String, serde_json::Value>,
}

impl Logger {
    /// A logger for a program of this name.
    pub const fn new(name: &'static str) -> Self {
        Self { name, target: OnceLock::new() }
    }

    /// Makes it the process's. Until it is told otherwise it lets `info` and graver pass, to stderr.
    pub fn install(&'static self) {
        // A second logger in a process is a test's; the first goes on.
        if log::set_logger(self).is_ok() {
            log::set_max_level(LevelFilter::Info);
        }
    }

    /// Sets what passes, the file if one is asked for, and what every line of the file says beside its message.
    ///
    /// # Errors
    /// [`Error`].
    pub fn direct(
        &self,
        level: LevelFilter,
        file: Option<(&Path, &Path)>,
        context: Map<String, serde_json::Value>,
    ) -> Result<(), Error> {
        log::set_max_level(level);
        let file = file.map(|(folder, path)| open(folder, path)).transpose()?;
        // The first call stands: a process serves one request.
        self.target.get_or_init(|| Target { file, context });
        Ok(())
    }

    fn write_file(&self, target: &Target, record: &Record<'_>) {
        let Some(mut file) = target.file.as_ref() else { return };
        let mut line = target.context.clone();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        line.insert("time".to_string(), json!(now.as_secs_f64()));
        line.insert("boot_seconds".to_string(), json!(boot::seconds_since_boot().unwrap_or_default()));
        line.insert("level".to_string(), json!(record.level().as_str().to_ascii_lowercase()));
        line.insert("program".to_string(), json!(self.name));
        line.insert("message".to_string(), json!(record.args().to_string()));
        let _never_fails = record.key_values().visit(&mut Fields(&mut line));
        let mut text = serde_json::Value::Object(line).to_string();
        text.push('\n');
        // There is nobody to tell that the log is full.
        let _unlogged = file.write_all(text.as_bytes());
    }
}

fn open(folder: &Path, path: &Path) -> Result<File, Error> {
    let place = || Error::Place { path: path.to_path_buf(), folder: folder.to_path_buf() };
    let relative = if path.is_absolute() { path.strip_prefix(folder).map_err(|_| place())? } else { path };
    let mut parts = relative.components();
    let (Some(Component::Normal(name)), None) = (parts.next(), parts.next()) else { return Err(place()) };
    Ok(Folder::create(folder)?.log_file(name.to_str().ok_or_else(place)?)?)
}

struct Fields<'a>(&'a mut Map<String, serde_json::Value>);

impl<'kvs> VisitSource<'kvs> for Fields<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        let value = serde_json::to_value(&value).unwrap_or_else(|_| json!(value.to_string()));
        self.0.insert(key.to_string(), value);
        Ok(())
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // The libraries below speak of packets; what they have to say comes back as errors.
        metadata.level() <= Level::Warn || !metadata.target().starts_with("netlink")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let line = format!("{}: {}: {}\n", self.name, record.level().as_str().to_ascii_lowercase(), record.args());
        // The runtime may have closed its end.
        let _unheard = std::io::stderr().lock().write_all(line.as_bytes());
        if let Some(target) = self.target.get() {
            self.write_file(target, record);
        }
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_file_lies_in_the_log_folder_and_nowhere_else() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("log");
        for good in [Path::new("plugin.log"), &folder.join("plugin.log")] {
            open(&folder, good).unwrap();
        }
        for bad in ["/etc/passwd", "../plugin.log", "a/plugin.log", "", "/", "."] {
            assert!(matches!(open(&folder, Path::new(bad)), Err(Error::Place { .. })), "{bad:?}");
        }
        std::os::unix::fs::symlink(root.path().join("victim"), folder.join("link.log")).unwrap();
        assert!(matches!(open(&folder, Path::new("link.log")), Err(Error::File(_))));
        assert!(!root.path().join("victim").exists());
    }
}
