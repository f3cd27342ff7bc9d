//! A plugin that does what `does` of its configuration says, for trying how a process ends.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use cni::{About, AddRequest, CheckRequest, CniResult, Code, DelRequest, Error, GcRequest, Plugin, StatusRequest};

struct Probe;

impl Plugin for Probe {
    fn about(&self) -> About {
        About { name: "probe", line: "does what \"does\" of its configuration says" }
    }

    async fn add(&self, request: &AddRequest) -> Result<CniResult, Error> {
        match request.config.raw.get("does").and_then(|does| does.as_str()) {
            Some("rolls back") => {
                at_work();
                let signal = request.interrupt.raised().await;
                Err(Error::new(Code::TRY_AGAIN, format!("rolled back after {signal}")))
            }
            Some("ignores") => {
                at_work();
                std::future::pending().await
            }
            Some("blocks") => {
                tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_secs(3600)));
                Err(Error::new(Code::DEVICE_BUSY, "the driver does not let go"))
            }
            Some("panics") => {
                #[expect(clippy::panic, reason = "what this example is for")]
                {
                    panic!("as it was told")
                }
            }
            _ => Ok(request.config.prev_result.clone().unwrap_or_default()),
        }
    }

    async fn del(&self, _: &DelRequest) -> Result<(), Error> {
        Ok(())
    }

    async fn check(&self, _: &CheckRequest) -> Result<(), Error> {
        Ok(())
    }

    async fn gc(&self, _: &GcRequest) -> Result<(), Error> {
        Ok(())
    }

    async fn status(&self, _: &StatusRequest) -> Result<(), Error> {
        Ok(())
    }
}

fn at_work() {
    drop(std::io::stderr().write_all(b"at work\n"));
}

fn main() -> ExitCode {
    cni::run(&Probe)
}
