//! The region's services as the node reaches them, and what was called.

use std::collections::BTreeMap;

use ec2sim::{Action, Call, EniFacts, Imds, Kind, Outcome};

use super::{AGENT, CLUSTER_AGENT, CLUSTER_TAG, Cloud};

impl Cloud {
    pub(super) fn ec2_url(&self) -> String {
        self.server.borrow().as_ref().expect("the API's server").url()
    }

    /// Asks or orders something of the metadata service.
    ///
    /// # Panics
    ///
    /// When it is gone.
    pub fn with_imds<T>(&self, with: impl FnOnce(&Imds) -> T) -> T {
        with(self.imds.borrow().as_ref().expect("the metadata service"))
    }

    /// Ends the API's server: nothing listens any more. Gives where it was.
    ///
    /// # Panics
    ///
    /// When it is gone.
    pub fn stop_ec2(&self) -> String {
        self.server.take().expect("the API's server").address().to_string()
    }

    /// Serves the API where it was.
    pub fn serve_ec2(&self, address: &str) {
        let (ec2, address) = (self.ec2.clone(), address.to_owned());
        let server = self.host.run(move || ec2.server().listening_on(&address).serve().expect("the API's server"));
        self.server.replace(Some(server));
    }

    /// Ends the metadata service: nothing listens any more. Gives where it was.
    ///
    /// # Panics
    ///
    /// When it is gone.
    pub fn stop_imds(&self) -> String {
        self.imds.take().expect("the metadata service").address().to_string()
    }

    /// Serves the metadata where they were.
    pub fn serve_imds(&self, address: &str) {
        let imds = Imds::of(&self.instance).listening_on(address).serve().expect("the metadata service");
        self.imds.replace(Some(imds));
    }

    /// What the agent has called so far.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.ec2.calls().into_iter().filter(|call| call.principal == AGENT).collect()
    }

    /// What the cluster's agent has called so far.
    #[must_use]
    pub fn calls_of_the_cluster(&self) -> Vec<Call> {
        self.ec2.calls().into_iter().filter(|call| call.principal == CLUSTER_AGENT).collect()
    }

    /// What the agent has called of this action.
    #[must_use]
    pub fn calls_of(&self, action: Action) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.action == action).collect()
    }

    /// The agent's calls that change something.
    #[must_use]
    pub fn writes(&self) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.action.kind() == Kind::Write).collect()
    }

    /// How often the agent called which action that changes something.
    #[must_use]
    pub fn written(&self) -> BTreeMap<&'static str, usize> {
        let mut count = BTreeMap::new();
        for call in self.writes() {
            *count.entry(call.action.name()).or_default() += 1;
        }
        count
    }

    /// The codes that EC2 refused the agent with.
    #[must_use]
    pub fn refusals(&self) -> Vec<(Action, String)> {
        let refused = |call: Call| match call.outcome {
            Outcome::Refused(code) => Some((call.action, code)),
            Outcome::Done | Outcome::DoneAnswerLost | Outcome::Lost => None,
        };
        self.calls().into_iter().filter_map(refused).collect()
    }

    /// The project's ENIs that EC2 has.
    ///
    /// # Panics
    ///
    /// When the region is gone.
    #[must_use]
    pub fn ours(&self) -> Vec<EniFacts> {
        let all = self.ec2.enis().expect("the region's ENIs");
        let cluster = self.cluster_id();
        all.into_iter().filter(|eni| eni.tags.get(CLUSTER_TAG).is_some_and(|of| *of == cluster)).collect()
    }

    /// All that is not the project's.
    ///
    /// # Panics
    ///
    /// When the region is gone.
    #[must_use]
    pub fn others(&self) -> Vec<EniFacts> {
        let all = self.ec2.enis().expect("the region's ENIs");
        all.into_iter().filter(|eni| !eni.tags.contains_key(CLUSTER_TAG)).collect()
    }
}
