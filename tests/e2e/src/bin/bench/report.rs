//! What came of it, against the bounds.

use std::fmt;

use serde_json::{Value, json};

use crate::crowd::Crowd;
use crate::footprint::Footprint;
use crate::keeping::Keeping;
use crate::planning::Planning;
use crate::rounds::{Rounds, Times};

/// Milliseconds that our ADD may take beyond the floor's.
const ADD_BOUND: f64 = 4.0;
/// Milliseconds that our DEL may take beyond the floor's.
const DEL_BOUND: f64 = 3.0;
/// Milliseconds of VERSION.
const VERSION_BOUND: f64 = 2.0;
/// Bytes of a binary.
const SIZE_BOUND: u64 = 4 << 20;
/// Bytes of memory.
const PEAK_BOUND: u64 = 8 << 20;
/// Of the floor's rate.
const RATE_BOUND: f64 = 0.85;
/// Milliseconds from the kernel's showing of a link until its ENI is in the inventory.
const SHOWN_BOUND: f64 = 50.0;
/// Milliseconds of a plan for 1,000 ENIs.
const PLAN_BOUND: f64 = 10.0;

#[derive(Debug)]
pub(crate) struct Report {
    /// The machine's load before: on one that is not idle, every waking waits for others, and ours has more of them.
    pub(crate) load: f64,
    pub(crate) rounds: Rounds,
    pub(crate) crowd: Crowd,
    pub(crate) footprint: Footprint,
    pub(crate) keeping: Keeping,
    pub(crate) planning: Option<Planning>,
}

/// A number with the bound that it is to keep.
struct Bound {
    name: String,
    value: String,
    bound: String,
    holds: bool,
}

impl Report {
    /// Whether all bounds hold.
    pub(crate) fn holds(&self) -> bool {
        self.bounds().iter().all(|bound| bound.holds)
    }

    /// All that was measured.
    pub(crate) fn document(&self) -> Value {
        let times = |times: &Times| json!({"addMs": times.add, "delMs": times.del});
        let bounds: Vec<Value> = self
            .bounds()
            .iter()
            .map(|bound| json!({"name": bound.name, "value": bound.value, "bound": bound.bound, "holds": bound.holds}))
            .collect();
        json!({
            "loadBefore": self.load,
            "bounds": bounds,
            "rounds": {
                "floor": times(&self.rounds.floor),
                "multiEni": times(&self.rounds.ours),
                "hostDevice": times(&self.rounds.host_device),
            },
            "crowd": {"size": self.crowd.size, "floorMs": self.crowd.floor, "multiEniMs": self.crowd.ours},
            "versionMs": self.footprint.version,
            "sizesBytes": self.footprint.sizes,
            "peakBytes": self.footprint.peak,
            "createdMs": self.keeping.created,
            "createdFloorMs": self.keeping.created_floor,
            "shownMs": self.keeping.shown,
            "cleanedMs": self.keeping.cleaned,
            "planMs": self.planning.map(|planning| json!({"1000": planning.thousand, "8000": planning.eight_thousand})),
        })
    }

    fn bounds(&self) -> Vec<Bound> {
        let (floor, ours) = (&self.rounds.floor, &self.rounds.ours);
        let mut bounds = vec![
            at_most("ADD beyond the floor", beyond(&ours.add, &floor.add), ADD_BOUND),
            at_most("DEL beyond the floor", beyond(&ours.del, &floor.del), DEL_BOUND),
            at_most("VERSION", median(&self.footprint.version), VERSION_BOUND),
        ];
        for &(name, size) in &self.footprint.sizes {
            bounds.push(within(&format!("size of {name}"), size, SIZE_BOUND));
        }
        bounds.push(within("peak memory", self.footprint.peak, PEAK_BOUND));
        let rate = median(&self.crowd.floor) / median(&self.crowd.ours);
        bounds.push(Bound {
            name: format!("rate of {} ADDs at once", self.crowd.size),
            value: format!("{rate:.2} of the floor's"),
            bound: format!(">= {RATE_BOUND}"),
            holds: rate >= RATE_BOUND,
        });
        bounds.push(at_most("link shown until ready", median(&self.keeping.shown), SHOWN_BOUND));
        if let Some(planning) = self.planning {
            bounds.push(at_most("plan of 1000 ENIs", planning.thousand, PLAN_BOUND));
        }
        bounds
    }
}

fn at_most(name: &str, value: f64, bound: f64) -> Bound {
    Bound {
        name: name.to_string(),
        value: format!("{value:.2} ms"),
        bound: format!("<= {bound} ms"),
        holds: value <= bound,
    }
}

fn within(name: &str, value: u64, bound: u64) -> Bound {
    Bound {
        name: name.to_string(),
        value: format!("{} KiB", value >> 10),
        bound: format!("<= {} KiB", bound >> 10),
        holds: value <= bound,
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let floor = &self.rounds.floor;
        writeln!(
            f,
            "medians of {} interleaved rounds, ms    ADD     DEL   beyond the floor: ADD     DEL",
            floor.add.len()
        )?;
        let kinds = [
            ("floor", floor),
            ("multi-eni + multi-eni-ipam", &self.rounds.ours),
            ("host-device + host-local", &self.rounds.host_device),
        ];
        for (name, times) in kinds {
            let [add, del] = [median(&times.add), median(&times.del)];
            let [more_add, more_del] = [beyond(&times.add, &floor.add), beyond(&times.del, &floor.del)];
            writeln!(f, "{name:<38} {add:>7.2} {del:>7.2}                     {more_add:>7.2} {more_del:>7.2}")?;
        }
        let [all, least] = [median(&self.crowd.ours), median(&self.crowd.floor)];
        writeln!(f, "{} ADDs at once: {all:.0} ms, the floor's {least:.0} ms", self.crowd.size)?;
        let Keeping { created, created_floor, shown, cleaned } = &self.keeping;
        let (whole, floor, own) = (median(created), median(created_floor), beyond(created, created_floor));
        writeln!(
            f,
            "ENI created: {whole:.1} ms, of which the simulator and the kernel {floor:.1} ms, the agent {own:.1} ms"
        )?;
        writeln!(f, "link shown until ready: {:.1} ms", median(shown))?;
        for (count, time) in cleaned {
            writeln!(f, "{count:>2} ENIs detached and deleted at once: {time:.0} ms")?;
        }
        if let Some(Planning { thousand, eight_thousand }) = self.planning {
            writeln!(f, "plan of 1000 ENIs {thousand:.1} ms, of 8000 {eight_thousand:.1} ms, unoptimised")?;
        }
        writeln!(f, "load of the machine before: {:.2}\n", self.load)?;
        for Bound { name, value, bound, holds } in self.bounds() {
            writeln!(f, "{:<6} {name:<28} {value:>20}   {bound}", if holds { "holds" } else { "FAILS" })?;
        }
        Ok(())
    }
}

/// The median of the differences within each round.
fn beyond(times: &[f64], floor: &[f64]) -> f64 {
    let differences: Vec<f64> = times.iter().zip(floor).map(|(time, floor)| time - floor).collect();
    median(&differences)
}

fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.get(middle) {
        None => f64::NAN,
        Some(&upper) if sorted.len() % 2 == 1 => upper,
        Some(&upper) => (sorted[middle - 1] + upper) / 2.0,
    }
}
