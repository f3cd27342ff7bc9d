//! One rtnetlink socket per namespace, and the few requests that moving an ENI needs, in plain values.
//!
//! The socket stays in the namespace in which it was opened, whatever the thread does afterwards, so no request ever
//! switches namespaces. Requests are built here rather than with `rtnetlink`'s builders where those send other flags than
//! the step needs (`NLM_F_EXCL` is what tells "made by us" from "was there").

mod address;
mod error;
mod link;
mod route;
mod rule;

pub use address::Address;
pub use error::{Error, Operation};
pub use link::{Link, LinkChange, Placement};
pub use route::{Gateway, MAIN_TABLE, Metrics, Route, RouteKind};
pub use rule::Rule;

use futures_util::{Stream, StreamExt};
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use rtnetlink::{Handle, MulticastGroup};

/// A dump that changed while it was read says so in this flag (`NLM_F_DUMP_INTR` in `linux/netlink.h`).
const DUMP_INTERRUPTED: u16 = 0x10;
/// How often an interrupted dump is read again before it is an error.
const DUMP_ATTEMPTS: usize = 16;

/// What a request asks of the kernel beside its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ask {
    /// Make it; an existing one is an error (`EEXIST`).
    Create,
    /// Change or remove it.
    Change,
}

impl Ask {
    fn flags(self) -> u16 {
        match self {
            Self::Create => NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
            Self::Change => NLM_F_REQUEST | NLM_F_ACK,
        }
    }
}

/// An rtnetlink socket in one namespace. Cloning shares the socket.
#[derive(Debug, Clone)]
pub struct Netlink {
    handle: Handle,
}

impl Netlink {
    /// Opens the socket in the calling thread's namespace.
    ///
    /// # Errors
    /// The socket's own. Must be called inside a tokio runtime, which drives the socket.
    pub fn open() -> Result<Self, Error> {
        let (mut connection, handle, _) = rtnetlink::new_connection().map_err(Error::Open)?;
        // Best effort: without it, errors have the errno but not the kernel's sentence.
        if let Err(error) = rtnetlink::sys::AsyncSocket::socket_mut(connection.socket_mut()).set_ext_ack(true) {
            log::debug!("no extended acknowledgements from netlink: {error}");
        }
        tokio::spawn(connection);
        Ok(Self { handle })
    }

    /// Changes and removals of IPv6 addresses in the calling thread's namespace from now on, without their contents: each
    /// item means "look again".
    ///
    /// # Errors
    /// The socket's own.
    pub fn ipv6_address_events() -> Result<impl Stream<Item = ()>, Error> {
        Self::events(&[MulticastGroup::Ipv6Ifaddr])
    }

    /// Changes of links in the calling thread's namespace from now on, as [`Netlink::ipv6_address_events`].
    ///
    /// # Errors
    /// The socket's own.
    pub fn link_events() -> Result<impl Stream<Item = ()>, Error> {
        Self::events(&[MulticastGroup::Link])
    }

    /// Changes of links and of their addresses, as [`Netlink::link_events`]: that a link has a new address is no change of the
    /// link.
    ///
    /// # Errors
    /// The socket's own.
    pub fn link_and_address_events() -> Result<impl Stream<Item = ()>, Error> {
        Self::events(&[MulticastGroup::Link, MulticastGroup::Ipv4Ifaddr, MulticastGroup::Ipv6Ifaddr])
    }

    fn events(groups: &[MulticastGroup]) -> Result<impl Stream<Item = ()> + use<>, Error> {
        let (connection, handle, messages) = rtnetlink::new_multicast_connection(groups).map_err(Error::Open)?;
        tokio::spawn(connection);
        // The connection ends with its last handle.
        Ok(messages.map(move |_| {
            let _ = &handle;
        }))
    }

    async fn send(&self, message: RouteNetlinkMessage, ask: Ask, operation: Operation) -> Result<(), Error> {
        let mut request = NetlinkMessage::from(message);
        request.header.flags = ask.flags();
        let mut answers = self.handle.clone().request(request).map_err(|_| Error::closed(&operation))?;
        while let Some(answer) = answers.next().await {
            if let NetlinkPayload::Error(error) = answer.payload
                && error.code.is_some()
            {
                return Err(Error::refused(operation, &error));
            }
        }
        Ok(())
    }

    async fn dump(
        &self,
        message: RouteNetlinkMessage,
        operation: Operation,
    ) -> Result<Vec<RouteNetlinkMessage>, Error> {
        for _ in 0..DUMP_ATTEMPTS {
            if let Some(found) = self.dump_once(message.clone(), &operation).await? {
                return Ok(found);
            }
        }
        Err(Error::Unsteady(operation))
    }

    /// One dump; nothing if it changed while it was read.
    async fn dump_once(
        &self,
        message: RouteNetlinkMessage,
        operation: &Operation,
    ) -> Result<Option<Vec<RouteNetlinkMessage>>, Error> {
        let mut request = NetlinkMessage::from(message);
        request.header.flags = NLM_F_REQUEST | NLM_F_DUMP;
        let mut answers = self.handle.clone().request(request).map_err(|_| Error::closed(operation))?;
        let (mut found, mut whole) = (Vec::new(), true);
        while let Some(answer) = answers.next().await {
            whole &= answer.header.flags & DUMP_INTERRUPTED == 0;
            match answer.payload {
                NetlinkPayload::InnerMessage(message) => found.push(message),
                NetlinkPayload::Error(error) if error.code.is_some() => {
                    return Err(Error::refused(operation.clone(), &error));
                }
                _ => {}
            }
        }
        Ok(whole.then_some(found))
    }
}
