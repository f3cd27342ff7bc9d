use super::*;
use crate::inventory::{Sharing, State, sample};
use crate::netlink::{Address, Rule};
use ipnetwork::IpNetwork;

const ID: &str = sample::ENI;

fn wish(sharing: Sharing) -> Wish {
    let entry = crate::inventory::Entry { state: State::Attached, ..sample::entry(sharing) };
    Wish { entry, name: "data0".parse().unwrap(), mtu: Some(9001) }
}

fn link() -> Link {
    Link {
        index: 7,
        name: "eth1".to_string(),
        altnames: vec!["enp0s6".to_string()],
        mac: Some("02:00:00:00:00:01".parse().unwrap()),
        mtu: 1500,
        min_mtu: 68,
        max_mtu: 9216,
        up: true,
        ..Link::default()
    }
}

fn settled() -> Link {
    let name = "data0".to_string();
    Link { name, mtu: 9001, alias: Some(ID.to_string()), up: false, altnames: Vec::new(), ..link() }
}

fn network(text: &str) -> IpNetwork {
    text.parse().unwrap()
}

/// The host with this link, its own `eth0` with the default route, and what a daemon made of the link.
fn grabbed(link: &Link) -> Observed {
    let address =
        |network, index| Address { link: index, network, link_local: false, tentative: false, duplicate: false };
    let to = |destination: &str, index| Route::to(network(destination), index);
    let view = View {
        links: vec![Link { index: 2, name: "eth0".to_string(), ..Link::default() }, link.clone()],
        addresses: vec![address(network("10.0.0.4/24"), 2), address(network("10.0.1.77/24"), 7)],
        routes: vec![
            Route { priority: 100, ..to("0.0.0.0/0", 2) },
            Route { priority: 512, ..to("0.0.0.0/0", 7) },
            Route { of_kernel: true, ..to("10.0.1.0/24", 7) },
            Route { table: 10001, ..to("0.0.0.0/0", 7) },
            Route { links: vec![2, 7], ..to("10.9.0.0/16", 7) },
        ],
        rules: vec![
            Rule::from_source(network("10.0.1.5/32"), 10001, 32000),
            Rule::from_source(network("10.0.1.77/32"), 10001, 32001),
            Rule::from_source(network("10.0.0.4/32"), 10002, 32002),
            Rule::from_source(network("0.0.0.0/0"), 254, 32766),
        ],
    };
    Observed { view, accept_ra: Some(1) }
}

fn alone(link: &Link) -> Observed {
    Observed { view: View { links: vec![link.clone()], ..View::default() }, accept_ra: Some(1) }
}

fn steps(wish: &Wish, link: &Link, observed: &Observed, occasion: Occasion) -> Vec<String> {
    plan(wish, link, observed, occasion).unwrap().iter().map(ToString::to_string).collect()
}

#[test]
fn rou_1_what_a_daemon_made_of_it_is_undone_and_nothing_else() {
    let steps = steps(&wish(Sharing::Exclusive), &link(), &grabbed(&link()), Occasion::Arrival);
    let expected = [
        "delete host rule 32000: from 10.0.1.5/32 lookup 10001",
        "delete host rule 32001: from 10.0.1.77/32 lookup 10001",
        "delete host route 0.0.0.0/0 metric 512",
        "delete host route 0.0.0.0/0 table 10001",
        "delete address 10.0.1.77/24",
        "set link down",
        "set link mtu 9001",
        &format!("set link alias {ID:?}"),
        "set link name data0",
    ];
    assert_eq!(steps, expected);
}

#[test]
fn what_is_as_wished_needs_no_step() {
    let (wish, link) = (wish(Sharing::Exclusive), settled());
    assert_eq!(steps(&wish, &link, &alone(&link), Occasion::Later), Vec::<String>::new());
    let up = Link { up: true, ..link };
    assert_eq!(steps(&wish, &up, &alone(&up), Occasion::Later), ["set link down"]);
}

#[test]
fn a_shared_eni_is_up_and_hears_no_router() {
    let wish = wish(Sharing::Shared);
    let expected = [
        "set link down",
        "set sysctl accept_ra 0",
        "set link mtu 9001",
        &format!("set link alias {ID:?}"),
        "set link name data0",
        "set link up",
    ];
    assert_eq!(steps(&wish, &link(), &alone(&link()), Occasion::Arrival), expected);
    let up = Link { up: true, ..settled() };
    let right = Observed { accept_ra: Some(0), ..alone(&up) };
    assert_eq!(steps(&wish, &up, &right, Occasion::Later), Vec::<String>::new());
}

#[test]
fn a_shared_eni_is_not_taken_down_for_a_name_once_pods_may_use_it() {
    let renamed = Link { name: "eni-789abcdef0".to_string(), up: true, ..settled() };
    let observed = Observed { accept_ra: Some(0), ..alone(&renamed) };
    assert_eq!(steps(&wish(Sharing::Shared), &renamed, &observed, Occasion::Later), ["set link name data0"]);
}

#[test]
fn a_taken_name_gives_way_to_the_enis_own_until_it_is_free() {
    let wish = wish(Sharing::Exclusive);
    let other = Link { index: 9, name: "eth9".to_string(), altnames: vec!["data0".to_string()], ..Link::default() };
    let mut observed = alone(&settled());
    observed.view.links.push(other);
    assert_eq!(steps(&wish, &settled(), &observed, Occasion::Later), ["set link name eni-789abcdef0"]);
    let fallen_back = Link { name: "eni-789abcdef0".to_string(), ..settled() };
    assert_eq!(steps(&wish, &fallen_back, &observed, Occasion::Later), Vec::<String>::new());
    assert_eq!(steps(&wish, &fallen_back, &alone(&fallen_back), Occasion::Later), ["set link name data0"]);
}

#[test]
fn its_own_alternative_name_gives_way_to_it_as_the_name() {
    let named = Link { name: "eth1".to_string(), altnames: vec!["data0".to_string()], ..settled() };
    let expected = ["delete alternative name data0", "set link name data0"];
    assert_eq!(steps(&wish(Sharing::Exclusive), &named, &alone(&named), Occasion::Later), expected);
}

#[test]
fn mtu_2_an_mtu_beyond_the_drivers_is_brought_within_its_range() {
    let small = Link { max_mtu: 1500, mtu: 1400, ..settled() };
    assert_eq!(steps(&wish(Sharing::Exclusive), &small, &alone(&small), Occasion::Later), ["set link mtu 1500"]);
    let any = Wish { mtu: None, ..wish(Sharing::Exclusive) };
    assert_eq!(steps(&any, &small, &alone(&small), Occasion::Later), Vec::<String>::new());
}

#[test]
fn what_is_the_hosts_own_is_refused_and_the_child_of_a_pod_is_no_reason() {
    let route = Route::to(network("0.0.0.0/0"), 7);
    let mut observed = alone(&link());
    observed.view.routes.push(route);
    let tied = plan(&wish(Sharing::Exclusive), &link(), &observed, Occasion::Arrival);
    assert!(matches!(tied, Err(Error::Tied { tie: Tie::DefaultRoute, .. })), "{tied:?}");
    let up = Link { up: true, ..settled() };
    let mut observed = Observed { accept_ra: Some(0), ..alone(&up) };
    let child = |kind: &str| Link {
        index: 8,
        name: "child".to_string(),
        lower: Some(7),
        kind: Some(kind.to_string()),
        ..Link::default()
    };
    observed.view.links.push(child("ipvlan"));
    assert_eq!(steps(&wish(Sharing::Shared), &up, &observed, Occasion::Later), Vec::<String>::new());
    assert!(matches!(
        plan(&wish(Sharing::Exclusive), &up, &observed, Occasion::Later),
        Err(Error::Tied { tie: Tie::Upper(_), .. })
    ));
    observed.view.links.push(Link { index: 10, ..child("vlan") });
    assert!(matches!(
        plan(&wish(Sharing::Shared), &up, &observed, Occasion::Later),
        Err(Error::Tied { tie: Tie::Upper(_), .. })
    ));
}

#[test]
fn an_address_that_the_vpc_would_not_hear_is_set_back() {
    let other = Link { mac: Some("02:00:00:00:00:99".parse().unwrap()), ..settled() };
    let expected = ["set link address 02:00:00:00:00:01"];
    assert_eq!(steps(&wish(Sharing::Exclusive), &other, &alone(&other), Occasion::Later), expected);
}
