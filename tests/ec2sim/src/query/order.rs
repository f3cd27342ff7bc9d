//! A fault as it is ordered over the wire.

use std::time::Duration;

use serde::Deserialize;

use crate::api::{Action, ApiFaultBuilder, Ec2, Fault, Refusal};

/// `{"action": "CreateNetworkInterface", "every": 2, "times": 3, "does": "refuses", "code": "InternalError"}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    action: Option<String>,
    of: Option<String>,
    nth: Option<u32>,
    every: Option<u32>,
    percent: Option<u32>,
    times: Option<u32>,
    does: Does,
    code: Option<String>,
    seconds: Option<f64>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Does {
    Refuses,
    Hangs,
    Drops,
    LosesTheAnswer,
    IsSlow,
    IsStale,
}

impl Order {
    /// Says what is wrong with it, or orders it.
    pub(super) fn place(self, ec2: &Ec2) -> Result<(), String> {
        let fault = self.fault()?;
        let named =
            |name: &String| Action::named(name).ok_or_else(|| format!("{name:?} is no action of the simulator"));
        let action = self.action.as_ref().map(named).transpose()?;
        let mut builder = action.map_or_else(|| ec2.at_all(), |action| ec2.at(action));
        builder = self.of.iter().fold(builder, |builder, of| builder.of(of));
        builder = self.nth.into_iter().fold(builder, ApiFaultBuilder::nth);
        builder = self.every.into_iter().fold(builder, ApiFaultBuilder::every);
        builder = self.percent.into_iter().fold(builder, ApiFaultBuilder::percent);
        builder = self.times.into_iter().fold(builder, ApiFaultBuilder::times);
        builder.does(fault);
        Ok(())
    }

    fn fault(&self) -> Result<Fault, String> {
        let time = || {
            let seconds = self.seconds.ok_or("seconds are missing")?;
            Duration::try_from_secs_f64(seconds).map_err(|error| format!("seconds: {error}"))
        };
        Ok(match self.does {
            Does::Refuses => {
                let code = self.code.clone().ok_or("the code is missing")?;
                Fault::Refused(Refusal::new(code, "ordered"))
            }
            Does::Hangs => Fault::Hangs,
            Does::Drops => Fault::Drops,
            Does::LosesTheAnswer => Fault::LosesTheAnswer,
            Does::IsSlow => Fault::Slow(time()?),
            Does::IsStale => Fault::Stale(time()?),
        })
    }
}
