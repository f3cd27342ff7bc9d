//! The requests that look.

use super::Sdk;
use super::{decode, filter};
use crate::action::Action;
use crate::endpoint::{Endpoint, InterfaceFilter, Lookup, Page};
use crate::error::{Code, Error};
use crate::id::InstanceId;
use crate::instance::InstanceState;
use crate::interface::NetworkInterface;
use crate::network::{InstanceTypeLimits, SecurityGroup, Subnet};
use aws_sdk_ec2::types::{InstanceType, Reservation};

/// The most that EC2 puts into an answer; without it an answer may be cut off by time (EC2, "Pagination").
const PAGE_SIZE: i32 = 1000;

impl Endpoint for Sdk {
    async fn describe_interfaces(
        &self,
        which: &InterfaceFilter,
        after: Option<&str>,
    ) -> Result<Page<NetworkInterface>, Error> {
        let action = Action::DescribeNetworkInterfaces;
        let call = self.client(action).await?.describe_network_interfaces();
        let call = call.set_filters(Some(filter::of_interfaces(which))).max_results(PAGE_SIZE);
        let answer = self.answer(action, call.set_next_token(after.map(str::to_string)).send().await)?;
        let items = decode::interfaces(answer.network_interfaces())?;
        Ok(page(items, answer.next_token()))
    }

    async fn describe_subnets(&self, which: &Lookup, after: Option<&str>) -> Result<Page<Subnet>, Error> {
        let action = Action::DescribeSubnets;
        let call = self.client(action).await?.describe_subnets();
        let call = call.set_filters(Some(filter::of_subnets(which))).max_results(PAGE_SIZE);
        let answer = self.answer(action, call.set_next_token(after.map(str::to_string)).send().await)?;
        let items: Result<_, _> = answer.subnets().iter().map(decode::subnet).collect();
        Ok(page(items.map_err(|invalid| invalid.of(action))?, answer.next_token()))
    }

    async fn describe_security_groups(
        &self,
        which: &Lookup,
        after: Option<&str>,
    ) -> Result<Page<SecurityGroup>, Error> {
        let action = Action::DescribeSecurityGroups;
        let call = self.client(action).await?.describe_security_groups();
        let call = call.set_filters(Some(filter::of_security_groups(which))).max_results(PAGE_SIZE);
        let answer = self.answer(action, call.set_next_token(after.map(str::to_string)).send().await)?;
        let items: Result<_, _> = answer.security_groups().iter().map(decode::security_group).collect();
        Ok(page(items.map_err(|invalid| invalid.of(action))?, answer.next_token()))
    }

    async fn describe_instance_type(&self, name: &str) -> Result<Option<InstanceTypeLimits>, Error> {
        let action = Action::DescribeInstanceTypes;
        let call = self.client(action).await?.describe_instance_types().instance_types(InstanceType::from(name));
        let answer = match self.answer(action, call.send().await) {
            Ok(answer) => answer,
            Err(error) if error.code == Code::InvalidInstanceType => return Ok(None),
            Err(error) => return Err(error),
        };
        let first = answer.instance_types().first().map(decode::instance_type).transpose();
        first.map_err(|invalid| invalid.of(action))
    }

    async fn describe_instances(
        &self,
        ids: &[InstanceId],
        after: Option<&str>,
    ) -> Result<Page<(InstanceId, InstanceState)>, Error> {
        let action = Action::DescribeInstances;
        let call = self.client(action).await?.describe_instances();
        // By a filter: among the ids of the request itself, one that EC2 does not know refuses them all.
        let call = call.set_filters(Some(filter::of_instances(ids))).max_results(PAGE_SIZE);
        let answer = self.answer(action, call.set_next_token(after.map(str::to_string)).send().await)?;
        let found = answer.reservations().iter().flat_map(Reservation::instances);
        let items: Result<_, _> = found.map(decode::instance).collect();
        Ok(page(items.map_err(|invalid| invalid.of(action))?, answer.next_token()))
    }
}

fn page<T>(items: Vec<T>, next: Option<&str>) -> Page<T> {
    Page { items, next: next.filter(|next| !next.is_empty()).map(str::to_string) }
}
