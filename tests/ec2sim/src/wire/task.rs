//! The thread of a VPC: it sleeps until an order or an event of the kernel comes. Its runtime has no clock, so that
//! there is no way to poll.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use futures_util::{Stream, StreamExt};
use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use rtnetlink::{Handle, MulticastGroup, new_connection, new_multicast_connection};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::UnboundedReceiver;

use super::order::{Answer, Call, Order};
use super::port::Ports;
use super::{Returns, WireError, filter, link, segment};
use crate::mac::MacAddr;
use crate::netns::Netns;

pub(super) fn main(
    place: Option<Netns>,
    returns: Arc<Returns>,
    calls: UnboundedReceiver<Call>,
    ready: &Sender<Result<Netns, WireError>>,
) {
    let entered = enter(place).and_then(|netns| Ok((netns, runtime()?)));
    let (netns, runtime) = match entered {
        Ok(entered) => entered,
        Err(error) => return tell(ready, Err(error)),
    };
    runtime.block_on(async {
        let opened = match open().await {
            Ok(opened) => opened,
            Err(error) => return tell(ready, Err(error)),
        };
        tell(ready, Ok(netns));
        serve(Ports::new(opened.kernel.clone(), returns), opened, calls).await;
    });
}

/// In the namespace of the calling thread.
pub(super) fn loopback_up() -> Result<(), WireError> {
    runtime()?.block_on(async {
        let (connection, kernel, _) = new_connection().map_err(WireError::Socket)?;
        tokio::spawn(connection);
        link::loopback_up(&kernel).await
    })
}

/// In the namespace of the calling thread.
pub(super) fn rename(mac: MacAddr, name: &str) -> Result<(), WireError> {
    runtime()?.block_on(async {
        let (connection, kernel, _) = new_connection().map_err(WireError::Socket)?;
        tokio::spawn(connection);
        link::rename(&kernel, mac, name).await
    })
}

fn enter(place: Option<Netns>) -> Result<Netns, WireError> {
    match place {
        Some(netns) => netns.enter().map(|()| netns).map_err(WireError::Netns),
        None => Netns::unshare_this_thread().map_err(WireError::Netns),
    }
}

fn runtime() -> Result<Runtime, WireError> {
    Builder::new_current_thread().enable_io().build().map_err(WireError::Thread)
}

struct Opened<E> {
    kernel: Handle,
    events: E,
}

type Event = NetlinkMessage<RouteNetlinkMessage>;

async fn open() -> Result<Opened<impl Stream<Item = Event> + Unpin>, WireError> {
    let (connection, kernel, _) = new_connection().map_err(WireError::Socket)?;
    tokio::spawn(connection);
    let (listening, _, events) = new_multicast_connection(&[MulticastGroup::Link]).map_err(WireError::Socket)?;
    tokio::spawn(listening);
    segment::make_router(&kernel).await?;
    Ok(Opened { kernel, events: events.map(|(message, _)| message) })
}

async fn serve<E: Stream<Item = Event> + Unpin>(
    mut ports: Ports,
    mut opened: Opened<E>,
    mut calls: UnboundedReceiver<Call>,
) {
    loop {
        tokio::select! {
            call = calls.recv() => {
                let stopping = call.as_ref().is_none_or(|call| matches!(call.order, Order::Stop));
                if let Some(Call { order, answer }) = call {
                    tell(&answer, obey(&mut ports, &opened.kernel, order).await);
                }
                if stopping {
                    return;
                }
            }
            Some(event) = opened.events.next() => notice(&mut ports, event).await,
        }
    }
}

async fn obey(ports: &mut Ports, kernel: &Handle, order: Order) -> Result<Answer, WireError> {
    match order {
        Order::AddSegment(segment) => {
            let bridge = segment::add(kernel, &segment).await?;
            ports.add_bridge(segment.subnet, bridge);
        }
        Order::Plug(port) => ports.plug(*port).await?,
        Order::Unplug(eni) => ports.unplug(&eni).await?,
        Order::Allow(eni, allowed) => ports.allow(&eni, allowed)?,
        Order::ReturnAs(eni, name) => ports.return_as(&eni, name)?,
        Order::Drops(eni) => return filter::drops(&eni).map(Answer::Drops),
        Order::Keep => ports.keep().await?,
        Order::Stop => ports.unplug_all().await?,
    }
    Ok(Answer::Done)
}

async fn notice(ports: &mut Ports, event: Event) {
    match event.payload {
        // Leaving a bridge is told as a deletion, too, in the bridge's own family (`br_ifinfo_notify`).
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelLink(link))
            if link.header.interface_family == AddressFamily::Unspec =>
        {
            ports.vanished(link.header.index).await;
        }
        NetlinkPayload::Overrun(_) => {
            if let Err(error) = ports.look_again().await {
                log::error!("events were lost and the links cannot be listed: {error}");
            }
        }
        _ => {}
    }
}

/// Who no longer waits for the answer has no use for it.
fn tell<T>(listener: &Sender<T>, answer: T) {
    listener.send(answer).unwrap_or_default();
}
