//! The protocol, tried from outside: requests, results, delegates, processes and odd input.

#![cfg(test)]

mod call;
mod corpus;
mod delegation;
mod process;
mod properties;
mod protocol;
mod recorded;
mod results;
