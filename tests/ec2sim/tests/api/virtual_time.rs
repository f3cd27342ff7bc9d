//! The region on tokio's paused time: an hour is over at once, and everything in it has happened in its order.

use std::sync::Arc;
use std::time::Duration;

use ec2sim::{AttachmentStatus, Clock, Hardware, Nic, Timing};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::Instant;

use crate::region::Region;

/// Tells when the NIC came.
struct Bell(UnboundedSender<Duration>, Instant);

impl Hardware for Bell {
    fn plug(&self, _: &Nic) {
        self.0.send(self.1.elapsed()).unwrap();
    }

    fn renamed(&self, _: &Nic) {}

    fn unplug(&self, _: &Nic) {}
}

#[tokio::test(start_paused = true)]
async fn a_nic_comes_in_its_time_while_somebody_waits_for_it() {
    let region = Region::with(Timing {
        plug: Duration::from_secs(1_800),
        attach: Duration::from_secs(3_600),
        ..Timing::instant()
    });
    region.ec2.set_clock(Clock::of_tokio());
    let (rings, mut bell) = unbounded_channel();
    region.ec2.set_hardware(Arc::new(Bell(rings, Instant::now())));
    let ec2 = region.ec2.clone();
    let time = tokio::spawn(async move { ec2.keep_time().await });
    let eni = region.create().network_interface_id;
    region.attach(&eni, 1);
    let rang = bell.recv().await.unwrap();
    // Tokio's timers have a grain of a millisecond.
    assert!((1_800_000..1_800_100).contains(&rang.as_millis()), "{rang:?}");
    assert_eq!(region.look(&eni).unwrap().attachment.unwrap().status, AttachmentStatus::Attaching);
    tokio::time::sleep(Duration::from_secs(1_801)).await;
    assert_eq!(region.look(&eni).unwrap().attachment.unwrap().status, AttachmentStatus::Attached);
    time.abort();
}
