//! What the Go library's own tests ask of a plugin's entry point, and what the specification asks beyond it.

mod configuration;
mod environment;
mod verbs;
