//! `status` as a person reads it.

use super::table::{Table, one_line};
use super::{AddressState, AddressView, EniView, Holder, PoolView, RequestView, ResourceView, Status, age};
use node::inventory::{Mode, Sharing, State};
use node::record::Phase;

/// The status as text, every line ended, ages as of `now`.
pub(crate) fn render_status(status: &Status, now: u64) -> String {
    let mut out = head(status, now);
    section(&mut out, "", |out| pools(&status.pools).write(out));
    section(&mut out, "", |out| resources(&status.resources).write(out));
    section(&mut out, "", |out| enis(status, now).write(out));
    section(&mut out, "", |out| shared_addresses(status, now).write(out));
    section(&mut out, "Doing:", |out| lines(out, doing(&status.enis, now)));
    section(&mut out, "Waits:", |out| lines(out, waits(status, now)));
    section(&mut out, "Notes:", |out| lines(out, status.notes.clone()));
    out
}

fn section(out: &mut String, title: &str, write: impl FnOnce(&mut String)) {
    let mut body = String::new();
    write(&mut body);
    if body.is_empty() {
        return;
    }
    out.push('\n');
    if !title.is_empty() {
        out.push_str(title);
        out.push('\n');
    }
    out.push_str(&body);
}

fn lines(out: &mut String, lines: Vec<String>) {
    for line in lines {
        out.push_str("  ");
        out.push_str(&one_line(&line));
        out.push('\n');
    }
}

fn head(status: &Status, now: u64) -> String {
    let mut out = format!("node {}", status.node);
    if let Some(instance) = &status.instance {
        let about = [instance.instance_type.as_deref(), instance.availability_zone.as_deref()];
        let about: Vec<&str> = about.into_iter().flatten().collect();
        out.push_str(&format!(", instance {}", instance.id));
        if !about.is_empty() {
            out.push_str(&format!(" ({})", about.join(", ")));
        }
    }
    out.push_str(&match &status.agent_version {
        Some(version) => format!("\nagent {version}"),
        None => "\nno agent answers: this is what the records say".to_string(),
    });
    out.push_str(&match status.last_pass {
        Some(pass) => format!(", last pass {} ago", age(now.saturating_sub(pass))),
        None => ", no pass finished since this node booted".to_string(),
    });
    if let Some(slots) = status.slots {
        out.push_str(&format!("\nslots {} of {} used, {} free", slots.used, slots.limit, slots.free()));
    }
    if status.leaving {
        out.push_str("\nthe instance or its node is about to end: nothing is attached or detached any more");
    }
    out.push('\n');
    if status.enis.is_empty() {
        out.push_str("no ENI is on record\n");
    }
    out
}

fn pools(pools: &[PoolView]) -> Table {
    let head = ["POOL", "KIND", "MIN", "MAX", "WARM", "READY", "IN USE", "COOLING", "OTHER", "ADDRESSES"];
    let mut table = Table::new(&head);
    for pool in pools {
        let declared = |number: fn(&super::Declared) -> u32| {
            pool.declared.as_ref().map(|declared| number(declared).to_string()).unwrap_or_default()
        };
        let count = |state| pool.in_state(state).to_string();
        table.row(vec![
            pool.name.to_string(),
            sharing(pool.sharing).to_string(),
            declared(|declared| declared.min),
            declared(|declared| declared.max),
            declared(|declared| declared.warm),
            count(State::Ready),
            count(State::InUse),
            count(State::Cooling),
            others(pool),
            addresses_of(pool),
        ]);
    }
    table
}

fn resources(resources: &[ResourceView]) -> Table {
    let mut table = Table::new(&["RESOURCE", "DEVICES", "HEALTHY", "GIVEN OUT", "KUBELET"]);
    for resource in resources {
        table.row(vec![
            resource.name.clone(),
            resource.devices.to_string(),
            resource.healthy.to_string(),
            resource.given_out.to_string(),
            match (resource.is_listened_to, &resource.error) {
                (true, _) => "listens".to_string(),
                (false, Some(error)) => error.clone(),
                (false, None) => "is not there".to_string(),
            },
        ]);
    }
    table
}

fn sharing(sharing: Sharing) -> &'static str {
    match sharing {
        Sharing::Exclusive => "exclusive",
        Sharing::Shared => "shared",
    }
}

/// The states that have no column of their own.
fn others(pool: &PoolView) -> String {
    let has_column = |state: &State| state.is_on_node();
    let others = super::STATES.into_iter().filter(|state| !has_column(state) && pool.in_state(*state) > 0);
    others.map(|state| format!("{} {state}", pool.in_state(state))).collect::<Vec<_>>().join(", ")
}

fn addresses_of(pool: &PoolView) -> String {
    let counts = pool.addresses;
    match pool.sharing {
        Sharing::Exclusive => String::new(),
        Sharing::Shared => format!("{} free, {} used, {} cooling", counts.free, counts.used, counts.cooling),
    }
}

fn enis(status: &Status, now: u64) -> Table {
    let place = ["ENI", "POOL", "STATE", "FOR", "SLOT", "MAC", "PCI", "LINK", "MODE"];
    let device = ["DRIVER", "GROUP", "WRITE-COMBINING", "RESOURCE"];
    let mut table = Table::new(&[&place[..], &device[..], &["ADDRESSES", "OWNER"]].concat());
    for eni in &status.enis {
        table.row(vec![
            text(eni.id.as_ref()),
            pool_of(eni),
            eni.state.to_string(),
            eni.since.map(|since| age(now.saturating_sub(since))).unwrap_or_default(),
            text(eni.slot.as_ref()),
            text(eni.mac_address.as_ref()),
            text(eni.pci_address.as_ref()),
            text(eni.host_name.as_ref()),
            // That a link is moved needs no word.
            if eni.mode == Mode::Netdev { String::new() } else { eni.mode.to_string() },
            text(eni.device.driver.as_ref()),
            text(eni.device.group.as_ref()),
            text(eni.device.write_combining.as_ref()),
            text(eni.resource.as_ref()),
            some_addresses(&eni.addresses),
            match (&eni.owner, eni.is_given_out) {
                (Some(holder), _) => owner(holder),
                (None, true) => "given out by the kubelet".to_string(),
                (None, false) => String::new(),
            },
        ]);
    }
    table
}

/// What is of no pool is never touched, and that is seen at once.
fn pool_of(eni: &EniView) -> String {
    match &eni.pool {
        Some(pool) => pool.to_string(),
        None if eni.is_primary_eni() => "(primary)".to_string(),
        None => "(not ours)".to_string(),
    }
}

fn text(value: Option<&impl ToString>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

/// The first three; the rest of a shared ENI's are in a table of their own.
fn some_addresses(addresses: &[AddressView]) -> String {
    const SHOWN: usize = 3;
    let shown = |view: &&AddressView| matches!(view.state, AddressState::OfEni | AddressState::OfHost);
    let own: Vec<String> = addresses.iter().filter(shown).map(|view| view.address.to_string()).collect();
    match own.len().saturating_sub(SHOWN) {
        0 => own.join(","),
        more => format!("{} and {more} more", own[..SHOWN].join(",")),
    }
}

/// The pod if it is known; the container's id is for `explain` and JSON then.
fn owner(holder: &Holder) -> String {
    let who = match &holder.pod {
        Some(pod) => format!("{}/{} {}", pod.namespace, pod.name, holder.owner.ifname),
        None => holder.to_string(),
    };
    match holder.phase {
        Some(Phase::Claimed) => format!("{who}, not yet set up"),
        Some(Phase::Committed | Phase::Released) | None => who,
    }
}

fn doing(enis: &[EniView], now: u64) -> Vec<String> {
    let busy = enis.iter().filter_map(|eni| {
        let what: Vec<String> = [eni.doing.clone(), eni.trouble(now)].into_iter().flatten().collect();
        (!what.is_empty()).then(|| format!("{}: {}", eni.called(), what.join("; ")))
    });
    busy.collect()
}

fn shared_addresses(status: &Status, now: u64) -> Table {
    let mut table = Table::new(&["ADDRESS", "ENI", "STATE", "OWNER"]);
    for eni in status.enis.iter().filter(|eni| eni.sharing == Sharing::Shared) {
        for view in &eni.addresses {
            let (state, owner) = match &view.state {
                AddressState::OfEni | AddressState::OfHost => continue,
                AddressState::Free => ("free".to_string(), String::new()),
                AddressState::Cooling { until } => {
                    (format!("cooling, {} left", age(until.saturating_sub(now))), String::new())
                }
                AddressState::Used { holder } => ("used".to_string(), owner(holder)),
            };
            table.row(vec![view.address.to_string(), text(eni.id.as_ref()), state, owner]);
        }
    }
    table
}

fn waits(status: &Status, now: u64) -> Vec<String> {
    let requests = status.requests.iter().map(|request| waiting(request, now));
    let pools = status
        .pools
        .iter()
        .flat_map(|pool| pool.waiting.iter().map(move |reason| format!("pool {}: {reason}", pool.name)));
    requests.chain(pools).collect()
}

/// Who waits for what, and how long yet.
pub(super) fn waiting(request: &RequestView, now: u64) -> String {
    let since = age(now.saturating_sub(request.since));
    let bound = request.deadline.map(|deadline| format!(", gives up in {}", age(deadline.saturating_sub(now))));
    format!("{} waits for an ENI of pool {} for {since}{}", request.holder(), request.pool, bound.unwrap_or_default())
}
