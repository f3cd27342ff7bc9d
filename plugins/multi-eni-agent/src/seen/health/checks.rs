//! What any agent's health is told, and asked.

use super::{Answer, Health, Report};

/// The health of an agent: of a node's, or of the cluster's.
pub(crate) trait Checks: Clone + Send + Sync + 'static {
    /// EC2 was called for this action.
    fn ec2(&self, action: &'static str, answer: Answer);

    /// The API server of Kubernetes was asked.
    fn kubernetes(&self, answer: Answer);

    /// Whether it lives.
    fn alive(&self) -> Report;

    /// Whether all that it depends on is there.
    fn ready(&self) -> impl Future<Output = Report> + Send;
}

impl Checks for Health {
    fn ec2(&self, action: &'static str, answer: Answer) {
        self.ec2(action, answer);
    }

    fn kubernetes(&self, answer: Answer) {
        self.kubernetes(answer);
    }

    fn alive(&self) -> Report {
        self.alive()
    }

    async fn ready(&self) -> Report {
        self.ready().await
    }
}
