//! The object, and the API server's bad days.

mod bad_luck;
mod object;
