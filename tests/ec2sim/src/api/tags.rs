//! CreateTags and DeleteTags, and the rules for tags
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html>, "Tag restrictions").

use crate::cloud::Inner;
use crate::ids::{EniId, InstanceId, SubnetId};
use crate::record::Tags;

use super::check;
use super::refusal::Refusal;
use super::request::{CreateTags, DeleteTags};
use super::response::Response;

const MOST: usize = 50;
const LONGEST_KEY: usize = 128;
const LONGEST_VALUE: usize = 256;

/// The new tags over the old ones, if EC2 takes them.
pub(crate) fn checked(new: &[(String, String)], old: &Tags) -> Result<Tags, Refusal> {
    let mut tags = old.clone();
    let mut seen = Tags::new();
    for (key, value) in new {
        if key.is_empty() || key.chars().count() > LONGEST_KEY || value.chars().count() > LONGEST_VALUE {
            return Err(Refusal::value(format!("Tag key '{key}' or its value is empty or too long")));
        }
        if key.starts_with("aws:") {
            return Err(Refusal::value("Tag keys starting with 'aws:' are reserved for internal use"));
        }
        if seen.insert(key.clone(), value.clone()).is_some() {
            return Err(Refusal::value(format!("Duplicate tag key '{key}' specified.")));
        }
        tags.insert(key.clone(), value.clone());
    }
    if tags.len() > MOST {
        return Err(Refusal::new("TagLimitExceeded", format!("More than {MOST} tags specified")));
    }
    Ok(tags)
}

pub(crate) fn create(inner: &mut Inner, request: &CreateTags) -> Result<Response, Refusal> {
    let new = |old: &Tags| checked(&request.tags, old);
    each(inner, &request.resource_ids, &new)
}

pub(crate) fn delete(inner: &mut Inner, request: &DeleteTags) -> Result<Response, Refusal> {
    let goes = |key: &String, value: &String| {
        let named = |(k, v): &(String, Option<String>)| k == key && v.as_ref().is_none_or(|v| v == value);
        request.tags.is_empty() || request.tags.iter().any(named)
    };
    let new = |old: &Tags| Ok(old.iter().filter(|(k, v)| !goes(k, v)).map(|(k, v)| (k.clone(), v.clone())).collect());
    each(inner, &request.resource_ids, &new)
}

/// All resources, or none if one of them refuses.
fn each(inner: &mut Inner, ids: &[String], new: &dyn Fn(&Tags) -> Result<Tags, Refusal>) -> Result<Response, Refusal> {
    if ids.is_empty() {
        return Err(Refusal::missing("resourceIdSet"));
    }
    let changed = ids.iter().map(|id| new(&of(inner, id)?)).collect::<Result<Vec<Tags>, Refusal>>()?;
    for (id, tags) in ids.iter().zip(changed) {
        set(inner, id, tags)?;
    }
    Ok(Response::Done)
}

/// The tags of any resource.
pub(crate) fn of(inner: &Inner, id: &str) -> Result<Tags, Refusal> {
    let unknown = || Refusal::new("InvalidID", format!("The ID '{id}' is not valid"));
    let kind = id.rsplit_once('-').map(|(kind, _)| kind);
    match kind {
        Some("eni") => Ok(check::eni(inner, id)?.1.tags.clone()),
        Some("i") => Ok(check::instance(inner, id)?.1.tags.clone()),
        Some("subnet") => Ok(inner.state.subnet(&check::subnet_id(id)?).map_err(|_| unknown())?.tags.clone()),
        Some("sg") => Ok(inner.state.groups.get(id).ok_or_else(unknown)?.tags.clone()),
        _ => Err(unknown()),
    }
}

fn set(inner: &mut Inner, id: &str, tags: Tags) -> Result<(), Refusal> {
    let state = &mut inner.state;
    if let Ok(eni) = EniId::new(id) {
        state.change_eni(&eni, |record| record.tags = tags)?;
    } else if let Some(record) = InstanceId::new(id).ok().and_then(|id| state.instances.get_mut(&id)) {
        record.tags = tags;
    } else if let Some(record) = SubnetId::new(id).ok().and_then(|id| state.subnets.get_mut(&id)) {
        record.tags = tags;
    } else if let Some(record) = state.groups.get_mut(id) {
        record.tags = tags;
    }
    Ok(())
}
