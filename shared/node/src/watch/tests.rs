use super::*;
use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

struct Tree {
    root: tempfile::TempDir,
}

impl Tree {
    fn new() -> Self {
        let tree = Self { root: tempfile::tempdir().unwrap() };
        tree.make();
        tree
    }

    fn make(&self) {
        for folder in ["state/attachments", "state/addresses", "state/inventory", "etc/pools"] {
            fs::create_dir_all(self.root.path().join(folder)).unwrap();
        }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn folders(&self) -> Folders<Event> {
        let records = |path: &str| Folder::new(self.path(path), Event::RecordsChanged, Written::Whole);
        Folders::watch(vec![
            records("state/attachments"),
            records("state/addresses"),
            records("state/inventory"),
            Folder::new(self.path("etc/pools"), Event::ManifestsChanged, Written::Anyhow),
        ])
        .unwrap()
    }
}

/// The kinds of change up to and with this one.
async fn until(folders: &mut Folders<Event>, event: Event) -> BTreeSet<Event> {
    let mut seen = BTreeSet::new();
    let next = std::future::poll_fn(|cx| {
        seen.extend(folders.drain(cx));
        if seen.contains(&event) { Poll::Ready(()) } else { Poll::Pending }
    });
    tokio::time::timeout(LIMIT, next).await.unwrap();
    seen
}

/// What there is to be read now; it has happened before, so the kernel has it.
async fn now(folders: &mut Folders<Event>) -> BTreeSet<Event> {
    std::future::poll_fn(|cx| Poll::Ready(folders.drain(cx).into_iter().collect())).await
}

#[tokio::test]
async fn records_and_manifests_are_told_apart() {
    let tree = Tree::new();
    let mut folders = tree.folders();
    fs::write(tree.path("etc/pools/a.yaml"), "x").unwrap();
    assert_eq!(until(&mut folders, Event::ManifestsChanged).await, BTreeSet::from([Event::ManifestsChanged]));
    for folder in ["attachments", "addresses", "inventory"] {
        fs::write(tree.path(&format!("state/{folder}/a.json")), "x").unwrap();
        assert_eq!(until(&mut folders, Event::RecordsChanged).await, BTreeSet::from([Event::RecordsChanged]));
        fs::remove_file(tree.path(&format!("state/{folder}/a.json"))).unwrap();
        assert_eq!(until(&mut folders, Event::RecordsChanged).await, BTreeSet::from([Event::RecordsChanged]));
    }
}

#[tokio::test]
async fn a_part_of_a_write_is_no_change_and_its_end_is_one() {
    let tree = Tree::new();
    let mut folders = tree.folders();
    assert_eq!(now(&mut folders).await, BTreeSet::new());
    fs::write(tree.path("state/inventory/.a.json.part"), "x").unwrap();
    // A change that does count comes after it, so it was read.
    fs::write(tree.path("etc/pools/a.yaml"), "x").unwrap();
    assert_eq!(until(&mut folders, Event::ManifestsChanged).await, BTreeSet::from([Event::ManifestsChanged]));
    fs::rename(tree.path("state/inventory/.a.json.part"), tree.path("state/inventory/a.json")).unwrap();
    until(&mut folders, Event::RecordsChanged).await;
}

#[tokio::test]
async fn a_mounted_config_map_that_is_swapped_is_a_change() {
    let tree = Tree::new();
    fs::create_dir_all(tree.path("etc/pools/..1")).unwrap();
    std::os::unix::fs::symlink("..1", tree.path("etc/pools/..data_tmp")).unwrap();
    let mut folders = tree.folders();
    fs::rename(tree.path("etc/pools/..data_tmp"), tree.path("etc/pools/..data")).unwrap();
    until(&mut folders, Event::ManifestsChanged).await;
}

#[tokio::test]
async fn folders_that_go_and_come_again_are_watched_again() {
    let tree = Tree::new();
    let mut folders = tree.folders();
    for round in 0..3 {
        fs::remove_dir_all(tree.path("state")).unwrap();
        fs::remove_dir_all(tree.path("etc")).unwrap();
        until(&mut folders, Event::RecordsChanged).await;
        tree.make();
        until(&mut folders, Event::ManifestsChanged).await;
        now(&mut folders).await;
        fs::write(tree.path("state/attachments/a.json"), "x").unwrap();
        assert_eq!(
            until(&mut folders, Event::RecordsChanged).await,
            BTreeSet::from([Event::RecordsChanged]),
            "{round}"
        );
    }
}

#[tokio::test]
async fn folders_that_are_not_there_yet_are_waited_for() {
    let tree = Tree { root: tempfile::tempdir().unwrap() };
    let mut folders = tree.folders();
    tree.make();
    fs::write(tree.path("etc/pools/a.yaml"), "x").unwrap();
    until(&mut folders, Event::ManifestsChanged).await;
}

#[tokio::test]
async fn more_than_the_kernel_has_room_for_is_a_change_of_all() {
    let room = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let room: usize = room.trim().parse().unwrap();
    let tree = Tree::new();
    let mut folders = tree.folders();
    let [one, other] = ["etc/pools/one", "etc/pools/other"].map(|name| tree.path(name));
    fs::write(&one, "x").unwrap();
    // Two events each; equal ones in a row would be one.
    for _ in 0..=room.div_ceil(4) {
        fs::rename(&one, &other).unwrap();
        fs::rename(&other, &one).unwrap();
    }
    assert!(until(&mut folders, Event::RecordsChanged).await.contains(&Event::ManifestsChanged));
}

#[tokio::test]
async fn dev_1_one_folder_is_watched_through_its_end_and_its_return() {
    let tree = Tree { root: tempfile::tempdir().unwrap() };
    let path = tree.path("kubelet/device-plugins");
    let mut changes = folder(&path).unwrap();
    let mut changed = async || tokio::time::timeout(LIMIT, changes.next()).await.unwrap();
    for _ in 0..3 {
        fs::create_dir_all(&path).unwrap();
        changed().await;
        let socket = std::os::unix::net::UnixListener::bind(path.join("kubelet.sock")).unwrap();
        changed().await;
        drop(socket);
        fs::remove_dir_all(tree.path("kubelet")).unwrap();
        changed().await;
    }
}
