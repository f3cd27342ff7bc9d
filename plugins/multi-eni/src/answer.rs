//! The result of ADD: what the plugins before made, and what the kernel has now.

use crate::error::Error;
use cni::{CniResult, Interface, IpConfig};
use node::ground::Ground;
use node::netlink::Link;
use node::record::Record;
use node::step::Place;

/// What the answer is made of.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) request: &'a cni::AddRequest,
    pub(crate) record: &'a Record,
    /// The IPAM plugin's answer, as far as it was applied.
    pub(crate) given: CniResult,
    /// Whether the link is meant to be down.
    pub(crate) keep_down: bool,
}

impl Answer<'_> {
    /// Reads back from the kernel, and answers.
    ///
    /// # Errors
    /// [`Error::ReadBack`] where the kernel has something else than it was given.
    pub(crate) async fn read_back(self, ground: &mut Ground) -> Result<CniResult, Error> {
        let name = self.record.interface_name.as_str();
        let link = match ground.locate().await? {
            Some((Place::Pod, link)) if link.name == name => link,
            Some((place, link)) => return Err(Error::ReadBack(format!("the device as {} in the {place}", link.name))),
            None => return Err(Error::ReadBack("the device nowhere".to_string())),
        };
        if link.up == self.keep_down {
            return Err(Error::ReadBack(format!("{name} {}", if link.up { "up" } else { "down" })));
        }
        let netlink = ground.pod().map(|side| side.visit.netlink.clone());
        let addresses = match netlink {
            Some(netlink) if !self.given.ips.is_empty() => netlink.addresses().await?,
            _ => Vec::new(),
        };
        for ip in &self.given.ips {
            let has = addresses.iter().any(|one| one.link == link.index && one.network.ip() == ip.address.ip());
            if !has {
                return Err(Error::ReadBack(format!("no address {} on {name}", ip.address)));
            }
        }
        Ok(self.with_link(&link))
    }

    /// Answers for a device that user space has: it has no link, so no MTU that anybody knows of, and no routes.
    pub(crate) fn without_link(self) -> CniResult {
        let interface = Interface {
            name: self.record.interface_name.to_string(),
            mac: Some(self.record.device.mac_address.to_string()),
            ..self.interface()
        };
        let given = CniResult { routes: Vec::new(), ..self.given };
        Self { given, ..self }.merged(interface)
    }

    fn with_link(self, link: &Link) -> CniResult {
        let interface = Interface {
            name: link.name.clone(),
            mac: link.mac.map(|mac| mac.to_string()),
            mtu: Some(link.mtu),
            ..self.interface()
        };
        self.merged(interface)
    }

    /// What does not depend on a link.
    fn interface(&self) -> Interface {
        Interface {
            sandbox: Some(self.request.netns.display().to_string()),
            pci_id: self.record.device.pci_address.map(|pci| pci.to_string()),
            ..Interface::default()
        }
    }

    /// Ours behind those of the plugins before.
    fn merged(self, interface: Interface) -> CniResult {
        let mut result = self.request.config.prev_result.clone().unwrap_or_default();
        let index = result.interfaces.len();
        result.interfaces.push(interface);
        result.ips.extend(self.given.ips.into_iter().map(|ip| IpConfig { interface: Some(index), ..ip }));
        result.routes.extend(self.given.routes);
        if let Some(dns) = self.request.config.dns.clone().or(Some(self.given.dns).filter(|dns| !dns.is_empty())) {
            result.dns = dns;
        }
        result
    }
}
