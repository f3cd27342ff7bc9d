//! The kubelet's gRPC interfaces, made from `proto/` when this is built.

/// Device plugins.
#[allow(
    clippy::pedantic,
    dead_code,
    unreachable_pub,
    unused_qualifications,
    reason = "made by tonic; the other side of each service is the tests'"
)]
pub(super) mod v1beta1 {
    tonic::include_proto!("v1beta1");
}

/// Pod resources.
#[allow(
    clippy::pedantic,
    dead_code,
    unreachable_pub,
    unused_qualifications,
    reason = "made by tonic; the other side of each service is the tests'"
)]
pub(super) mod v1 {
    tonic::include_proto!("v1");
}
