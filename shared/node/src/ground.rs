//! Where steps are applied: the two namespaces of an attachment, and the device that is in one of them.

use crate::device::Device;
use crate::fault;
use crate::netlink::{self, Link, LinkChange, Netlink, Placement, Route, RouteKind};
use crate::netns::{self, Netns, Visit};
use crate::pci::{self, Bus, Change};
pub use crate::step::Outcome;
use crate::step::{Detection, Place, Step};
use crate::sysctl::Sysctl;
use futures_util::StreamExt;
use ipnetwork::IpNetwork;
use std::pin::pin;
use std::time::Duration;

/// Why a step was not applied.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel refused.
    #[error("cannot {step}")]
    Netlink {
        /// The step in words.
        step: String,
        /// Why.
        #[source]
        source: netlink::Error,
    },
    /// A sysctl could not be read or set.
    #[error("cannot {step}")]
    Sysctl {
        /// The step in words.
        step: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The device's link is in neither namespace.
    #[error("cannot {0}: the device is in neither namespace")]
    NoDevice(String),
    /// The pod's namespace is gone.
    #[error("cannot {0}: the pod's network namespace is gone")]
    NoPod(String),
    /// The device's PCI function.
    #[error("cannot {step}")]
    Function {
        /// The step in words.
        step: String,
        /// Why.
        #[source]
        source: Box<pci::Error>,
    },
    /// The device is none of a PCI bus.
    #[error("cannot {0}: it is not known where the device sits")]
    NoFunction(String),
    /// Another host has the address.
    #[error("address {0} is in use by another host")]
    Duplicate(IpNetwork),
}

/// A namespace with what was opened in it.
#[derive(Debug)]
pub struct Side {
    /// The namespace, held open.
    pub netns: Netns,
    /// Socket and sysctls.
    pub visit: Visit,
}

impl Side {
    /// The calling thread's own namespace. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// Those of the namespace and of the socket.
    pub fn here() -> Result<Self, netns::Error> {
        let netns = Netns::current()?;
        let visit = netns.settle()?;
        Ok(Self { netns, visit })
    }
}

/// The two namespaces and the device.
#[derive(Debug)]
pub struct Ground {
    host: Side,
    pod: Option<Side>,
    device: Device,
    /// Where the device's function is.
    bus: Option<Bus>,
    /// Where the device's link is, once that was asked.
    at: Option<Position>,
    /// Where it was moved to, and so is looked for first.
    expected: Place,
}

/// Where the device's link is between two changes of that.
#[derive(Debug, Clone)]
struct Position {
    place: Place,
    index: u32,
    name: String,
}

impl Position {
    fn of(place: Place, link: &Link) -> Self {
        Self { place, index: link.index, name: link.name.clone() }
    }
}

impl Ground {
    /// The ground of an attachment; a pod whose namespace is gone is none.
    pub fn new(host: Side, pod: Option<Side>, device: Device) -> Self {
        Self { host, pod, device, bus: None, at: None, expected: Place::Pod }
    }

    /// The same ground, with the device's link where the caller has just found it.
    pub fn with_link(self, place: Place, link: &Link) -> Self {
        Self { at: Some(Position::of(place, link)), ..self }
    }

    /// The same ground, where the device's PCI function can be changed, too.
    #[must_use]
    pub fn with_bus(self, bus: Bus) -> Self {
        Self { bus: Some(bus), ..self }
    }

    /// The same ground for another device.
    pub fn with_device(self, device: Device) -> Self {
        Self { device, at: None, expected: Place::Pod, ..self }
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The host's side.
    pub fn host(&self) -> &Side {
        &self.host
    }

    /// The pod's side, unless its namespace is gone.
    pub fn pod(&self) -> Option<&Side> {
        self.pod.as_ref()
    }

    /// The device's PCI function, where that can be changed and when nothing changes it any more; nothing if it has left the
    /// machine.
    ///
    /// # Errors
    /// Those of sysfs; [`pci::Error::InUse`] where a change of it does not end soon.
    pub async fn function(&self) -> Result<Option<pci::Function>, pci::Error> {
        match (&self.bus, self.device.pci_address) {
            (Some(bus), Some(address)) => bus.function_at_rest(address).await,
            _ => Ok(None),
        }
    }

    /// The device's link and where it is; the namespace that it was moved to is asked first, else the pod's. Nothing if it
    /// is in neither namespace.
    ///
    /// # Errors
    /// Those of netlink.
    pub async fn locate(&mut self) -> Result<Option<(Place, Link)>, netlink::Error> {
        self.at = None;
        let places = match self.expected {
            Place::Pod => [Place::Pod, Place::Host],
            Place::Host => [Place::Host, Place::Pod],
        };
        for place in places {
            let side = match place {
                Place::Pod => self.pod.as_ref(),
                Place::Host => Some(&self.host),
            };
            let Some(side) = side else { continue };
            let links = side.visit.netlink.links().await?;
            if let Some(link) = self.device.find(&links) {
                self.at = Some(Position::of(place, link));
                return Ok(Some((place, link.clone())));
            }
        }
        Ok(None)
    }

    /// Waits until the device's link is in one of the namespaces, at most so long. The calling thread must be in the host's
    /// namespace.
    pub async fn await_return(&mut self, limit: Duration) {
        // Events are subscribed to before the first look, so none between the two is missed.
        let Ok(events) = Netlink::link_events() else { return };
        let mut events = pin!(events);
        let back =
            async { while !matches!(self.locate().await, Ok(Some(_)) | Err(_)) && events.next().await.is_some() {} };
        if tokio::time::timeout(limit, back).await.is_err() {
            log::debug!("{} has not come back within {} ms", self.device, limit.as_millis());
        }
    }

    /// Applies the steps in order, up to the first that fails.
    ///
    /// # Errors
    /// That of the failed step.
    pub async fn apply_all(&mut self, steps: &[Step]) -> Result<(), Error> {
        for step in steps {
            self.apply(step).await?;
        }
        Ok(())
    }

    /// Applies the steps in order, and goes on after one that fails. All errors are given back.
    pub async fn apply_each(&mut self, steps: &[Step]) -> Vec<Error> {
        let mut errors = Vec::new();
        for step in steps {
            errors.extend(self.apply(step).await.err());
        }
        errors
    }

    /// Applies one step.
    ///
    /// # Errors
    /// What the kernel said, with the step.
    pub async fn apply(&mut self, step: &Step) -> Result<Outcome, Error> {
        let result = self.apply_quietly(step).await;
        match &result {
            Ok(Outcome::Changed) => log::debug!("{step}"),
            Ok(Outcome::AlreadySo) => log::debug!("{step}: already so"),
            Err(error) => log::debug!("{step}: {error}"),
        }
        fault::point(&step.to_string());
        result
    }

    async fn apply_quietly(&mut self, step: &Step) -> Result<Outcome, Error> {
        match step {
            Step::SetLink(change) => self.set_link(step, change).await,
            Step::MoveLink { to, .. } => self.move_link(step, *to).await,
            Step::AddAltName(name) => {
                let (netlink, index) = self.link(step).await?;
                existing(step, netlink.add_altname(index, name).await)
            }
            Step::DeleteAltName(name) => {
                let (netlink, index) = self.link(step).await?;
                missing(step, netlink.delete_altname(index, name).await)
            }
            Step::SetSysctl { sysctl, value } => self.set_sysctl(step, *sysctl, *value).await,
            Step::AddAddress { address, detection } => {
                let (netlink, index) = self.link(step).await?;
                existing(
                    step,
                    match detection {
                        Detection::Off => netlink.add_address(index, *address).await,
                        Detection::On => netlink.add_address_with_detection(index, *address).await,
                    },
                )
            }
            Step::DeleteAddress(address) => {
                let (netlink, index) = self.link(step).await?;
                missing(step, netlink.delete_address(index, *address).await)
            }
            Step::AwaitDetection => self.await_detection(step).await,
            Step::AddRoute { place, route } => self.add_route(step, *place, route).await,
            Step::DeleteRoute { place, route } => missing(step, self.netlink(step, *place)?.delete_route(route).await),
            Step::AddRule { place, rule } => existing(step, self.netlink(step, *place)?.add_rule(rule).await),
            Step::DeleteRule { place, rule } => missing(step, self.netlink(step, *place)?.delete_rule(rule).await),
            Step::ChangeFunction(change) => self.change_function(step, change).await,
        }
    }

    async fn change_function(&mut self, step: &Step, change: &Change) -> Result<Outcome, Error> {
        let (Some(bus), Some(address)) = (&self.bus, self.device.pci_address) else {
            return Err(Error::NoFunction(step.to_string()));
        };
        // With the driver the link goes and comes.
        self.at = None;
        let failed = |source| Error::Function { step: step.to_string(), source: Box::new(source) };
        bus.apply(address, change).await.map_err(failed)
    }

    async fn set_link(&mut self, step: &Step, change: &LinkChange) -> Result<Outcome, Error> {
        let (netlink, index) = self.link(step).await?;
        if matches!(change, LinkChange::Name(_)) {
            self.at = None;
        }
        changed(step, netlink.change_link(index, change).await)
    }

    async fn move_link(&mut self, step: &Step, to: Place) -> Result<Outcome, Error> {
        let Step::MoveLink { name, .. } = step else { return Ok(Outcome::AlreadySo) };
        let Position { place: from, index, .. } = self.position(step).await?;
        if from == to {
            return Ok(Outcome::AlreadySo);
        }
        let target = self.side(step, to)?;
        let placement = Placement { namespace: &target.netns, name };
        let moved = self.netlink(step, from)?.move_link(index, placement).await;
        // The index may be another one there, and the move may have happened in spite of an error.
        self.at = None;
        self.expected = to;
        changed(step, moved)
    }

    async fn set_sysctl(&mut self, step: &Step, sysctl: Sysctl, value: i64) -> Result<Outcome, Error> {
        let position = self.position(step).await?;
        let side = self.side(step, position.place)?;
        let name = position.name.parse().map_err(|_| Error::NoDevice(step.to_string()))?;
        match side.visit.sysctls.set(&name, sysctl, value) {
            Ok(true) => Ok(Outcome::Changed),
            Ok(false) => Ok(Outcome::AlreadySo),
            Err(source) => Err(Error::Sysctl { step: step.to_string(), source }),
        }
    }

    async fn await_detection(&mut self, step: &Step) -> Result<Outcome, Error> {
        let Position { place, index, .. } = self.position(step).await?;
        let side = self.side(step, place)?;
        // Events are subscribed to before the first look, so none between the two is missed.
        let events = side.netns.inside(&self.host.netns, Netlink::ipv6_address_events);
        let events =
            events.map_err(|error| Error::Sysctl { step: step.to_string(), source: std::io::Error::other(error) })?;
        let mut events = pin!(events.map_err(|source| refused(step, source))?);
        loop {
            let addresses = side.visit.netlink.addresses().await.map_err(|source| refused(step, source))?;
            let mine = || addresses.iter().filter(|address| address.link == index && !address.link_local);
            if let Some(duplicate) = mine().find(|address| address.duplicate) {
                return Err(Error::Duplicate(duplicate.network));
            }
            if !mine().any(|address| address.tentative) {
                return Ok(Outcome::Changed);
            }
            if events.next().await.is_none() {
                return Err(Error::NoPod(step.to_string()));
            }
        }
    }

    /// Adds a route. The kernel says of a blackhole that it is there already, too, where a route is that leads somewhere.
    async fn add_route(&mut self, step: &Step, place: Place, route: &Route) -> Result<Outcome, Error> {
        let route = self.over_device(step, route).await?;
        let netlink = self.netlink(step, place)?;
        let added = netlink.add_route(&route).await;
        if let Err(error) = added {
            let drops = |other: &Route| other.kind == RouteKind::Blackhole && other.has_same_destination(&route);
            let is_done = match route.kind {
                RouteKind::Blackhole if error.is_existing() => {
                    netlink.routes().await.map_err(|source| refused(step, source))?.iter().any(drops)
                }
                _ => error.is_existing(),
            };
            return if is_done { Ok(Outcome::AlreadySo) } else { Err(refused(step, error)) };
        }
        Ok(Outcome::Changed)
    }

    /// The route with the device's index in the place of whatever stood there.
    async fn over_device(&mut self, step: &Step, route: &Route) -> Result<Route, Error> {
        let mut route = route.clone();
        if !route.links.is_empty() {
            route.links = vec![self.position(step).await?.index];
        }
        Ok(route)
    }

    /// Where the device's link is, asked once between two moves.
    async fn position(&mut self, step: &Step) -> Result<Position, Error> {
        if self.at.is_none() {
            self.locate().await.map_err(|source| refused(step, source))?;
        }
        self.at.clone().ok_or_else(|| Error::NoDevice(step.to_string()))
    }

    async fn link(&mut self, step: &Step) -> Result<(Netlink, u32), Error> {
        let Position { place, index, .. } = self.position(step).await?;
        Ok((self.netlink(step, place)?.clone(), index))
    }

    fn side(&self, step: &Step, place: Place) -> Result<&Side, Error> {
        match place {
            Place::Host => Ok(&self.host),
            Place::Pod => self.pod.as_ref().ok_or_else(|| Error::NoPod(step.to_string())),
        }
    }

    fn netlink(&self, step: &Step, place: Place) -> Result<&Netlink, Error> {
        self.side(step, place).map(|side| &side.visit.netlink)
    }
}

fn refused(step: &Step, source: netlink::Error) -> Error {
    Error::Netlink { step: step.to_string(), source }
}

fn changed(step: &Step, result: Result<(), netlink::Error>) -> Result<Outcome, Error> {
    result.map(|()| Outcome::Changed).map_err(|source| refused(step, source))
}

/// The result of making something: that it is there already is as good.
fn existing(step: &Step, result: Result<(), netlink::Error>) -> Result<Outcome, Error> {
    match result {
        Err(error) if error.is_existing() => Ok(Outcome::AlreadySo),
        result => changed(step, result),
    }
}

/// The result of removing something: that it is not there is as good.
fn missing(step: &Step, result: Result<(), netlink::Error>) -> Result<Outcome, Error> {
    match result {
        Err(error) if error.is_missing() => Ok(Outcome::AlreadySo),
        result => changed(step, result),
    }
}
