//! The ENIs that the metadata service lists.

use super::parse;
use super::session::Session;
use crate::id::MacAddress;
use crate::interface::Slot;
use crate::metadata::{MetadataError, MetadataInterface};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use std::str::FromStr;

const MACS: &str = "network/interfaces/macs/";
/// ENIs that are read at once; the session bounds the requests in all.
const AT_ONCE: usize = 4;

pub(super) async fn all(session: &Session) -> Result<Vec<MetadataInterface>, MetadataError> {
    let listing = session.required(MACS).await?;
    let names = listing.lines().map(|line| line.trim().trim_end_matches('/')).filter(|line| !line.is_empty());
    let macs = names.map(|name| parse::one(MACS, name)).collect::<Result<Vec<MacAddress>, _>>()?;
    let reads = stream::iter(macs).map(|mac| async move { Folder::of(session, &mac).read(mac).await });
    let mut found: Vec<MetadataInterface> =
        reads.buffer_unordered(AT_ONCE).try_filter_map(|interface| async { Ok(interface) }).try_collect().await?;
    found.sort_by(|one, other| (one.slot, &one.mac_address).cmp(&(other.slot, &other.mac_address)));
    Ok(found)
}

/// What the service has below one MAC.
struct Folder<'a> {
    session: &'a Session,
    path: String,
}

impl<'a> Folder<'a> {
    fn of(session: &'a Session, mac: &MacAddress) -> Self {
        Self { session, path: format!("{MACS}{mac}/") }
    }

    /// Nothing if one of the parts that make an ENI is not there: it comes or goes just now.
    async fn read(&self, mac_address: MacAddress) -> Result<Option<MetadataInterface>, MetadataError> {
        let Some(id) = self.one("interface-id").await? else { return Ok(None) };
        let Some(device_index) = self.one("device-number").await? else { return Ok(None) };
        let Some(subnet) = self.one("subnet-id").await? else { return Ok(None) };
        let Some(vpc) = self.one("vpc-id").await? else { return Ok(None) };
        let network_card_index = self.one("network-card").await?.unwrap_or(0);
        Ok(Some(MetadataInterface {
            mac_address,
            id,
            slot: Slot { network_card_index, device_index },
            subnet,
            vpc,
            subnet_ipv4_cidr: self.one("subnet-ipv4-cidr-block").await?,
            subnet_ipv6_cidrs: self.lines("subnet-ipv6-cidr-blocks").await?,
            vpc_ipv4_cidrs: self.lines("vpc-ipv4-cidr-blocks").await?,
            vpc_ipv6_cidrs: self.lines("vpc-ipv6-cidr-blocks").await?,
            ipv4: self.lines("local-ipv4s").await?,
            ipv6: self.lines("ipv6s").await?,
            ipv4_prefixes: self.lines("ipv4-prefix").await?,
            ipv6_prefixes: self.lines("ipv6-prefix").await?,
            security_groups: self.lines("security-group-ids").await?,
        }))
    }

    async fn one<T>(&self, key: &str) -> Result<Option<T>, MetadataError>
    where
        T: FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        let path = format!("{}{key}", self.path);
        self.session.get(&path).await?.map(|text| parse::one(&path, &text)).transpose()
    }

    async fn lines<T>(&self, key: &str) -> Result<Vec<T>, MetadataError>
    where
        T: FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        let path = format!("{}{key}", self.path);
        parse::lines(&path, self.session.get(&path).await?.as_deref())
    }
}
