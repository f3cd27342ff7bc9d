//! An API server that ends watches, forgets, refuses, or is away.

use super::server::{CLUSTER, Mood, NODE_ENIS, Server};
use super::watches::{node_eni, server};
use super::{Site, names};

async fn until_known(site: &Site, wanted: &[&str]) {
    site.until("the NodeENIs", |known| names(known) == wanted).await;
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_ends_begins_again_where_it_was() {
    let server = server();
    let site = Site::new(&server);
    site.until_whole().await;
    server.end_watches();
    server.put(NODE_ENIS, node_eni("more", 1));
    until_known(&site, &["data", "more"]).await;
    let asked = server.asked(NODE_ENIS);
    assert_eq!(asked.iter().filter(|what| *what == "list").count(), 1, "{asked:?}");
}

/// Whether the server says so in the watch or in place of it.
#[tokio::test(start_paused = true)]
async fn after_410_all_is_listed_anew_and_nothing_is_gone_meanwhile() {
    let server = server();
    let site = Site::new(&server);
    site.until_whole().await;
    let mut changes = site.snapshot.subscribe();
    server.expire();
    server.put(NODE_ENIS, node_eni("more", 1));
    while names(&changes.borrow_and_update()) != ["data", "more"] {
        assert_eq!(names(&changes.borrow()), ["data"]);
        changes.changed().await.unwrap();
    }
    server.refuse_expired();
    server.end_watches();
    server.put(NODE_ENIS, node_eni("third", 1));
    server.forget();
    until_known(&site, &["data", "more", "third"]).await;
}

/// What was deleted while nobody watched is gone with the next list.
#[tokio::test(start_paused = true)]
async fn what_was_deleted_unseen_is_gone_with_the_next_list() {
    let server = server();
    server.put(NODE_ENIS, node_eni("more", 1));
    let site = Site::new(&server);
    site.until_whole().await;
    server.set_mood(Mood::Away);
    server.end_watches();
    server.delete(NODE_ENIS, "more");
    server.forget();
    server.set_mood(Mood::Serves);
    until_known(&site, &["data"]).await;
}

#[tokio::test(start_paused = true)]
async fn errors_of_the_server_are_waited_out_and_not_hammered() {
    for status in [409, 429, 500, 503] {
        let server = server();
        server.set_mood(Mood::Answers(status));
        let site = Site::new(&server);
        tokio::time::sleep(std::time::Duration::from_secs(600)).await;
        let asked = server.asked(NODE_ENIS).len();
        assert!((10..60).contains(&asked), "{status}: {asked} in ten minutes");
        assert!(site.snapshot.known().node_enis.is_none());
        server.set_mood(Mood::Serves);
        site.until_whole().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_hour_without_the_server_changes_nothing_that_is_known() {
    let server = server();
    let site = Site::new(&server);
    let before = site.until_whole().await;
    server.set_mood(Mood::Away);
    server.end_watches();
    let changes = site.snapshot.subscribe();
    tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
    assert!(!changes.has_changed().unwrap());
    assert_eq!(site.snapshot.known(), before);
    server.put(NODE_ENIS, node_eni("more", 1));
    server.set_mood(Mood::Serves);
    until_known(&site, &["data", "more"]).await;
}

#[tokio::test(start_paused = true)]
async fn whose_the_enis_are_is_known_to_an_agent_that_begins_while_the_server_is_away() {
    let server = server();
    let site = Site::new(&server);
    site.until_whole().await;
    server.set_mood(Mood::Away);
    let site = site.restart();
    let known = site.until("the cluster", |known| known.cluster.is_some()).await;
    assert_eq!(known.cluster.unwrap().as_str(), CLUSTER);
    assert!(known.node_enis.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_agent_is_ready_once_all_is_known_and_stays_so_when_the_server_goes() {
    let server = Server::new();
    server.set_mood(Mood::Away);
    let site = Site::new(&server);
    let line = async |site: &Site| site.health.ready().await.lines.last().unwrap().clone();
    assert!(line(&site).await.starts_with("kubernetes: not ready, it has not told all yet"), "{}", line(&site).await);
    server.set_mood(Mood::Serves);
    site.until_whole().await;
    site.health.kubernetes(crate::seen::health::Answer::Silent("connection refused".into()));
    let line = line(&site).await;
    assert!(line.starts_with("kubernetes: ok, last request") && line.ends_with("connection refused"), "{line}");
}
