//! The account's buckets (<https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>).

use ec2sim::request::Select;
use ec2sim::{Request, Throttle};

use crate::region::Region;

#[test]
fn reads_and_writes_are_drawn_from_buckets_of_their_own() {
    let region = Region::new();
    region.ec2.set_throttle(Throttle::default());
    let read = || region.call(Request::DescribeNetworkInterfaces(Select::default()));
    let granted = (0..150).filter(|_| read().is_ok()).count();
    assert_eq!(granted, 100);
    assert_eq!(read().unwrap_err().status, 503);
    assert_eq!(read().unwrap_err().code, "RequestLimitExceeded");
    region.create();
    region.advance(500);
    assert_eq!((0..50).filter(|_| read().is_ok()).count(), 10);
}
