//! The gauges of pools and slots: one status, replaced as a whole, so that no reader sees half of a change.

use crate::view::{AddressCounts, STATES, Slots, Status, state_word};
use node::inventory::Sharing;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Debug, Clone, Default)]
pub(super) struct Ledger {
    figures: Arc<Mutex<Figures>>,
}

#[derive(Debug, Default)]
struct Figures {
    enis: Vec<Figure>,
    addresses: Vec<Figure>,
    slots: Option<Slots>,
}

#[derive(Debug)]
struct Figure {
    pool: String,
    state: &'static str,
    number: u32,
}

impl Ledger {
    pub(super) fn set(&self, status: &Status) {
        let mut figures = Figures { slots: status.slots, ..Figures::default() };
        for pool in &status.pools {
            let figure = |state, number| Figure { pool: pool.name.to_string(), state, number };
            figures.enis.extend(STATES.map(|state| figure(state_word(state), pool.in_state(state))));
            if pool.sharing == Sharing::Shared {
                let AddressCounts { free, cooling, used } = pool.addresses;
                figures.addresses.extend([figure("free", free), figure("cooling", cooling), figure("used", used)]);
            }
        }
        *self.figures.lock().unwrap_or_else(PoisonError::into_inner) = figures;
    }
}

impl Collector for Ledger {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let figures = self.figures.lock().unwrap_or_else(PoisonError::into_inner);
        write(&mut encoder, "multi_eni_pool_enis", "ENIs of a pool by state", &figures.enis)?;
        let addresses = "Addresses that a shared pool has for pods by state";
        write(&mut encoder, "multi_eni_pool_addresses", addresses, &figures.addresses)?;
        let Some(slots) = figures.slots else { return Ok(()) };
        let help = "Places for ENIs that the instance has, those of others included";
        let mut family = encoder.encode_descriptor("multi_eni_slots", help, None, MetricType::Gauge)?;
        for (kind, number) in [("limit", slots.limit), ("used", slots.used), ("free", slots.free())] {
            ConstGauge::new(number).encode(family.encode_family(&[("kind", kind)])?)?;
        }
        Ok(())
    }
}

fn write(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, figures: &[Figure]) -> std::fmt::Result {
    if figures.is_empty() {
        return Ok(());
    }
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for figure in figures {
        let labels = [("pool", figure.pool.as_str()), ("state", figure.state)];
        ConstGauge::new(figure.number).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}
