//! Shapes of a machine: for each, the exact writes and their order.

use super::tree::{Fault, Kernel, PCI, Tree};
use super::*;
use crate::settings::Settings;
use nix::libc::{EBUSY, EINVAL, ENODEV, EPERM};
use std::sync::Arc;

const OTHER: &str = "0000:00:04.0";
const RESERVE: &str = "driver_override vfio-pci";
const OPEN: &str = "driver_override";
const UNBIND: &str = "unbind 0000:00:06.0";
const PROBE: &str = "drivers_probe 0000:00:06.0";

/// What is wished.
#[derive(Debug, Clone, Copy)]
enum To {
    UserSpace,
    /// On a node that allows to do without an IOMMU.
    UserSpaceWithoutIommu,
    /// Back to this driver, or to none.
    Back(Option<&'static str>),
}

/// How it ends.
#[derive(Debug, Clone, Copy)]
enum End {
    /// With this driver, or none.
    With(Option<&'static str>),
    /// In an error that says this.
    Error(&'static str),
}

use End::{Error as Fails, With};
use To::{Back, UserSpace, UserSpaceWithoutIommu};

struct Shape {
    name: &'static str,
    tree: Tree,
    faults: Vec<(&'static str, Fault)>,
    to: To,
    writes: Vec<&'static str>,
    end: End,
}

fn shape(name: &'static str, tree: Tree, to: To, writes: &[&'static str], end: End) -> Shape {
    Shape { name, tree, faults: Vec::new(), to, writes: writes.to_vec(), end }
}

impl Shape {
    fn with(mut self, file: &'static str, fault: Fault) -> Self {
        self.faults.push((file, fault));
        self
    }

    async fn check(self) {
        let tree = Arc::new(self.tree);
        let kernel = Kernel::of(Arc::clone(&tree), &self.faults);
        let settings = Settings {
            sysfs_dir: tree.sysfs(),
            dev_dir: tree.dev(),
            allow_no_iommu: matches!(self.to, UserSpaceWithoutIommu),
            ..Settings::default()
        };
        let bus = Bus::of(&settings).with_writer(Arc::clone(&kernel) as Arc<dyn Write>);
        let outcome = match self.to {
            UserSpace | UserSpaceWithoutIommu => over(&bus).await,
            Back(driver) => home(&bus, driver).await,
        };
        assert_eq!(kernel.log(), self.writes, "{}: {outcome:?}", self.name);
        match (outcome, self.end) {
            (Ok(()), With(driver)) => assert_eq!(tree.driver_of(PCI).as_deref(), driver, "{}", self.name),
            (Err(error), Fails(said)) => {
                let text = format!("{error}: {:?}", std::error::Error::source(&error).map(ToString::to_string));
                assert!(text.contains(said), "{}: {text}", self.name);
            }
            (outcome, end) => panic!("{}: {outcome:?} instead of {end:?}", self.name),
        }
        if let (Back(driver), With(_)) = (self.to, self.end)
            && driver.is_some_and(|driver| driver != VFIO_PCI)
        {
            assert_eq!(tree.reserved_for(PCI), "(null)", "{}", self.name);
        }
    }
}

async fn over(bus: &Bus) -> Result<(), Error> {
    for change in bus.to_user_space(Tree::address())? {
        bus.apply(Tree::address(), &change).await?;
    }
    bus.handed_over(Tree::address()).map(drop)
}

/// As a release does it: each change is tried, and the first error is told.
async fn home(bus: &Bus, driver: Option<&str>) -> Result<(), Error> {
    let function = bus.function(Tree::address())?.ok_or(Error::Absent(Tree::address()))?;
    let mut first = Ok(());
    for change in back(&function, driver) {
        first = first.and(bus.apply(Tree::address(), &change).await.map(drop));
    }
    first
}

async fn check(shapes: impl IntoIterator<Item = Shape>) {
    for shape in shapes {
        shape.check().await;
    }
}

/// In the hands of user space already.
fn handed_over() -> Tree {
    let tree = Tree::new().bind(PCI, Some(VFIO_PCI)).reserve(PCI, VFIO_PCI);
    tree.file("dev/vfio/7", "");
    tree
}

/// With another function of this class in its group.
fn with_other(class: &str, driver: Option<&str>) -> Tree {
    Tree::new().function(OTHER, class).bind(OTHER, driver).group(OTHER, Some(7))
}

const BOUND: End = With(Some(VFIO_PCI));
const ENA: Option<&str> = Some("ena");

#[tokio::test(start_paused = true)]
async fn vfi_3_user_space_gets_a_device_from_whatever_state_it_is_in() {
    let new = Tree::new;
    check([
        shape("the kernel's", new(), UserSpace, &[RESERVE, UNBIND, PROBE], BOUND),
        shape("reserved already", new().reserve(PCI, VFIO_PCI), UserSpace, &[UNBIND, PROBE], BOUND),
        shape("reserved for another", new().reserve(PCI, "x"), UserSpace, &[RESERVE, UNBIND, PROBE], BOUND),
        shape("handed over already", handed_over(), UserSpace, &[], BOUND),
        shape("uio", new().bind(PCI, Some("igb_uio")), UserSpace, &[RESERVE, UNBIND, PROBE], BOUND),
        shape("no driver", new().bind(PCI, None), UserSpace, &[RESERVE, PROBE], BOUND),
        shape("no driver, reserved", new().bind(PCI, None).reserve(PCI, VFIO_PCI), UserSpace, &[RESERVE, PROBE], BOUND),
        shape(
            "a root port beside it",
            with_other("0x060400", Some("pcieport")),
            UserSpace,
            &[RESERVE, UNBIND, PROBE],
            BOUND,
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn vfi_1_what_is_missing_is_told_before_anything_is_written() {
    let new = Tree::new;
    let bound = |tree: Tree| tree.bind(PCI, Some(VFIO_PCI));
    check([
        shape("no module", new().without_driver(VFIO_PCI), UserSpace, &[], Fails("modprobe vfio-pci")),
        shape(
            "no IOMMU, parameter off",
            new().without_iommu("N"),
            UserSpace,
            &[],
            Fails("enable_unsafe_noiommu_mode is off"),
        ),
        shape(
            "no parameter",
            new().without_iommu(""),
            UserSpaceWithoutIommu,
            &[],
            Fails("enable_unsafe_noiommu_mode is off"),
        ),
        shape("behind no IOMMU", new().group(PCI, None), UserSpace, &[], Fails("though this machine has one")),
        shape("not allowed", new().without_iommu("Y"), UserSpace, &[], Fails("allow_no_iommu = true")),
        shape("bound, without a group", bound(new().without_iommu("N")), UserSpace, &[], Fails("in no IOMMU group")),
        shape("a disk beside it", with_other("0x010802", Some("nvme")), UserSpace, &[], Fails("0000:00:04.0 (nvme)")),
        shape("an idle one beside it", with_other("0x020000", None), UserSpace, &[], Fails("0000:00:04.0 (no driver)")),
        shape("another ENI beside it", with_other("0x020000", Some(VFIO_PCI)), UserSpace, &[], Fails("IOMMU group 7")),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn vfi_1_without_an_iommu_the_group_comes_with_the_binding() {
    let writes = [RESERVE, UNBIND, PROBE];
    check([
        shape("Y", Tree::new().without_iommu("Y"), UserSpaceWithoutIommu, &writes, BOUND),
        shape("1", Tree::new().without_iommu("1\n"), UserSpaceWithoutIommu, &writes, BOUND),
    ])
    .await;
    let tree = Arc::new(Tree::new().without_iommu("Y"));
    let kernel = Kernel::of(Arc::clone(&tree), &[]);
    let settings =
        Settings { sysfs_dir: tree.sysfs(), dev_dir: tree.dev(), allow_no_iommu: true, ..Settings::default() };
    let bus = Bus::of(&settings).with_writer(kernel);
    over(&bus).await.unwrap();
    let group = bus.handed_over(Tree::address()).unwrap();
    assert_eq!(group, Group::NoIommu(0));
    assert_eq!(group.host_node(&tree.dev()), tree.dev().join("vfio/noiommu-0"));
    let strict = Bus::of(&Settings { allow_no_iommu: false, ..settings });
    assert!(matches!(strict.handed_over(Tree::address()), Err(Error::Refused(Refusal::NoIommuForbidden(_)))));
    home(&bus, ENA).await.unwrap();
    assert_eq!(bus.function(Tree::address()).unwrap().unwrap().group, None);
}

#[tokio::test(start_paused = true)]
async fn what_the_kernel_refuses_is_told_with_the_file_and_nothing_goes_on() {
    let ena = |writes: &[&'static str], end| shape("the kernel's", Tree::new(), UserSpace, writes, end);
    let refused = |errno, times| Fault::Refused(errno, times);
    check([
        ena(&[RESERVE], Fails("driver_override")).with("driver_override", refused(EPERM, 1)),
        ena(&[RESERVE], Fails("Invalid argument")).with("driver_override", refused(EINVAL, 1)),
        ena(&[RESERVE, UNBIND], Fails("driver/unbind")).with("unbind", refused(EPERM, 1)),
        ena(&[RESERVE, UNBIND, PROBE], Fails("drivers_probe")).with("drivers_probe", refused(EINVAL, 1)),
        ena(&[RESERVE, UNBIND], Fails("ena keeps")).with("unbind", Fault::Ignored),
        ena(&[RESERVE, UNBIND], Fails("has no PCI device")).with("unbind", Fault::Unplugged),
        ena(&[RESERVE, UNBIND], Fails("a process has it open")).with("unbind", Fault::Endless),
        ena(&[RESERVE, UNBIND, PROBE], Fails("does not bind to vfio-pci, but has no driver"))
            .with("drivers_probe", Fault::Ignored),
        ena(&[RESERVE, UNBIND, PROBE], Fails("but is bound to ena")).with("driver_override", Fault::Ignored),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn vfi_3_busy_is_tried_again_and_gone_is_done() {
    let ena = |writes: &[&'static str], end| shape("the kernel's", Tree::new(), UserSpace, writes, end);
    let busy = [RESERVE, UNBIND, UNBIND, UNBIND, PROBE];
    check([
        ena(&busy, BOUND).with("unbind", Fault::Refused(EBUSY, 2)),
        ena(&[RESERVE, RESERVE, UNBIND, PROBE], BOUND).with("driver_override", Fault::Refused(EBUSY, 1)),
        ena(&[RESERVE, UNBIND, PROBE], BOUND).with("unbind", Fault::DoneAnd(ENODEV)),
    ])
    .await;
    let tree = Arc::new(Tree::new());
    let kernel = Kernel::of(Arc::clone(&tree), &[("unbind", Fault::Refused(EBUSY, u32::MAX))]);
    let settings = Settings { sysfs_dir: tree.sysfs(), dev_dir: tree.dev(), ..Settings::default() };
    let bus = Bus::of(&settings).with_writer(Arc::clone(&kernel) as Arc<dyn Write>);
    let error = over(&bus).await.unwrap_err();
    assert!(matches!(&error, Error::Write { source, .. } if source.raw_os_error() == Some(EBUSY)), "{error:?}");
    assert!(kernel.log().len() > 3 && !kernel.log().contains(&PROBE.to_string()), "{:?}", kernel.log());
}

#[tokio::test(start_paused = true)]
async fn vfi_3_the_kernel_gets_a_device_back_from_whatever_state_it_is_in() {
    let new = Tree::new;
    let home = Back(ENA);
    check([
        shape("handed over", handed_over(), home, &[OPEN, UNBIND, PROBE], With(ENA)),
        shape("bound by an id", new().bind(PCI, Some(VFIO_PCI)), home, &[UNBIND, PROBE], With(ENA)),
        shape("the kernel's", new(), home, &[], With(ENA)),
        shape("the kernel's, reserved", new().reserve(PCI, VFIO_PCI), home, &[OPEN], With(ENA)),
        shape("no driver", new().bind(PCI, None), home, &[OPEN, PROBE], With(ENA)),
        shape("no driver, reserved", new().bind(PCI, None).reserve(PCI, VFIO_PCI), home, &[OPEN, PROBE], With(ENA)),
        shape("uio meanwhile", handed_over().bind(PCI, Some("igb_uio")), home, &[OPEN, UNBIND, PROBE], With(ENA)),
        shape("it had none", handed_over(), Back(None), &[OPEN, UNBIND], With(None)),
        shape("it had none, and has none", new().bind(PCI, None), Back(None), &[], With(None)),
        shape("it was handed over", new().bind(PCI, None), Back(Some(VFIO_PCI)), &[RESERVE, PROBE], BOUND),
        shape("it was and is handed over", handed_over(), Back(Some(VFIO_PCI)), &[], BOUND),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn vfi_3_on_the_way_back_every_change_is_tried() {
    let from = |writes: &[&'static str], end| shape("handed over", handed_over(), Back(ENA), writes, end);
    let all = [OPEN, UNBIND, PROBE];
    check([
        from(&[OPEN, UNBIND, UNBIND, UNBIND, PROBE], With(ENA)).with("unbind", Fault::Refused(EBUSY, 2)),
        // Nothing is begun behind what has not ended.
        from(&[OPEN, UNBIND], Fails("a process has it open")).with("unbind", Fault::Endless),
        from(&all, Fails("vfio-pci keeps")).with("unbind", Fault::Ignored),
        from(&all, Fails("driver_override")).with("driver_override", Fault::Refused(EPERM, 1)),
        from(&all, Fails("does not bind to ena")).with("drivers_probe", Fault::Ignored),
        from(&all, With(ENA)).with("unbind", Fault::DoneAnd(ENODEV)),
        from(&[OPEN, UNBIND], Fails("has no PCI device")).with("unbind", Fault::Unplugged),
        shape("the driver is not loaded", handed_over().without_driver("ena"), Back(ENA), &all, Fails("does not bind")),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_group_without_its_node_is_no_success() {
    let tree = Arc::new(handed_over());
    std::fs::remove_file(tree.dev().join("vfio/7")).unwrap();
    let settings = Settings { sysfs_dir: tree.sysfs(), dev_dir: tree.dev(), ..Settings::default() };
    let error = Bus::of(&settings).handed_over(Tree::address()).unwrap_err();
    assert!(matches!(error, Error::NoNode { .. }), "{error}");
}

#[tokio::test]
async fn vfi_6_the_node_of_a_group_is_given_away_and_never_a_link() {
    let tree = handed_over();
    let settings = Settings { sysfs_dir: tree.sysfs(), dev_dir: tree.dev(), ..Settings::default() };
    let bus = Bus::of(&settings);
    let before = bus.access(Tree::address()).unwrap();
    let change = Change::Node(Access { mode: 0o660, ..before });
    for outcome in [crate::step::Outcome::Changed, crate::step::Outcome::AlreadySo] {
        assert_eq!(bus.apply(Tree::address(), &change).await.unwrap(), outcome);
        assert_eq!(bus.access(Tree::address()).unwrap(), Access { mode: 0o660, ..before });
    }
    std::fs::rename(tree.dev().join("vfio/7"), tree.dev().join("victim")).unwrap();
    std::os::unix::fs::symlink("../victim", tree.dev().join("vfio/7")).unwrap();
    assert!(matches!(bus.apply(Tree::address(), &Change::Node(before)).await, Err(Error::Node { .. })));
}

/// A writer of which an earlier write goes on for some looks, and reserves the function when it ends.
#[derive(Debug)]
struct Earlier {
    tree: Arc<Tree>,
    looks: std::sync::atomic::AtomicU32,
}

impl Write for Earlier {
    fn write<'a>(&'a self, _: Writing<'a>) -> Written<'a> {
        Box::pin(async { Err(WriteError::Earlier) })
    }

    fn goes_on(&self, _: PciAddr) -> bool {
        let left = self.looks.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
        if left == 1 {
            std::fs::write(self.tree.folder(PCI).join("driver_override"), "vfio-pci\n").unwrap();
        }
        left > 0
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_write_that_nobody_waits_for_changes_yet_is_seen() {
    let tree = Arc::new(Tree::new());
    let settings = Settings { sysfs_dir: tree.sysfs(), ..Settings::default() };
    let at_rest = async |looks: u32| {
        let writer = Earlier { tree: Arc::clone(&tree), looks: looks.into() };
        let bus = Bus::of(&settings).with_writer(Arc::new(writer));
        bus.function_at_rest(Tree::address()).await
    };
    let function = at_rest(3).await.unwrap().unwrap();
    assert_eq!(function.driver_override, DriverOverride::To(VFIO_PCI.to_string()));
    assert!(matches!(at_rest(1000).await, Err(Error::InUse(_))));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_handed_over_now_is_told_without_a_write() {
    let unfit = |tree: Tree, looks: u32| {
        let tree = Arc::new(tree);
        let settings = Settings { sysfs_dir: tree.sysfs(), ..Settings::default() };
        let bus = Bus::of(&settings).with_writer(Arc::new(Earlier { tree, looks: looks.into() }));
        bus.unfit(&bus.function(Tree::address()).unwrap().unwrap())
    };
    assert_eq!(unfit(Tree::new(), 0), None);
    assert_eq!(unfit(Tree::new().bind(PCI, None), 2), Some(Unfit::InUse));
    let beside_a_disk = unfit(with_other("0x010802", Some("nvme")), 0);
    assert!(matches!(beside_a_disk, Some(Unfit::Refused(Refusal::NotAlone { .. }))), "{beside_a_disk:?}");
}
