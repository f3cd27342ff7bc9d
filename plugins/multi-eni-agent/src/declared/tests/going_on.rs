//! Files that change, and have faults now and then.

use super::{LEAST, Site, manifest};
use crate::declared::Declared;
use node::inventory::Sharing;
use node::names::PoolName;

fn names(declared: &Declared) -> Vec<&str> {
    declared.pools.iter().map(|pool| pool.name.as_str()).collect()
}

fn refused(declared: &Declared) -> Vec<&str> {
    declared.refused.iter().map(PoolName::as_str).collect()
}

#[test]
fn a_pool_goes_on_as_it_was_while_its_manifest_has_a_fault() {
    let mut site = Site::new(&[
        ("a.yaml", &manifest("a", &format!("{LEAST}mtu: 1500"))),
        ("b.yaml", &manifest("b", &format!("{LEAST}mtu: 1500"))),
    ]);
    assert!(site.read().earlier.is_empty());
    for broken in [manifest("a", &format!("{LEAST}mtu: 99999")), "a: [".to_string()] {
        site.write("a.yaml", &broken);
        site.write("b.yaml", &manifest("b", &format!("{LEAST}mtu: 9001")));
        let declared = site.read();
        assert_eq!(names(&declared), ["a", "b"]);
        assert_eq!(declared.pools.iter().map(|pool| pool.mtu).collect::<Vec<_>>(), [Some(1500), Some(9001)]);
        assert_eq!(declared.earlier.iter().map(PoolName::as_str).collect::<Vec<_>>(), ["a"]);
        assert_eq!(declared.faults.len(), 1);
    }
    site.write("a.yaml", &manifest("a", &format!("{LEAST}mtu: 9000")));
    let declared = site.read();
    assert_eq!((declared.pools[0].mtu, declared.earlier.len(), declared.faults.len()), (Some(9000), 0, 0));
}

#[test]
fn only_what_no_manifest_can_declare_is_withdrawn() {
    let a = "a".parse().unwrap();
    let mut site = Site::new(&[("a.yaml", &manifest("a", &format!("{LEAST}mtu: 99999")))]);
    // A fresh start beside a manifest with a fault: the pool may have ENIs that nobody may take down.
    assert!(!site.read().is_withdrawn(&a));
    assert!(site.read().is_withdrawn(&"b".parse().unwrap()));
    site.write("a.yaml", "a: [");
    assert!(!site.read().is_withdrawn(&a));
    site.remove("a.yaml");
    assert!(site.read().is_withdrawn(&a));
}

#[test]
fn a_file_that_is_only_half_written_withdraws_nothing() {
    let whole = manifest("a", &format!("{LEAST}mtu: 1500"));
    let mut site = Site::new(&[("a.yaml", &whole)]);
    site.read();
    for length in 0..whole.len() {
        site.write("a.yaml", &whole[..length]);
        let declared = site.read();
        assert_eq!(names(&declared), ["a"], "{}", &whole[..length]);
    }
    site.write("a.yaml", "# no pool any more\n");
    assert!(site.read().is_withdrawn(&"a".parse().unwrap()));
}

#[test]
fn a_manifest_that_is_taken_away_takes_its_pool_and_no_other() {
    let mut site = Site::new(&[("a.yaml", &manifest("a", LEAST)), ("b.yaml", &manifest("b", LEAST))]);
    assert_eq!(names(&site.read()), ["a", "b"]);
    site.write("b.yaml", "a: [");
    site.remove("a.yaml");
    let declared = site.read();
    assert_eq!(names(&declared), ["b"]);
    assert!(!declared.is_withdrawn(&"a".parse().unwrap()), "b.yaml may have become the file of a");
}

#[test]
fn a_folder_that_is_not_there_withdraws_nothing() {
    let mut site = Site::new(&[("a.yaml", &manifest("a", LEAST))]);
    let (a, place) = ("a".parse().unwrap(), site.place.path().to_path_buf());
    site.read();
    std::fs::rename(&place, place.with_extension("away")).unwrap();
    let declared = site.read();
    assert_eq!((names(&declared), declared.faults.len()), (vec!["a"], 1));
    assert!(!declared.is_withdrawn(&a));
    std::fs::rename(place.with_extension("away"), &place).unwrap();
    assert_eq!(site.read().faults, []);
}

#[test]
fn a_name_that_stands_twice_counts_in_neither_place() {
    let mut site = Site::new(&[("a.yaml", &manifest("a", LEAST))]);
    site.read();
    site.write("b.yaml", &manifest("a", &format!("{LEAST}mtu: 9001")));
    assert_eq!(site.faults().len(), 1);
    assert!(site.faults()[0].starts_with("b.yaml: a: metadata.name: is the name of another NodeENI in "));
    let declared = site.read();
    assert_eq!((declared.pools.len(), declared.pools[0].mtu), (1, None), "the earlier version goes on");
    site.write("c.yaml", &manifest("a", LEAST));
    assert_eq!(site.faults().len(), 2);

    let mut fresh = Site::new(&[("a.yaml", &format!("{}---\n{}", manifest("a", LEAST), manifest("a", LEAST)))]);
    let declared = fresh.read();
    assert_eq!((declared.pools.len(), declared.faults.len()), (0, 1));
    assert!(!declared.is_withdrawn(&"a".parse().unwrap()));
}

#[test]
fn two_pools_of_a_node_do_not_want_one_link() {
    let one = |name: &str, more: &str| manifest(name, &format!("{LEAST}{more}"));
    let mut site = Site::new(&[
        ("a.yaml", &one("a", "linkName: ens6")),
        ("b.yaml", &one("b", "linkName: ens6")),
        ("c.yaml", &one("c", "resourceName: a.example/x")),
        ("d.yaml", &one("d", "dpdkResourceName: a.example/x")),
    ]);
    assert_eq!(
        site.faults(),
        [
            "a.yaml: a: spec.linkName: is ens6, and that of b on this node, too",
            "b.yaml: b: spec.linkName: is ens6, and that of a on this node, too",
        ]
    );
    assert_eq!(names(&site.read()), ["c", "d"], "the devices of several pools may be one resource");
    assert_eq!(refused(&site.read()), ["a", "b"]);
    let elsewhere = one("b", "linkName: ens6").replace("nodeSelector: {}", "nodeSelector: {ng: other}");
    site.write("b.yaml", &elsewhere);
    assert_eq!(names(&site.read()), ["a", "c", "d"]);
    assert!(refused(&site.read()).is_empty());
    // What goes on for other nodes is refused on this one.
    site.write("b.yaml", &one("b", "linkName: ens6"));
    assert_eq!(refused(&site.read()), ["b"]);
}

#[test]
fn a_pool_that_has_enis_stays_shared_or_exclusive() {
    let shared = manifest("a", &format!("{LEAST}sharing: shared\nsecondaryIPv4Addresses: 1"));
    let mut site = Site::new(&[("a.yaml", &manifest("a", LEAST))]);
    let a: PoolName = "a".parse().unwrap();
    site.read();
    site.write("a.yaml", &shared);
    site.folder.hold_to([(a.clone(), Sharing::Exclusive)].into());
    assert!(site.faults()[0].contains("a.yaml: a: spec.sharing: is fixed while the pool has ENIs"));
    assert_eq!(site.read().pool(&a).map(|pool| pool.sharing), Some(Sharing::Exclusive));
    // After a new start nothing but the inventory knows what it was.
    let mut fresh = Site::new(&[("a.yaml", &shared)]);
    fresh.folder.hold_to([(a.clone(), Sharing::Exclusive)].into());
    assert!(fresh.read().pools.is_empty() && !fresh.read().is_withdrawn(&a));
    fresh.folder.hold_to([].into());
    assert_eq!(fresh.read().pool(&a).map(|pool| pool.sharing), Some(Sharing::Shared));
}
