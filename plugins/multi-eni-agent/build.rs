//! Rust of the kubelet's gRPC interfaces. `protox` reads them, so no `protoc` is needed.

use std::error::Error;

const INTERFACES: [&str; 2] = ["proto/v1beta1.proto", "proto/v1.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    for interface in INTERFACES {
        println!("cargo::rerun-if-changed={interface}");
    }
    let read = protox::compile(INTERFACES, ["proto"])?;
    // The other sides are the tests'.
    tonic_prost_build::configure().compile_fds(read)?;
    Ok(())
}
