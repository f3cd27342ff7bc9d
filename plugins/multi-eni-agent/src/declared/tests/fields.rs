//! The fields, one by one.

use super::{LEAST, Site, fault, faults, manifest, pool};
use crate::declared::{Reference, SubnetChoice};
use node::inventory::{Mode, Sharing};

fn id(text: &str) -> Reference {
    Reference::Id(text.into())
}

fn name(text: &str) -> Reference {
    Reference::Name(text.into())
}

#[test]
fn the_least_spec_has_the_defaults() {
    let pool = pool("");
    assert_eq!(pool.name.as_str(), "pool");
    assert_eq!(pool.subnets, [id("subnet-0123456789abcdef0")]);
    assert_eq!(pool.security_groups, [id("sg-0123456789abcdef0")]);
    assert_eq!((pool.subnet_choice, pool.device_index, pool.network_card), (SubnetChoice::Each, 1, 0));
    assert_eq!((pool.sharing, pool.mode), (Sharing::Exclusive, Mode::Netdev));
    assert_eq!((pool.warm, pool.min, pool.max, pool.cooldown_seconds), (0, None, None, 30));
    assert_eq!((pool.secondary_ipv4, pool.ipv6, pool.mtu), (0, 0, None));
    assert!(pool.delete_on_termination && pool.source_dest_check && pool.tags.is_empty());
    assert_eq!((pool.description, pool.resource_name, pool.link_name), (None, None, None));
}

#[test]
fn every_field_has_its_meaning() {
    let pool = pool(
        "deviceIndex: 3\nnetworkCard: 1\ndeleteOnTermination: false\ndescription: for the data plane\nmtu: 9001\n\
         subnetChoice: mostFree\nresourceName: example.com/data\nwarm: 1\nmin: 0\nmax: 4\ncooldownSeconds: 60\n\
         secondaryIPv4Addresses: 4\nipv6Addresses: 1\ntags: {team: network}\nsourceDestCheck: false",
    );
    assert_eq!((pool.device_index, pool.network_card, pool.subnet_choice), (3, 1, SubnetChoice::MostFree));
    assert!(!pool.delete_on_termination && !pool.source_dest_check);
    assert_eq!(pool.description.as_deref(), Some("for the data plane"));
    assert_eq!((pool.mtu, pool.resource_name.as_deref()), (Some(9001), Some("example.com/data")));
    assert_eq!((pool.warm, pool.min, pool.max, pool.cooldown_seconds), (1, Some(0), Some(4), 60));
    assert_eq!((pool.secondary_ipv4, pool.ipv6), (4, 1));
    assert_eq!(pool.tags["team"], "network");
}

#[test]
fn subnets_and_groups_by_id_and_by_name_are_all_of_them_each_once() {
    let spec = "nodeSelector: {}\nsubnetID: subnet-00000001\nsubnetIDs: [subnet-00000002, subnet-00000001]\n\
                subnetName: a\nsubnetNames: [b, a]\nsecurityGroupIDs: [sg-00000001]\nsecurityGroupNames: [web, web]";
    let declared = Site::new(&[("pool.yaml", &manifest("pool", spec))]).read();
    assert_eq!(declared.faults, []);
    let pool = &declared.pools[0];
    assert_eq!(pool.subnets, [id("subnet-00000001"), id("subnet-00000002"), name("a"), name("b")]);
    assert_eq!(pool.security_groups, [id("sg-00000001"), name("web")]);
}

#[test]
fn what_the_originals_crd_writes_as_a_default_is_no_wish() {
    let pool = pool(
        "subnetName: ''\ndescription: ''\nmtu: 0\ndeviceIndex: 1\ndeleteOnTermination: true\nenableDPDK: false\n\
         dpdkDriver: vfio-pci\ndpdkResourceName: ''\ndpdkPCIAddress: ''",
    );
    assert_eq!((pool.mtu, pool.mode, pool.resource_name, pool.description), (None, Mode::Netdev, None, None));
    assert_eq!(pool.subnets.len(), 1);
    assert_eq!((pool.device_index, self::pool("deviceIndex: 0").device_index), (1, 1));
}

#[test]
fn dpdk_of_the_original_is_vfio_pci_and_its_resource() {
    let pool = pool("enableDPDK: true\ndpdkDriver: vfio-pci\ndpdkResourceName: fast");
    assert_eq!((pool.mode, pool.resource_name.as_deref()), (Mode::VfioPci, Some("intel.com/fast")));
    assert!(fault("enableDPDK: true\ndpdkDriver: igb_uio").contains("dpdkDriver: is \"igb_uio\"; only vfio-pci"));
    assert!(fault("dpdkPCIAddress: '06.0'").contains("0000:00:06.0"));
    let both = fault("resourceName: a.example/x\ndpdkResourceName: b.example/x");
    assert!(both.contains("dpdkResourceName: is another name"), "{both}");
    for resource in ["kubernetes.io/x", "node.kubernetes.io/x", "a/b/c", "UPPER.example/x", "example.com/"] {
        assert!(fault(&format!("resourceName: {resource}")).contains("is no resource"), "{resource}");
    }
}

#[test]
fn what_has_no_effect_is_noted_and_no_fault() {
    let spec = format!("{LEAST}dpdkDriver: igb_uio\ndpdkPCIAddress: 0000:00:07.0\nmin: 0");
    let declared = Site::new(&[("pool.yaml", &manifest("pool", &spec))]).read();
    assert_eq!((declared.faults.len(), declared.pools.len()), (0, 1));
    let notes: Vec<&str> = declared.notes.iter().map(|note| note.path.as_str()).collect();
    assert_eq!(notes, ["spec.dpdkDriver", "spec.dpdkPCIAddress", "spec.min"]);
}

#[test]
fn dev_4_a_place_names_the_one_eni_of_the_pool_that_is_a_device() {
    let place = |text: &str| Some(text.parse().unwrap());
    let pool = pool("enableDPDK: true\ndpdkResourceName: fast\ndpdkPCIAddress: 0000:00:08.0");
    let meant = pool.for_eni_at(place("0000:00:08.0"));
    assert_eq!((meant.mode, meant.resource_name.as_deref()), (Mode::VfioPci, Some("intel.com/fast")));
    for other in [None, place("0000:00:09.0")] {
        let other = pool.for_eni_at(other);
        assert_eq!((other.mode, other.resource_name), (Mode::Netdev, None));
    }
}

#[test]
fn dev_4_pools_that_would_offer_one_device_twice_are_refused() {
    let at =
        |name: &str, place: &str| manifest(name, &format!("{LEAST}dpdkResourceName: {name}\ndpdkPCIAddress: {place}"));
    let clash = |other: &str| Site::new(&[("a.yaml", &at("a", "0000:00:08.0")), ("b.yaml", &at("b", other))]).faults();
    assert_eq!(
        clash("0000:00:08.0"),
        [
            "a.yaml: a: spec.dpdkPCIAddress: is 0000:00:08.0, and that of b on this node, too",
            "b.yaml: b: spec.dpdkPCIAddress: is 0000:00:08.0, and that of a on this node, too"
        ]
    );
    assert_eq!(clash("0000:00:09.0"), Vec::<String>::new());
}

#[test]
fn numbers_out_of_their_range_are_refused_with_the_range() {
    for (line, said) in [
        ("deviceIndex: 100", "deviceIndex: is 100 and has to be 1 to 99"),
        ("networkCard: 64", "networkCard: is 64 and has to be 0 to 63"),
        ("mtu: 127", "mtu: is 127 and has to be 128 to 9001"),
        ("mtu: 9002", "mtu: is 9002 and has to be 128 to 9001"),
        ("mtu: 1279\nipv6Addresses: 1", "mtu: is 1279, and IPv6 needs 1280"),
        ("secondaryIPv4Addresses: 50", "secondaryIPv4Addresses: is 50 and has to be 0 to 49"),
        ("ipv6Addresses: 51", "ipv6Addresses: is 51 and has to be 0 to 50"),
        ("cooldownSeconds: 86401", "cooldownSeconds: is 86401 and has to be 0 to 86400"),
        ("warm: 3\nmax: 2", "warm: is 3 and spec.max is 2; it can be at most that"),
        ("min: 3\nmax: 2", "min: is 3 and spec.max is 2; it can be at most that"),
        ("warm: -1", "warm: invalid value: integer `-1`, expected u32"),
    ] {
        assert_eq!(fault(line), said);
    }
}

#[test]
fn ids_and_names_that_ec2_does_not_have_are_refused_with_their_place() {
    for (line, said) in [
        ("subnetID: subnet-x", "subnetID: \"subnet-x\" is no id; it is subnet- and 8 or 17"),
        ("subnetIDs: [subnet-00000001, sg-00000001]", "subnetIDs[1]: \"sg-00000001\" is no id"),
        ("subnetID: subnet-0123456789ABCDEF0", "lower-case"),
        ("subnetNames: ['data-*']", "subnetNames[0]: \"data-*\" has one of * ? \\"),
        ("securityGroupIDs: [sg-1]", "securityGroupIDs[0]: \"sg-1\" is no id"),
        ("securityGroupNames: ['']", "securityGroupNames[0]: \"\" is no name"),
        ("securityGroupIDs: []", "securityGroupIDs: is missing, and so is securityGroupNames"),
        ("subnetID: ''", "subnetIDs: is missing, and so are"),
    ] {
        let fault = fault(line);
        assert!(fault.contains(said), "{line}: {fault}");
    }
    let many: Vec<String> = (0..17).map(|index| format!("sg-000000{index:02}")).collect();
    assert!(fault(&format!("securityGroupIDs: [{}]", many.join(", "))).contains("has 17 groups; an ENI takes 16"));
}

#[test]
fn tags_and_descriptions_of_others_are_refused() {
    for key in [
        "aws:cloudformation:stack-name",
        "AWS:x",
        "node.k8s.amazonaws.com/instance_id",
        "node.k8s.amazonaws.com/no_manage",
        "cluster.k8s.amazonaws.com/name",
        "eks:eni:owner",
        "multi-eni.networking.k8s.aws/cluster",
        "vpcresources.k8s.aws/trunk-eni-id",
    ] {
        assert!(fault(&format!("tags: {{ '{key}': x }}")).contains(&format!("tags.{key}: starts with")), "{key}");
    }
    assert!(fault(&format!("tags: {{ '{}': x }}", "k".repeat(129))).contains("1 to 128 characters"));
    assert!(fault(&format!("tags: {{ k: '{}' }}", "v".repeat(257))).contains("256 characters"));
    let many: Vec<String> = (0..44).map(|index| format!("k{index}: v")).collect();
    assert!(fault(&format!("tags: {{ {} }}", many.join(", "))).contains("has 44 tags; 43 fit"));
    assert!(fault("description: aws-K8S-i-0123").contains("amazon-vpc-cni"));
    assert!(fault(&format!("description: {}", "d".repeat(256))).contains("255 characters"));
}

#[test]
fn a_shared_pool_has_addresses_to_give_and_no_device() {
    let shared = pool("sharing: shared\nsecondaryIPv4Addresses: 8\nlinkName: ens6\nmax: 1");
    assert_eq!((shared.sharing, shared.secondary_ipv4), (Sharing::Shared, 8));
    assert_eq!(shared.link_name.unwrap().as_str(), "ens6");
    assert!(fault("sharing: shared").contains("secondaryIPv4Addresses: is missing; a shared pool"));
    let dpdk = fault("sharing: shared\nsecondaryIPv4Addresses: 8\nenableDPDK: true");
    assert!(dpdk.contains("enableDPDK: is for an ENI that one pod has"), "{dpdk}");
    let resource = fault("sharing: shared\nipv6Addresses: 8\nresourceName: a.example/b");
    assert!(resource.contains("resourceName: is for an ENI that one pod has"), "{resource}");
}

#[test]
fn a_links_name_is_of_the_one_eni_that_a_pool_ever_has() {
    for one in [
        "linkName: ens6",
        "linkName: ens6\nmax: 1\nwarm: 1",
        "linkName: ens6\nsubnetIDs: [subnet-00000001]\nsubnetChoice: mostFree",
    ] {
        assert!(pool(one).link_name.is_some());
    }
    for several in ["max: 2", "warm: 1", "min: 2", "subnetIDs: [subnet-00000001]"] {
        assert!(fault(&format!("linkName: ens6\n{several}")).contains("write max: 1"), "{several}");
    }
    assert!(fault("linkName: sixteen-bytes-xy").contains("15 bytes"));
    assert!(fault("linkName: lo").contains("loopback"));
    assert!(fault("linkName: ens6\nenableDPDK: true").contains("there is none"));
}

#[test]
fn all_faults_of_a_manifest_are_named_at_once() {
    let faults = faults("mtu: big\ndeviceIndex: 100\nwarm: -1\nsubnetIDs: [1]\nsharing: both\nmtuu: 1\nnope: 1");
    let paths: Vec<&str> = faults.iter().map(|fault| fault.split(": ").next().unwrap()).collect();
    assert_eq!(paths, ["mtu", "mtuu", "nope", "sharing", "subnetIDs[0]", "warm", "deviceIndex"]);
    assert_eq!(super::faults("subnetID: 1\nnodeSelector: 1\nsecurityGroups: [x]\nsecurityGroupIDs:").len(), 3);
}
