//! The real binary, on records in a folder of the test's own and links in a namespace of the test's own. Needs root.

#![cfg(test)]

mod bench;
mod chain;
mod exclusive;
mod shared;
mod status;
