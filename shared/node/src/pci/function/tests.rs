use super::*;
use crate::pci::tree::{PCI, Tree};
use crate::pci::{Support, VFIO_PCI};
use std::os::unix::fs::symlink;

fn read(tree: &Tree) -> Function {
    Function::read(&tree.sysfs(), Tree::address()).unwrap().unwrap()
}

#[test]
fn a_function_is_read_as_it_is() {
    let tree = Tree::new();
    tree.file(format!("sys/bus/pci/devices/{PCI}/net/eth1/x"), "");
    let function = read(&tree);
    let expected = Function {
        address: Tree::address(),
        vendor: 0x1d0f,
        device: 0xec20,
        class: 0x02_0000,
        driver: Some("ena".to_string()),
        driver_override: DriverOverride::No,
        group: Some(Group::Iommu(7)),
        companions: Vec::new(),
        numa_node: None,
        links: vec!["eth1".to_string()],
    };
    assert_eq!(function, expected);
    assert!(!function.is_for_user_space());
}

#[test]
fn a_function_that_is_not_there_is_none() {
    let tree = Tree::new();
    assert_eq!(Function::read(&tree.sysfs(), "0000:00:07.0".parse().unwrap()).unwrap(), None);
    assert_eq!(Function::read(Path::new("/nowhere"), Tree::address()).unwrap(), None);
}

#[test]
fn an_override_is_read_as_the_kernel_writes_it_and_never_of_a_function_without_a_driver() {
    let tree = Tree::new();
    let path = format!("sys/bus/pci/devices/{PCI}/driver_override");
    for (text, expected) in [
        ("(null)\n", DriverOverride::No),
        ("\n", DriverOverride::No),
        ("vfio-pci\n", DriverOverride::To("vfio-pci".to_string())),
    ] {
        tree.file(&path, text);
        assert_eq!(read(&tree).driver_override, expected, "{text:?}");
    }
    let tree = tree.bind(PCI, None);
    let function = read(&tree);
    assert_eq!((function.driver, function.driver_override), (None, DriverOverride::Unread));
}

#[test]
fn vfi_1_without_an_iommu_the_name_of_the_group_says_which_node_it_has() {
    let tree = Tree::new().bind(PCI, Some(VFIO_PCI));
    let dev = Path::new("/dev");
    let group = read(&tree).group.unwrap();
    assert_eq!(group.host_node(dev), Path::new("/dev/vfio/7"));
    assert_eq!(group.container_node(dev), Path::new("/dev/vfio/7"));
    tree.file("sys/kernel/iommu_groups/7/name", "vfio-noiommu\n");
    let group = read(&tree).group.unwrap();
    assert_eq!((group, group.to_string().as_str()), (Group::NoIommu(7), "noiommu-7"));
    assert_eq!(group.host_node(dev), Path::new("/dev/vfio/noiommu-7"));
    assert_eq!(group.container_node(dev), Path::new("/dev/vfio/7"));
    let tree = tree.group(PCI, None);
    assert_eq!(read(&tree).group, None);
}

#[test]
fn what_else_is_in_the_group_is_told_and_a_bridge_is_known_as_one() {
    let tree = Tree::new()
        .function("0000:00:05.0", "0x060400")
        .group("0000:00:05.0", Some(7))
        .function("0000:00:04.0", "0x010802")
        .bind("0000:00:04.0", Some("nvme"))
        .group("0000:00:04.0", Some(7));
    let function = read(&tree);
    let seen: Vec<_> = function
        .companions
        .iter()
        .map(|one| (one.address.to_string(), one.driver.as_deref(), one.is_bridge()))
        .collect();
    assert_eq!(seen, [("0000:00:04.0".to_string(), Some("nvme"), false), ("0000:00:05.0".to_string(), None, true)]);
}

#[test]
fn numa_nodes_and_the_links_of_virtio_are_read() {
    let tree = Tree::new();
    tree.file(format!("sys/bus/pci/devices/{PCI}/numa_node"), "1\n");
    tree.file(format!("sys/bus/pci/devices/{PCI}/virtio3/net/ens6/x"), "");
    let function = read(&tree);
    assert_eq!((function.numa_node, function.links), (Some(1), vec!["ens6".to_string()]));
}

#[track_caller]
fn rubbish_at(tree: &Tree) -> PathBuf {
    match Function::read(&tree.sysfs(), Tree::address()) {
        Err(Error::Content { path, .. }) => path,
        other => panic!("{other:?}"),
    }
}

#[test]
fn rubbish_is_an_error_that_names_the_file() {
    for (name, text) in [("class", "network\n"), ("vendor", "0x12345\n"), ("numa_node", "one\n")] {
        let tree = Tree::new();
        tree.file(format!("sys/bus/pci/devices/{PCI}/{name}"), text);
        assert_eq!(rubbish_at(&tree), tree.folder(PCI).join(name));
    }
    let tree = Tree::new().group(PCI, None);
    symlink("../x", tree.folder(PCI).join("iommu_group")).unwrap();
    assert_eq!(rubbish_at(&tree), tree.folder(PCI).join("iommu_group"));
}

#[test]
fn vfi_1_what_the_machine_has_for_user_space_is_read() {
    let tree = Tree::new();
    assert_eq!(Support::read(&tree.sysfs()), Support { vfio_pci: true, iommu: true, no_iommu: false });
    let parameter = "sys/module/vfio/parameters/enable_unsafe_noiommu_mode";
    for (text, on) in [("Y\n", true), ("1\n", true), ("0\n", false), ("", false)] {
        tree.file(parameter, text);
        assert_eq!(Support::read(&tree.sysfs()).no_iommu, on, "{text:?}");
    }
    std::fs::remove_dir_all(tree.driver(VFIO_PCI)).unwrap();
    std::fs::remove_dir_all(tree.sysfs().join("class/iommu")).unwrap();
    assert_eq!(Support::read(&tree.sysfs()), Support { vfio_pci: false, iommu: false, no_iommu: false });
    let nothing = Support { vfio_pci: false, iommu: false, no_iommu: false };
    assert_eq!(Support::read(Path::new("/nowhere")), nothing);
}
