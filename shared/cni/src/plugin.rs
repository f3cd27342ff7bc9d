//! What a plugin implements.

use crate::{AddRequest, Attachment, CheckRequest, CniResult, DelRequest, Error, GcRequest, StatusRequest};

/// What a plugin says of itself when it is called without `CNI_COMMAND`.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The name of the plugin, as in `type`.
    pub name: &'static str,
    /// One line on what it does.
    pub line: &'static str,
}

/// How a call ended that did not come to its own end: it panicked, or was still rolling back long after a signal.
#[derive(Debug)]
pub struct Death<'a> {
    /// `CNI_COMMAND`.
    pub verb: &'static str,
    /// What it was about, if it was about an attachment.
    pub attachment: Option<&'a Attachment>,
    /// What the runtime is told.
    pub error: &'a Error,
}

/// The verbs of a plugin. VERSION is answered by [`crate::run`].
///
/// The futures run on a current-thread runtime, so a verb that blocks the thread also delays the handling of signals.
/// A verb is not cancelled by a signal: it watches the request's interrupt, rolls back and returns its own error. After a
/// bounded time it is dropped.
#[expect(async_fn_in_trait, reason = "the futures are only awaited on the current thread, they need no Send")]
pub trait Plugin {
    /// What the plugin is.
    fn about(&self) -> About;

    /// Makes an attachment.
    async fn add(&self, request: &AddRequest) -> Result<CniResult, Error>;

    /// Undoes an attachment; what is not there is done.
    async fn del(&self, request: &DelRequest) -> Result<(), Error>;

    /// Verifies an attachment.
    async fn check(&self, request: &CheckRequest) -> Result<(), Error>;

    /// Frees what belongs to no valid attachment.
    async fn gc(&self, request: &GcRequest) -> Result<(), Error>;

    /// Tells whether an ADD could be serviced.
    async fn status(&self, request: &StatusRequest) -> Result<(), Error>;

    /// The last that is called after a verb that did not come to its own end, to leave a note of it.
    fn died(&self, _death: &Death<'_>) {}
}
