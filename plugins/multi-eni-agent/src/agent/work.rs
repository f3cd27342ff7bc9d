//! The tasks that run beside the loop: one for each subject, and no more at a time than there is work for.

use std::collections::{BTreeMap, HashMap};

use ec2::{InstanceTypeLimits, NetworkInterface, SecurityGroup, Subnet};
use node::names::EniId;
use tokio::task::{Id, JoinError, JoinSet};

use super::looks::MetadataAnswer;
use super::tidings::Tells;
use crate::apply::Report;
use crate::declared::Reference;
use crate::devices::{GivenOut, KubeletError};
use crate::kernel::Verdict;
use crate::learn::Scope;
use crate::observe::Subject;

/// The most tasks that call EC2, and the most that work on this machine.
const MOST: usize = 16;

/// What a task is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Job {
    Action {
        subject: Subject,
        name: &'static str,
        words: String,
        tells: Option<Tells>,
    },
    Metadata,
    Limits,
    Subnets,
    SecurityGroups,
    Describe {
        scope: Scope,
        /// The moment of the question.
        since: u64,
        /// Its time, in seconds since the boot.
        asked: u64,
    },
    Verdicts,
    /// Which devices the kubelet's pods have.
    GivenOut {
        number: u64,
        /// Seconds since the boot.
        asked_at: u64,
    },
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum Ended {
    Action(Report),
    Metadata(Result<MetadataAnswer, ec2::MetadataError>),
    Limits(Result<InstanceTypeLimits, ec2::Error>),
    Subnets(Result<BTreeMap<Reference, Vec<Subnet>>, ec2::Error>),
    SecurityGroups(Result<BTreeMap<Reference, Vec<SecurityGroup>>, ec2::Error>),
    Described(Result<Vec<NetworkInterface>, ec2::Error>),
    Verdicts { records: Vec<Verdict>, uses: Vec<Verdict> },
    GivenOut(Result<GivenOut, KubeletError>),
}

/// All that runs.
#[derive(Debug, Default)]
pub(crate) struct Work {
    tasks: JoinSet<Ended>,
    jobs: HashMap<Id, Job>,
    busy: BTreeMap<Subject, String>,
}

impl Work {
    pub(crate) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Whether something like this runs.
    pub(crate) fn runs(&self, is_meant: impl Fn(&Job) -> bool) -> bool {
        self.jobs.values().any(is_meant)
    }

    /// What actions are about, and their words.
    pub(crate) fn busy(&self) -> &BTreeMap<Subject, String> {
        &self.busy
    }

    /// Whether there is room for one more about this.
    pub(crate) fn has_room_for(&self, subject: &Subject) -> bool {
        let same_side = self.busy.keys().filter(|other| is_of_cloud(other) == is_of_cloud(subject));
        !self.busy.contains_key(subject) && same_side.count() < MOST
    }

    pub(crate) fn start(&mut self, job: Job, task: impl Future<Output = Ended> + Send + 'static) {
        if let Job::Action { subject, words, .. } = &job {
            self.busy.insert(subject.clone(), words.clone());
        }
        let id = self.tasks.spawn(task).id();
        self.jobs.insert(id, job);
    }

    /// The next that ends.
    pub(crate) async fn next(&mut self) -> Option<(Job, Result<Ended, JoinError>)> {
        let joined = self.tasks.join_next_with_id().await?;
        self.ended(joined)
    }

    /// One that has ended.
    pub(crate) fn try_next(&mut self) -> Option<(Job, Result<Ended, JoinError>)> {
        let joined = self.tasks.try_join_next_with_id()?;
        self.ended(joined)
    }

    /// Drops all tasks: what they were about is on disk.
    pub(crate) fn abort(&mut self) {
        self.tasks.abort_all();
    }

    fn ended(&mut self, joined: Result<(Id, Ended), JoinError>) -> Option<(Job, Result<Ended, JoinError>)> {
        let (id, outcome) = match joined {
            Ok((id, ended)) => (id, Ok(ended)),
            Err(error) => (error.id(), Err(error)),
        };
        let job = self.jobs.remove(&id)?;
        if let Job::Action { subject, .. } = &job {
            self.busy.remove(subject);
        }
        Some((job, outcome))
    }
}

fn is_of_cloud(subject: &Subject) -> bool {
    matches!(subject, Subject::Creation(_) | Subject::Cloud(_))
}

/// The ENI whose side in EC2 a subject is.
pub(crate) fn cloud_side(subject: &Subject) -> Option<&EniId> {
    match subject {
        Subject::Cloud(eni) => Some(eni),
        Subject::Creation(_) | Subject::Link(_) | Subject::Attachment(_) | Subject::AddressUse(_) => None,
    }
}
