use super::removal::Removed;
use super::*;
use node::settings::Settings;
use std::os::unix::fs::{MetadataExt, symlink};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A host below a folder, and an image beside it.
struct Bench {
    root: tempfile::TempDir,
}

const LIST: &str = r#"{"cniVersion": "1.0.0", "name": "n", "plugins": [{"type": "multi-eni", "pool": "p"}]}"#;

impl Bench {
    fn new() -> Self {
        let bench = Self { root: tempfile::tempdir().unwrap() };
        std::fs::create_dir(bench.image()).unwrap();
        for name in ["multi-eni", "multi-eni-ipam", "multi-eni-agent"] {
            bench.release(name, &format!("{name} 1"));
        }
        bench.release(SETTINGS, "allow_no_iommu = true\n");
        bench.release("10-n.conflist", LIST);
        bench
    }

    fn image(&self) -> PathBuf {
        self.root.path().join("image")
    }

    fn release(&self, name: &str, content: &str) {
        std::fs::write(self.image().join(name), content).unwrap();
    }

    fn places(&self) -> Places {
        Places {
            root: self.root.path().join("host"),
            programs: "/opt/cni/bin".into(),
            networks: "/etc/cni/net.d".into(),
        }
    }

    fn on_host(&self, path: &str) -> PathBuf {
        self.places().on_host(path)
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.on_host(path)).unwrap()
    }

    async fn begin(&self) -> Installation {
        Installation::begin(self.places()).await.unwrap()
    }

    async fn install(&self) -> Vec<Outcome> {
        let mut installation = self.begin().await;
        let mut outcomes = installation.programs(&self.image(), Programs::Plugins).unwrap();
        outcomes.push(installation.settings(&self.image().join(SETTINGS)).unwrap());
        outcomes.push(installation.network(&Network::read(&self.image().join("10-n.conflist")).unwrap()).unwrap());
        outcomes
    }

    async fn remove(&self) -> Vec<Removed> {
        remove(&mut self.begin().await).unwrap()
    }

    fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        let mut folders = vec![self.on_host("/")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if entry.is_dir() {
                    folders.push(entry);
                } else {
                    files.push(entry.strip_prefix(self.on_host("/")).unwrap().display().to_string());
                }
            }
        }
        files.sort();
        files
    }
}

const FILES: [&str; 4] = [
    "/opt/cni/bin/multi-eni",
    "/opt/cni/bin/multi-eni-ipam",
    "/etc/multi-eni/node.toml",
    "/etc/cni/net.d/10-n.conflist",
];

#[tokio::test]
async fn what_is_installed_is_as_in_the_image_and_stays_untouched_by_the_next_installation() {
    let bench = Bench::new();
    assert_eq!(bench.install().await, FILES.map(|path| Outcome::Written(path.into())));
    for (path, mode) in FILES.into_iter().zip([0o755, 0o755, 0o644, 0o644]) {
        let name = Path::new(path).file_name().unwrap();
        assert_eq!(std::fs::read(bench.on_host(path)).unwrap(), std::fs::read(bench.image().join(name)).unwrap());
        assert_eq!(std::fs::metadata(bench.on_host(path)).unwrap().mode() & 0o7777, mode, "{path}");
    }
    let inodes = || FILES.map(|path| std::fs::metadata(bench.on_host(path)).unwrap().ino());
    let before = inodes();
    assert_eq!(bench.install().await, FILES.map(|path| Outcome::Unchanged(path.into())));
    assert_eq!(inodes(), before);
}

#[tokio::test]
async fn a_program_that_lost_its_mode_gets_it_back() {
    let bench = Bench::new();
    bench.install().await;
    let path = bench.on_host(FILES[0]);
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert_eq!(bench.install().await[0], Outcome::Written(FILES[0].into()));
    assert_eq!(std::fs::metadata(path).unwrap().mode() & 0o7777, 0o755);
}

#[tokio::test]
async fn the_agent_is_installed_where_it_is_asked_for() {
    let bench = Bench::new();
    let outcomes = bench.begin().await.programs(&bench.image(), Programs::WithAgent).unwrap();
    assert_eq!(outcomes[2], Outcome::Written("/opt/cni/bin/multi-eni-agent".into()));
}

#[tokio::test]
async fn a_new_release_takes_the_place_of_an_older_one_and_of_one_that_was_put_there_by_hand() {
    let bench = Bench::new();
    let by_hand = bench.on_host(FILES[1]);
    std::fs::create_dir_all(by_hand.parent().unwrap()).unwrap();
    symlink("/elsewhere", &by_hand).unwrap();
    bench.install().await;
    assert_eq!(bench.read(FILES[1]), "multi-eni-ipam 1");
    bench.release("multi-eni", "multi-eni 2");
    bench.release(SETTINGS, "allow_no_iommu = false\n");
    let outcomes = bench.install().await;
    assert_eq!(outcomes[0], Outcome::Written(FILES[0].into()));
    assert_eq!(outcomes[2], Outcome::Written(FILES[2].into()));
    assert_eq!(
        (bench.read(FILES[0]).as_str(), bench.read(FILES[2]).as_str()),
        ("multi-eni 2", "allow_no_iommu = false\n")
    );
}

#[tokio::test]
async fn settings_of_the_administrators_own_are_kept_and_named() {
    let bench = Bench::new();
    bench.install().await;
    std::fs::write(bench.on_host(FILES[2]), "allow_no_iommu = false\n").unwrap();
    let kept = bench.install().await.remove(2);
    assert_eq!(kept, Outcome::Kept(FILES[2].into()));
    let said = format!("kept {}: it is not as it was installed; remove it to have the new one", FILES[2]);
    assert_eq!(kept.to_string(), said);
    assert_eq!(bench.read(FILES[2]), "allow_no_iommu = false\n");
    std::fs::remove_file(bench.on_host(FILES[2])).unwrap();
    assert_eq!(bench.install().await[2], Outcome::Written(FILES[2].into()));
}

#[tokio::test]
async fn only_what_is_as_it_was_installed_is_removed() {
    let bench = Bench::new();
    bench.install().await;
    std::fs::write(bench.on_host("/opt/cni/bin/bridge"), "another's").unwrap();
    std::fs::write(bench.on_host(FILES[0]), "my own").unwrap();
    std::fs::remove_file(bench.on_host(FILES[1])).unwrap();
    let removed = bench.remove().await;
    assert_eq!(removed[0], Removed::Gone(FILES[3].into()), "the network is the first to go");
    assert!(removed.contains(&Removed::Kept(FILES[0].into())) && removed.len() == 4, "{removed:?}");
    assert_eq!(bench.files(), ["opt/cni/bin/bridge", "opt/cni/bin/multi-eni"]);
    assert_eq!(bench.remove().await, []);
}

#[tokio::test]
async fn what_is_in_a_folder_that_is_not_there_stays_on_record() {
    let bench = Bench::new();
    bench.install().await;
    let (there, elsewhere) = (bench.on_host("/opt/cni/bin"), bench.root.path().join("elsewhere"));
    std::fs::rename(&there, &elsewhere).unwrap();
    assert!(bench.remove().await.contains(&Removed::Unseen(FILES[0].into())));
    std::fs::rename(&elsewhere, &there).unwrap();
    assert_eq!(bench.remove().await, [FILES[0], FILES[1]].map(|path| Removed::Gone(path.into())));
    assert_eq!(bench.files(), Vec::<String>::new());
}

#[tokio::test]
async fn cra_1_what_a_killed_installation_has_written_is_known_to_be_ours() {
    let bench = Bench::new();
    bench.install().await;
    let mut installation = bench.begin().await;
    let digest = Digest::of(&mut &b"multi-eni 2"[..]).unwrap();
    installation.record.intend(Path::new(FILES[0]), digest).unwrap();
    drop(installation);
    for content in ["multi-eni 1", "multi-eni 2"] {
        std::fs::write(bench.on_host(FILES[0]), content).unwrap();
        let installation = bench.begin().await;
        let digest = Digest::of(&mut content.as_bytes()).unwrap();
        assert!(installation.record.has(Path::new(FILES[0]), &digest), "{content}");
    }
    assert!(bench.remove().await.contains(&Removed::Gone(FILES[0].into())));
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_named_and_nothing_is_done() {
    let bench = Bench::new();
    bench.install().await;
    std::fs::write(bench.on_host("/etc/multi-eni/installed.json"), "{").unwrap();
    let error = Installation::begin(bench.places()).await.unwrap_err();
    assert!(matches!(&error, Error::Record { path, .. } if path.ends_with("installed.json")), "{error}");
}

/// An agent that is ready when it is told to be.
async fn agent(is_ready: Arc<AtomicBool>) -> Settings {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = Settings::default();
    settings.agent.listen = Some(listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let read = stream.read(&mut request).await.unwrap();
            assert!(request[..read].starts_with(b"GET /readyz HTTP/1.1\r\n"));
            let (status, text) = match is_ready.load(Ordering::Relaxed) {
                true => ("200 OK", "ec2: ok, x\nimds: ok, x\n"),
                false => ("503 Service Unavailable", "ec2: not ready, denied\nimds: ok, x\n"),
            };
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{text}", text.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    settings
}

#[tokio::test]
async fn the_agent_is_waited_for_and_it_is_said_for_what() {
    let is_ready = Arc::new(AtomicBool::new(false));
    let readiness = Readiness::of(&agent(Arc::clone(&is_ready)).await).unwrap();
    let mut said = Vec::new();
    let limit = Duration::from_millis(150);
    let error = readiness.wait(Waiting::Within(limit), |line| said.push(line.to_string())).await.unwrap_err();
    assert!(matches!(&error, Error::NotReady { said, .. } if said == "ec2: not ready, denied"), "{error}");
    assert_eq!(said, ["ec2: not ready, denied"], "once, and not at each look");
    let turn = |_: &str| is_ready.store(true, Ordering::Relaxed);
    readiness.wait(Waiting::On, turn).await.unwrap();
}

#[tokio::test]
async fn an_agent_that_is_not_there_is_waited_for_too() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = Settings::default();
    settings.agent.listen = Some(listener.local_addr().unwrap());
    drop(listener);
    let limit = Duration::from_millis(50);
    let error = Readiness::of(&settings).unwrap().wait(Waiting::Within(limit), |_| {}).await.unwrap_err();
    assert!(matches!(&error, Error::NotReady { said, .. } if said.starts_with("no agent listens on ")), "{error}");
    settings.agent.listen = None;
    assert!(matches!(Readiness::of(&settings), Err(Error::Nowhere)));
}
