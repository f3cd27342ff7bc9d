//! Which of the devices that could be given the kubelet should give: those of one NUMA node together, and of these the ones that
//! the pool would detach last.

use std::collections::{BTreeMap, BTreeSet};

use node::names::PciAddr;

/// Picks `size` of the available devices, all that must be among them included; fewer if there are no more. `numa_node` tells which
/// NUMA node a device is next to.
pub(super) fn preferred(
    available: &BTreeSet<PciAddr>,
    must_include: &BTreeSet<PciAddr>,
    size: usize,
    numa_node: impl Fn(PciAddr) -> Option<u32>,
) -> Vec<PciAddr> {
    let mut of_node: BTreeMap<Option<u32>, Vec<PciAddr>> = BTreeMap::new();
    for device in available.difference(must_include) {
        of_node.entry(numa_node(*device)).or_default().push(*device);
    }
    let wanted = size.saturating_sub(must_include.len());
    let included = |node: &Option<u32>| must_include.iter().filter(|device| numa_node(**device) == *node).count();
    let mut nodes: Vec<(Option<u32>, Vec<PciAddr>)> = of_node.into_iter().collect();
    // Where the ones that must be are, then where there are enough, and of these where the least is left over.
    nodes.sort_by_key(|(node, devices)| {
        let is_short = devices.len() < wanted;
        let left_over = if is_short { usize::MAX - devices.len() } else { devices.len() };
        (std::cmp::Reverse(included(node)), is_short, left_over)
    });
    let rest = nodes.into_iter().flat_map(|(_, devices)| devices);
    must_include.iter().copied().chain(rest).take(size.max(must_include.len())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pci(slot: u8) -> PciAddr {
        format!("0000:00:{slot:02x}.0").parse().unwrap()
    }

    /// Slots below 0x10 are next to node 0, the others next to node 1.
    fn pick(available: &[u8], must_include: &[u8], size: usize) -> Vec<PciAddr> {
        let set = |slots: &[u8]| slots.iter().copied().map(pci).collect::<BTreeSet<_>>();
        let numa_node = |device: PciAddr| Some(u32::from(device >= pci(0x10)));
        preferred(&set(available), &set(must_include), size, numa_node)
    }

    fn slots(slots: &[u8]) -> Vec<PciAddr> {
        slots.iter().copied().map(pci).collect()
    }

    #[test]
    fn one_numa_node_is_kept_to() {
        assert_eq!(pick(&[6, 0x10, 0x11], &[], 2), slots(&[0x10, 0x11]));
        assert_eq!(pick(&[6, 7, 8, 0x10, 0x11], &[], 2), slots(&[0x10, 0x11]));
        assert_eq!(pick(&[6, 7, 8, 0x10, 0x11], &[], 3), slots(&[6, 7, 8]));
        // Where no node has enough, the one that has the most comes first.
        assert_eq!(pick(&[6, 0x10, 0x11], &[], 3), slots(&[0x10, 0x11, 6]));
    }

    #[test]
    fn what_must_be_among_them_is_and_the_rest_is_beside_it() {
        assert_eq!(pick(&[6, 7, 0x10, 0x11], &[7], 2), slots(&[7, 6]));
        assert_eq!(pick(&[6, 7, 0x10, 0x11], &[0x11], 2), slots(&[0x11, 0x10]));
        assert_eq!(pick(&[6, 7], &[6, 7], 2), slots(&[6, 7]));
        assert_eq!(pick(&[6], &[], 4), slots(&[6]));
        assert_eq!(pick(&[], &[], 1), slots(&[]));
    }
}
