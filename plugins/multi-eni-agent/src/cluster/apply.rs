//! Doing what is planned.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use ec2::{Class, InstanceId, Lifecycle, NetworkInterface, NetworkInterfaceId, Query, Sweep, Tags};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::{Client, CustomResourceExt, Resource};
use node::settings::ClusterId;
use serde_json::{Value, json};

use super::action::{Action, Target};
use super::api::{Error, FIELD_MANAGER, if_there, within};
use super::listed::Listed;
use super::memory::Learned;
use super::original::{self, Signs};
use super::sweep::{Rules, Survey, instance_of};
use super::world::FINALIZER;
use crate::api::{NodeEni, NodeEniStatus};
use crate::apply::policy::reason;
use crate::tags;

/// What the cluster agent works with.
pub(crate) struct Hands<C> {
    pub(crate) client: Client,
    pub(crate) cloud: C,
    pub(crate) rules: Rules,
}

impl<C> fmt::Debug for Hands<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hands").field("rules", &self.rules).finish_non_exhaustive()
    }
}

/// Why an action was not done.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Api(#[from] Error),
    #[error(transparent)]
    Ec2(#[from] ec2::Error),
    #[error("the status as JSON")]
    Json(#[from] serde_json::Error),
}

/// What came of an action, for the memory and for the metrics.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) action: Action,
    pub(crate) learned: Learned,
    /// The class of the error, if there was one.
    pub(crate) failed: Option<&'static str>,
}

impl<C: Lifecycle + Query + Sweep> Hands<C> {
    /// Does it.
    pub(crate) async fn apply(&self, action: Action) -> Outcome {
        match self.done(&action).await {
            Ok(learned) => {
                tell(&action, &learned);
                Outcome { action, learned, failed: None }
            }
            Err(failure) => {
                let why = reason(&failure);
                log::warn!("cannot {action}: {why}");
                let failed = Some(failure.class());
                Outcome { action, learned: Learned::Failed(why), failed }
            }
        }
    }

    async fn done(&self, action: &Action) -> Result<Learned, Failure> {
        match action {
            Action::AskForOriginal => Ok(Learned::Original(signs(&self.client).await?)),
            Action::AddFinalizer(of) => {
                let finalizers = of.finalizers.iter().map(String::as_str).chain([FINALIZER]).collect();
                self.finalizers(of, finalizers).await
            }
            Action::RemoveFinalizer(of) => {
                let others = of.finalizers.iter().map(String::as_str).filter(|other| *other != FINALIZER).collect();
                self.finalizers(of, others).await
            }
            Action::WriteStatus { of, status, untouched } => {
                self.status(of, status_patch(of, status, untouched.as_ref())?).await
            }
            Action::AskForEnis { name, .. } => Ok(Learned::Enis(self.cloud.tagged(&of_pool(&self.rules, name)).await?)),
            Action::Survey => Ok(Learned::Survey(self.survey().await?)),
            Action::Delete(id) => self.delete(id).await,
        }
    }

    /// As a whole, and only on the version that was seen: another's finalizer that came or went meanwhile is not lost.
    async fn finalizers(&self, of: &Target, finalizers: Vec<&str>) -> Result<Learned, Failure> {
        let metadata = json!({ "uid": of.uid, "resourceVersion": of.version, "finalizers": finalizers });
        let patch = Patch::Merge(json!({ "metadata": metadata }));
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_string()), ..PatchParams::default() };
        done_or_gone(within(self.node_enis().patch(&of.name, &params, &patch)).await)
    }

    /// The whole of it, and only on the version that was seen: the original may have written its attachments meanwhile.
    async fn status(&self, of: &Target, patch: Value) -> Result<Learned, Failure> {
        let patch = Patch::Apply(patch);
        let params = PatchParams::apply(FIELD_MANAGER).force();
        done_or_gone(within(self.node_enis().patch_status(&of.name, &params, &patch)).await)
    }

    async fn survey(&self) -> Result<Survey, Failure> {
        let clusters = std::iter::once(&self.rules.cluster).chain(&self.rules.gone_clusters);
        let mut unattached: Vec<NetworkInterface> = Vec::new();
        for cluster in clusters {
            unattached.extend(self.cloud.unattached(&of_cluster(cluster)).await?);
        }
        let asked: BTreeSet<InstanceId> = unattached.iter().filter_map(instance_of).collect();
        let instances = self.cloud.instance_states(&Vec::from_iter(asked)).await?;
        Ok(Survey { unattached, instances })
    }

    async fn delete(&self, id: &NetworkInterfaceId) -> Result<Learned, Failure> {
        match self.cloud.delete(id).await {
            Ok(()) => Ok(Learned::Done),
            Err(error) if error.class == Class::NotFound => Ok(Learned::NotThere),
            Err(error) => Err(error.into()),
        }
    }

    fn node_enis(&self) -> Api<DynamicObject> {
        Api::all_with(self.client.clone(), &NodeEni::api_resource())
    }
}

fn tell(action: &Action, learned: &Learned) {
    match (action, learned) {
        (_, Learned::NotThere) => log::info!("not needed any more: {action}"),
        (Action::Delete(_) | Action::AddFinalizer(_) | Action::RemoveFinalizer(_), _) => {
            log::info!("done: {action}");
        }
        _ => log::debug!("done: {action}"),
    }
}

impl Failure {
    fn class(&self) -> &'static str {
        match self {
            Self::Api(error) => error.class(),
            Self::Ec2(error) => error.class.as_str(),
            Self::Json(_) => "refused",
        }
    }
}

fn done_or_gone(answer: Result<DynamicObject, Error>) -> Result<Learned, Failure> {
    match answer {
        Ok(_) => Ok(Learned::Done),
        Err(Error::NotThere) => Ok(Learned::NotThere),
        Err(error) => Err(error.into()),
    }
}

/// Lists that are empty are said, too: else those that another has written would stay.
fn status_patch(of: &Target, status: &NodeEniStatus, untouched: Option<&Listed>) -> Result<Value, serde_json::Error> {
    let mut status = serde_json::to_value(status)?;
    for list in ["problems", "attachments"] {
        if status.get(list).is_none() {
            status[list] = json!([]);
        }
    }
    if let Some(listed) = untouched {
        listed.replace_in(&mut status);
    }
    Ok(json!({
        "apiVersion": NodeEni::api_version(&()),
        "kind": NodeEni::kind(&()),
        "metadata": { "name": of.name, "uid": of.uid, "resourceVersion": of.version },
        "status": status,
    }))
}

fn of_cluster(cluster: &ClusterId) -> Tags {
    Tags::from([(tags::CLUSTER.to_string(), cluster.to_string())])
}

fn of_pool(rules: &Rules, pool: &str) -> Tags {
    let mut of_pool = of_cluster(&rules.cluster);
    of_pool.insert(tags::POOL.to_string(), pool.to_string());
    of_pool
}

async fn signs(client: &Client) -> Result<Signs, Error> {
    let leases: Api<Lease> = Api::namespaced(client.clone(), original::NAMESPACE);
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), original::NAMESPACE);
    let lease = if_there(leases.get(original::LEASE)).await?;
    let deployment = if_there(deployments.get(original::DEPLOYMENT)).await?;
    // The API server gives a Deployment that says nothing of its replicas one.
    let replicas = deployment.map(|deployment| deployment.spec.and_then(|spec| spec.replicas).unwrap_or(1));
    Ok(Signs { lease: lease.and_then(held), replicas })
}

/// Its version and its duration, if somebody holds it.
fn held(lease: Lease) -> Option<(String, Option<Duration>)> {
    let spec = lease.spec?;
    spec.holder_identity.filter(|holder| !holder.is_empty())?;
    let seconds = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    Some((lease.metadata.resource_version.unwrap_or_default(), seconds.map(Duration::from_secs)))
}
