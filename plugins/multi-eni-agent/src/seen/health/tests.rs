use super::*;
use tokio::net::TcpListener;

struct Ground {
    _root: tempfile::TempDir,
    ec2: Option<TcpListener>,
    _imds: TcpListener,
    health: Health,
}

fn endpoint(listener: &TcpListener) -> Endpoint {
    format!("http://{}", listener.local_addr().unwrap()).parse().unwrap()
}

async fn ground() -> Ground {
    let root = tempfile::tempdir().unwrap();
    let ec2 = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let imds = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let state_dir = root.path().join("state");
    let manifests = Manifests::Folder;
    let dependencies = Dependencies { ec2: Some(endpoint(&ec2)), imds: endpoint(&imds), state_dir, manifests };
    let health = Health::looking_every(dependencies, Duration::from_secs(400), Duration::ZERO);
    health.kernel(Answer::Served);
    Ground { _root: root, ec2: Some(ec2), _imds: imds, health }
}

#[tokio::test]
async fn all_is_there_on_an_idle_agent() {
    let ground = ground().await;
    let report = ground.health.ready().await;
    assert!(report.good, "{report:?}");
    assert_eq!(
        report.lines.iter().map(|line| line.split(": ").next().unwrap()).collect::<Vec<_>>(),
        ["ec2", "imds", "kernel", "records"]
    );
}

#[tokio::test]
async fn readiness_turns_when_the_endpoint_goes_and_back_when_it_comes() {
    let mut ground = ground().await;
    ground.health.ec2("DescribeNetworkInterfaces", Answer::Served);
    let address = ground.ec2.as_ref().unwrap().local_addr().unwrap();
    drop(ground.ec2.take());
    ground.health.ec2("DescribeNetworkInterfaces", Answer::Silent("timed out".into()));
    let report = ground.health.ready().await;
    assert!(
        !report.good && report.lines[0].starts_with(&format!("ec2: not ready, cannot connect to {address}")),
        "{report:?}"
    );
    let _again = TcpListener::bind(address).await.unwrap();
    let report = ground.health.ready().await;
    assert!(report.good && report.lines[0].contains("timed out"), "{report:?}");
}

#[tokio::test]
async fn where_it_is_not_known_where_ec2_is_its_own_answers_tell() {
    let of = ground().await;
    let dependencies = Dependencies { ec2: None, ..of.health.inner.dependencies.clone() };
    let health = Health::looking_every(dependencies, Duration::from_secs(400), Duration::ZERO);
    health.kernel(Answer::Served);
    assert!(health.ready().await.good);
    health.ec2("DescribeNetworkInterfaces", Answer::Served);
    let report = health.ready().await;
    assert!(report.good, "{report:?}");
    health.ec2("DescribeNetworkInterfaces", Answer::Silent("timed out".into()));
    assert!(!health.ready().await.good);
}

#[tokio::test]
async fn a_refusal_stands_until_ec2_serves_and_shows_no_credential() {
    let ground = ground().await;
    let secret = "UnauthorizedOperation for ASIAIOSFODNN7EXAMPLE";
    ground.health.ec2("CreateNetworkInterface", Answer::Refused(secret.into()));
    let report = ground.health.ready().await;
    assert!(!report.good && report.lines[0].contains("UnauthorizedOperation"), "{report:?}");
    assert!(!report.lines[0].contains("IOSFODNN7EXAMPLE"), "{report:?}");
    ground.health.ec2("CreateNetworkInterface", Answer::Served);
    assert!(ground.health.ready().await.good);
}

#[tokio::test]
async fn records_that_cannot_be_written_are_named() {
    let ground = ground().await;
    std::fs::write(&ground.health.inner.dependencies.state_dir, "in the way").unwrap();
    let report = ground.health.ready().await;
    assert!(!report.good && report.lines[3].starts_with("records: not ready, cannot"), "{report:?}");
}

#[tokio::test]
async fn a_kernel_that_does_not_answer_is_named() {
    let ground = ground().await;
    ground.health.kernel(Answer::Silent("the dump was cut short".into()));
    let report = ground.health.ready().await;
    assert!(!report.good && report.lines[2].contains("the dump was cut short"), "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn the_loop_is_alive_unless_a_pass_hangs_or_stays_out() {
    let url: Endpoint = "http://127.0.0.1:1".parse().unwrap();
    let dependencies =
        Dependencies { ec2: None, imds: url, state_dir: "/nowhere".into(), manifests: Manifests::Folder };
    let health = Health::new(dependencies, Duration::from_secs(400));
    let wait = async |seconds| tokio::time::advance(Duration::from_secs(seconds)).await;
    wait(399).await;
    assert!(health.alive().good);
    wait(2).await;
    assert!(!health.alive().good);
    let pass = health.pass_begins(Duration::from_secs(60));
    wait(59).await;
    assert_eq!(health.alive().lines, ["loop: ok, makes a pass for 59s"]);
    wait(2).await;
    assert_eq!(health.alive().lines, ["loop: hangs, makes a pass for 1m, and should for 1m at most"]);
    drop(pass);
    assert!(health.alive().good);
}
