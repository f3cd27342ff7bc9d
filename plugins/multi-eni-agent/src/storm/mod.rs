//! Bad luck, on purpose: storms of faults, deaths and people, by seed and in virtual time. The agent, what limits its calls,
//! the records and the simulated EC2 are the real ones; of the machine there is a model.
#![expect(clippy::print_stdout, reason = "how many seeds ran, and how one that failed is run again, is for people")]

mod budget;
mod days;
mod deaths;
mod faults;
mod fleet;
mod journal;
mod lines;
mod plugin;
mod pods;
mod seeds;
mod strangers;
mod weather;
