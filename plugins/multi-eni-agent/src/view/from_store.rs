//! The node as its records alone show it, for when no agent runs, and the part of it that the running agent takes too.

use super::{AddressState, AddressView, EniView, Holder, SlotView, Status};
use crate::devices::Allocations;
use node::addresses::{self, AddressUse};
use node::inventory::{Entry, Seen, State};
use node::record::Record;
use node::store::{self, Store};
use std::net::IpAddr;

/// What the records show at this time. It knows no declaration, no request and no reason.
///
/// # Errors
/// Those of reading the store.
pub(crate) fn from_store(store: &Store, node: &str, now: u64) -> Result<Status, store::Error> {
    let (inventory, records, uses) = (store.inventory()?, store.records()?, store.address_uses()?);
    let mut enis = enis(&inventory, &records, &uses, now);
    show_given_out(&mut enis, &store.agents_own::<Allocations>(Allocations::FILE)?.unwrap_or_default());
    Ok(Status {
        node: node.to_string(),
        as_of: now,
        last_pass: store.agent_pass()?.map(|pass| pass.finished_at),
        enis,
        notes: unfinished(&records).into_iter().chain(asked_for(store)?).collect(),
        ..Status::default()
    }
    .counted())
}

/// The ENIs of the inventory with their owners and their addresses' holders at this time.
pub(crate) fn enis(inventory: &[Entry], records: &[Record], uses: &[AddressUse], now: u64) -> Vec<EniView> {
    inventory.iter().map(|entry| eni(entry, records, uses, now)).collect()
}

/// Marks those that the kubelet has given out.
pub(crate) fn show_given_out(enis: &mut [EniView], allocations: &Allocations) {
    let devices = allocations.devices();
    for eni in enis {
        eni.is_given_out = eni.pci_address.is_some_and(|device| devices.contains(&device));
    }
}

fn eni(entry: &Entry, records: &[Record], uses: &[AddressUse], now: u64) -> EniView {
    let holds = |record: &&Record| record.holds() && record.device.is_same(&entry.device());
    let owner = records.iter().find(holds).map(Holder::of_record);
    EniView {
        id: Some(entry.network_interface_id.clone()),
        pool: entry.pool_name().cloned(),
        sharing: entry.pool.as_ref().map(|pool| pool.sharing).unwrap_or_default(),
        mode: entry.pool.as_ref().map(|pool| pool.mode).unwrap_or_default(),
        resource: entry.pool.as_ref().and_then(|pool| pool.resource_name.clone()),
        // Before the agent has looked, the driver that it came with.
        device: entry.seen.clone().unwrap_or_else(|| Seen { driver: entry.original_driver.clone(), ..Seen::default() }),
        slot: Some(SlotView { network_card_index: entry.network_card_index, device_index: entry.device_index }),
        mac_address: Some(entry.mac_address),
        pci_address: entry.pci_address,
        host_name: Some(entry.host_name.clone()),
        subnet: Some(entry.subnet.id.clone()),
        subnet_cidr: entry.subnet.ipv4_cidr,
        mtu: entry.mtu,
        attachment_id: entry.upkeep.attachment_id.clone(),
        addresses: addresses(entry, records, uses, now),
        // The plugin's record is the truth about who holds; the agent's file follows it.
        state: if owner.is_some() && entry.state == State::Ready { State::InUse } else { entry.state },
        owner,
        ..EniView::in_state(entry.state)
    }
}

fn addresses(entry: &Entry, records: &[Record], uses: &[AddressUse], now: u64) -> Vec<AddressView> {
    let ipv4 = entry.ipv4_addresses.iter().map(|one| (IpAddr::from(one.address), one.primary));
    let ipv6 = entry.ipv6_addresses.iter().map(|one| (IpAddr::from(one.address), one.primary));
    let state = |address, primary| match (entry.is_shared(), primary) {
        (false, _) => AddressState::OfEni,
        (true, true) => AddressState::OfHost,
        (true, false) => of_shared(entry, address, records, uses, now),
    };
    ipv4.chain(ipv6).map(|(address, primary)| AddressView { address, state: state(address, primary) }).collect()
}

/// A pod's use of an address counts more than an earlier one's rest.
fn of_shared(entry: &Entry, address: IpAddr, records: &[Record], uses: &[AddressUse], now: u64) -> AddressState {
    let of_address = |usage: &&AddressUse| {
        usage.network_interface_id == entry.network_interface_id && usage.addresses.contains(&address)
    };
    let mut state = AddressState::Free;
    for usage in uses.iter().filter(of_address).filter(|usage| usage.holds_at(now)) {
        match (usage.state, &state) {
            (addresses::AddressState::Used, _) => {
                let record = records.iter().find(|record| record.owner == usage.owner);
                let from_call = || Holder { pod: usage.call.pod(), ..Holder::of_owner(&usage.owner) };
                let holder = record.map_or_else(from_call, Holder::of_record);
                return AddressState::Used { holder };
            }
            (addresses::AddressState::Cooling { until }, AddressState::Cooling { until: longest })
                if until <= *longest => {}
            (addresses::AddressState::Cooling { until }, _) => state = AddressState::Cooling { until },
        }
    }
    state
}

/// Attachments that were given back and could not be finished.
pub(crate) fn unfinished(records: &[Record]) -> Vec<String> {
    let released = records.iter().filter(|record| !record.holds());
    released
        .map(|record| {
            let mut left = Vec::new();
            if record.pending.device {
                left.push(format!("device {} is not home", record.device));
            }
            if record.pending.ipam {
                left.push("its IPAM plugin did not release".to_string());
            }
            if left.is_empty() {
                left.push("its record is to be removed".to_string());
            }
            format!("{} has given back, but {}", record.holder(), left.join(" and "))
        })
        .collect()
}

/// ENIs that an agent asked EC2 for, or was about to. What exactly, the agent knows.
fn asked_for(store: &Store) -> Result<Vec<String>, store::Error> {
    let intents = store.intents::<serde_json::Value>()?;
    let note = |token| format!("an ENI is asked for, or was when the agent ended (client token {token})");
    Ok(intents.into_iter().map(|intent| note(intent.token)).collect())
}
