//! What a change of the region does to machines.

use crate::attach::allowed;
use crate::cloud::{Cloud, Inner, Played};
use crate::error::Error;
use crate::hardware::{Board, Effect, Nic};
use crate::ids::InstanceId;
use crate::wire::{Port, WireError};

/// In the kernel first, so that who is told can look.
pub(crate) fn run(cloud: &Cloud, effect: &Effect, board: &Board) {
    let done = {
        let inner = cloud.lock();
        if inner.played == Played::ByTheKernel { in_kernel(&inner, effect) } else { Ok(()) }
    };
    if let Err(error) = done {
        log::error!("{effect:?}: {error}");
    }
    let Some(hardware) = &board.0 else { return };
    match effect {
        Effect::Plug(nic) => hardware.plug(nic),
        Effect::Rename(nic) => hardware.renamed(nic),
        Effect::Unplug(nic) => hardware.unplug(nic),
        Effect::Allow(_) => {}
    }
}

fn in_kernel(inner: &Inner, effect: &Effect) -> Result<(), Error> {
    match effect {
        Effect::Plug(nic) => plug(inner, nic),
        Effect::Rename(nic) => rename(inner, nic),
        Effect::Unplug(nic) => match inner.wire(&nic.eni.vpc_id)?.unplug(nic.eni.network_interface_id.clone()) {
            Err(WireError::NotPlugged(_)) => Ok(()),
            done => Ok(done?),
        },
        Effect::Allow(nic) => match inner.state.eni(&nic.eni.network_interface_id) {
            Ok(record) if record.attachment.as_ref().is_some_and(|at| at.plugged) => {
                Ok(inner.wire(&nic.eni.vpc_id)?.allow(nic.eni.network_interface_id.clone(), allowed(record))?)
            }
            Ok(_) | Err(_) => Ok(()),
        },
    }
}

fn plug(inner: &Inner, nic: &Nic) -> Result<(), Error> {
    let id = &nic.eni.network_interface_id;
    let Ok(record) = inner.state.eni(id) else { return Ok(()) };
    let Some(instance) = instance(nic) else { return Ok(()) };
    let host = inner.state.instance(instance)?.host.clone().ok_or(Error::OnPaper)?;
    Ok(inner.wire(&nic.eni.vpc_id)?.plug(Port {
        eni: id.clone(),
        subnet: record.subnet.clone(),
        mac: record.mac,
        mtu: record.mtu,
        host,
        // The lowest free number, as a driver asks for it (`__dev_alloc_name`, net/core/dev.c).
        host_name: "eth%d".into(),
        allowed: allowed(record),
    })?)
}

/// From now on the link comes back under its new name, too.
fn rename(inner: &Inner, nic: &Nic) -> Result<(), Error> {
    let Some(instance) = instance(nic) else { return Ok(()) };
    let host = inner.state.instance(instance)?.host.clone().ok_or(Error::OnPaper)?;
    let wire = inner.wire(&nic.eni.vpc_id)?;
    wire.return_as(nic.eni.network_interface_id.clone(), nic.link_name.clone())?;
    Ok(crate::wire::rename(&host, nic.eni.mac, &nic.link_name)?)
}

fn instance(nic: &Nic) -> Option<&InstanceId> {
    nic.eni.attachment.as_ref().map(|at| &at.instance_id)
}
