//! The cluster agent as it is, in virtual time, on a scripted API server and a simulated EC2 that enforces the installed policy.

mod api_server;
mod bad_luck;
mod deletion;
mod lease;
mod stage;
mod status;
mod sweep;
