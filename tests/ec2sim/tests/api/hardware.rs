//! Who is told of NICs.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ec2sim::{Ec2, Hardware, Nic, Timing};

use crate::region::{Region, deletion, detachment};

#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Told {
    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    fn note(&self, what: &str, nic: &Nic) {
        self.0.lock().unwrap().push(format!("{what} {}", nic.link_name));
    }
}

impl Hardware for Told {
    fn plug(&self, nic: &Nic) {
        self.note("plug", nic);
    }

    fn renamed(&self, nic: &Nic) {
        self.note("rename", nic);
    }

    fn unplug(&self, nic: &Nic) {
        self.note("unplug", nic);
    }
}

fn slow() -> Timing {
    let seconds = Duration::from_secs;
    Timing {
        plug: seconds(2),
        rename: seconds(1),
        attach: seconds(4),
        unplug: seconds(1),
        detach: seconds(5),
        ..Timing::instant()
    }
}

#[test]
fn a_nic_comes_under_the_kernels_name_is_renamed_and_goes_each_in_its_time() {
    let region = Region::with(slow());
    let told = Arc::new(Told::default());
    region.ec2.set_hardware(told.clone());
    let eni = region.create().network_interface_id;
    let attachment = region.attach(&eni, 1);
    assert_eq!(region.ec2.next_due(), Some(Duration::from_secs(2)));
    region.advance(1_999);
    assert!(told.all().is_empty());
    region.advance(1);
    assert_eq!(told.all(), ["plug eth1"]);
    region.advance(1_000);
    assert_eq!(told.all(), ["plug eth1", "rename ens6"]);
    region.advance(1_000);
    assert_eq!(region.ec2.next_due(), None);
    region.call(detachment(&attachment)).unwrap();
    region.advance(1_000);
    assert_eq!(told.all().last().unwrap(), "unplug ens6");
    region.advance(4_000);
    region.call(deletion(&eni)).unwrap();
    assert_eq!(told.all().len(), 3);
}

#[test]
fn what_is_detached_before_the_machine_saw_it_is_never_seen() {
    let region = Region::with(slow());
    let told = Arc::new(Told::default());
    region.ec2.set_hardware(told.clone());
    let attachment = region.attach(&region.create().network_interface_id, 1);
    region.advance(1_000);
    region.call(detachment(&attachment)).unwrap();
    region.advance(60_000);
    assert!(told.all().is_empty());
}

/// Hardware that asks the API about what it is told.
struct Curious(Mutex<Option<Ec2>>);

impl Hardware for Curious {
    fn plug(&self, _: &Nic) {
        if let Some(ec2) = &*self.0.lock().unwrap() {
            ec2.tick();
            assert_eq!(ec2.calls().len(), 2);
        }
    }

    fn renamed(&self, _: &Nic) {}

    fn unplug(&self, _: &Nic) {}
}

#[test]
fn hardware_may_ask_the_api() {
    let region = Region::new();
    region.ec2.set_hardware(Arc::new(Curious(Mutex::new(Some(region.ec2.clone())))));
    region.attach(&region.create().network_interface_id, 1);
}

#[test]
fn the_metadata_are_behind_by_their_delay() {
    let region = Region::with(Timing { metadata: Duration::from_secs(3), ..Timing::instant() });
    region.advance(10_000);
    let attachment = region.attach(&region.create().network_interface_id, 1);
    assert!(region.node.enis_of_metadata().unwrap().is_empty());
    region.advance(3_000);
    assert_eq!(region.node.enis_of_metadata().unwrap().len(), 1);
    region.call(detachment(&attachment)).unwrap();
    assert_eq!(region.node.enis_of_metadata().unwrap().len(), 1);
    region.advance(3_000);
    assert!(region.node.enis_of_metadata().unwrap().is_empty());
}
