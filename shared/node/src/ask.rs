//! Asking the node's agent over its socket, `agent.sock` in the state folder, and what the agent needs to answer.
//!
//! Each way goes one JSON document and a newline, and a connection carries one request. Closing it withdraws the request:
//! an asker that dies leaves nothing behind, since the kernel closes what it had.

mod client;
mod line;
mod server;
mod wire;

pub use client::{Error, ask};
pub use line::LineError;
pub use server::{ListenError, answer, listen, receive, withdrawn};
pub use wire::{Acquire, Decoded, Ready, Refusal, Reply, Request};

/// The socket's name in the state folder.
pub const SOCKET: &str = "agent.sock";
/// The most bytes of a request with its newline: names and a key of CNI, each of at most some hundred bytes.
pub const REQUEST_LIMIT: usize = 64 << 10;
/// The most bytes of a reply with its newline: a status says some kilobytes of each ENI, and an instance has at most some
/// dozens.
pub const REPLY_LIMIT: usize = 4 << 20;

#[cfg(test)]
mod tests;
