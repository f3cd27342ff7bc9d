//! The kernel's own share: the requests that no way around can leave out, from sockets that are open already.

use std::path::Path;

use node::names::IfName;
use node::netlink::{Gateway, LinkChange, Netlink, Placement, Route};
use node::netns::Netns;
use tokio::runtime::{Builder, Runtime};

use crate::site::{self, GATEWAY, HOST_MTU, MTU, POD_NAME, VPC};

/// An ENI and its pod, on a thread of the node.
pub(crate) struct Floor {
    runtime: Runtime,
    host: (Netns, Netlink),
    pod: (Netns, Netlink),
    link: u32,
    home: IfName,
    inside: IfName,
    address: ipnetwork::IpNetwork,
    route: Route,
}

impl Floor {
    pub(crate) fn open(index: usize, pod: &Path) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let name = site::host_name(index);
        let (host, pod, link) = runtime.block_on(async {
            let host = Netns::current().expect("the node's namespace");
            let here = Netlink::open().expect("a socket of the node");
            let pod = Netns::open(pod).expect("the pod's namespace");
            let there = pod.visit(&host).expect("a socket of the pod").netlink;
            let links = here.links().await.expect("the links of the node");
            let link = links.iter().find(|link| link.name == name).expect("the ENI").index;
            ((host, here), (pod, there), link)
        });
        let gateway = Gateway { address: GATEWAY.parse().expect("an address"), onlink: false };
        Self {
            runtime,
            host,
            pod,
            link,
            home: name.parse().expect("a name"),
            inside: POD_NAME.parse().expect("a name"),
            address: site::address(index).parse().expect("an address"),
            route: Route { gateway: Some(gateway), ..Route::to(VPC.parse().expect("a network"), link) },
        }
    }

    /// Sets the link down and takes its alias away, so that all kinds of a round find the same.
    pub(crate) fn tidy(&self) {
        self.runtime.block_on(async {
            for change in [LinkChange::Down, LinkChange::Alias(String::new()), LinkChange::Mtu(HOST_MTU)] {
                self.host.1.change_link(self.link, &change).await.expect("a change of the ENI's link");
            }
        });
    }

    /// Into the pod. The link keeps its index there, where there is only the loopback device.
    pub(crate) fn add(&self) {
        let (host, pod) = (&self.host.1, &self.pod.1);
        self.runtime.block_on(async {
            let placement = Placement { namespace: &self.pod.0, name: &self.inside };
            host.move_link(self.link, placement).await.expect("the way into the pod");
            pod.change_link(self.link, &LinkChange::Mtu(MTU)).await.expect("the MTU");
            pod.add_address(self.link, self.address).await.expect("the address");
            pod.change_link(self.link, &LinkChange::Up).await.expect("the link up");
            pod.add_route(&self.route).await.expect("the route");
        });
    }

    /// And home.
    pub(crate) fn del(&self) {
        let (host, pod) = (&self.host.1, &self.pod.1);
        self.runtime.block_on(async {
            pod.change_link(self.link, &LinkChange::Down).await.expect("the link down");
            let placement = Placement { namespace: &self.host.0, name: &self.home };
            pod.move_link(self.link, placement).await.expect("the way home");
            host.change_link(self.link, &LinkChange::Mtu(HOST_MTU)).await.expect("the MTU");
        });
    }
}
