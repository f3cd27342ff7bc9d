//! What people are shown of a node: plain values, filled by the agent or from the records alone, and how they are printed.
//! All times are seconds since the boot, a clock that nobody sets.

mod age;
mod eni;
mod explain;
mod from_store;
mod holder;
mod pool;
mod render;
mod resource;
mod status;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use age::age;
pub(crate) use eni::{AddressState, AddressView, EniView, STATES, SlotView, state_word};
pub(crate) use explain::{Asked, explain, render_explain};
pub(crate) use from_store::{enis, from_store, show_given_out, unfinished};
pub(crate) use holder::{Holder, RefusalView, RequestView};
pub(crate) use pool::{AddressCounts, Declared, PoolView};
pub(crate) use render::render_status;
pub(crate) use resource::ResourceView;
pub(crate) use status::{Instance, Slots, Status};
