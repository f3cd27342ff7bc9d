//! The gauges of pools, slots and devices: one status, replaced as a whole, so that no reader sees half of a change.

use crate::view::{AddressCounts, ResourceView, STATES, Slots, Status, state_word};
use node::inventory::Sharing;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use std::collections::BTreeMap;
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
    resources: Vec<ResourceView>,
    /// ENIs in user space's hands, by how writes to their memory are combined.
    write_combining: BTreeMap<String, u32>,
}

#[derive(Debug)]
struct Figure {
    pool: String,
    state: &'static str,
    number: u32,
}

impl Ledger {
    pub(super) fn set(&self, status: &Status) {
        let resources = status.resources.clone();
        let mut figures = Figures { slots: status.slots, resources, ..Figures::default() };
        for found in status.enis.iter().filter_map(|eni| eni.device.write_combining.clone()) {
            *figures.write_combining.entry(found).or_default() += 1;
        }
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
        figures.write_devices(&mut encoder)?;
        let Some(slots) = figures.slots else { return Ok(()) };
        let help = "Places for ENIs that the instance has, those of others included";
        let mut family = encoder.encode_descriptor("multi_eni_slots", help, None, MetricType::Gauge)?;
        for (kind, number) in [("limit", slots.limit), ("used", slots.used), ("free", slots.free())] {
            ConstGauge::new(number).encode(family.encode_family(&[("kind", kind)])?)?;
        }
        Ok(())
    }
}

impl Figures {
    fn write_devices(&self, encoder: &mut DescriptorEncoder<'_>) -> std::fmt::Result {
        if !self.resources.is_empty() {
            let help = "Devices that the kubelet is told of by health";
            let mut family = encoder.encode_descriptor("multi_eni_devices", help, None, MetricType::Gauge)?;
            for resource in &self.resources {
                let unhealthy = resource.devices.saturating_sub(resource.healthy);
                for (health, number) in [("healthy", resource.healthy), ("unhealthy", unhealthy)] {
                    let labels = [("resource", resource.name.as_str()), ("health", health)];
                    ConstGauge::new(number).encode(family.encode_family(&labels)?)?;
                }
            }
            let help = "Devices that the kubelet has given out";
            let mut family = encoder.encode_descriptor("multi_eni_devices_allocated", help, None, MetricType::Gauge)?;
            for resource in &self.resources {
                let labels = [("resource", resource.name.as_str())];
                ConstGauge::new(resource.given_out).encode(family.encode_family(&labels)?)?;
            }
            let (name, help) = ("multi_eni_device_registrations", "Registrations of a resource that the kubelet took");
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for resource in &self.resources {
                let labels = [("resource", resource.name.as_str())];
                ConstCounter::new(resource.registrations).encode(family.encode_family(&labels)?)?;
            }
        }
        if !self.write_combining.is_empty() {
            let help = "ENIs in user space's hands by whether writes to their memory are combined";
            let name = "multi_eni_device_write_combining";
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (found, number) in &self.write_combining {
                ConstGauge::new(*number).encode(family.encode_family(&[("combined", found.as_str())])?)?;
            }
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
