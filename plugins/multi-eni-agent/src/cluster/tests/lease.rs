//! Who works, and that nobody works twice.

use http::Method;

use super::api_server::{Instead, LEASES};
use super::stage::Stage;

#[tokio::test(start_paused = true)]
async fn of_two_one_works_and_the_other_takes_over_when_it_dies() {
    let mut stage = Stage::new();
    stage.start("one");
    stage.until("one holds it", |stage| stage.holds("one")).await;
    stage.start("two");
    stage.rest(120).await;
    assert!(stage.holds("one") && !stage.holds("two"));
    stage.kill("one");
    let took = stage.until("two holds it", |stage| stage.holds("two")).await;
    assert!((10..20).contains(&took), "{took} s");
    assert_eq!(stage.api.object(LEASES, "multi-eni-cluster-agent").unwrap()["spec"]["leaseTransitions"], 2);
}

#[tokio::test(start_paused = true)]
async fn one_that_ends_gives_it_back_and_the_other_need_not_wait() {
    let mut stage = Stage::new();
    stage.start("one");
    stage.until("one holds it", |stage| stage.holds("one")).await;
    stage.start("two");
    stage.rest(10).await;
    stage.stop("one").await;
    let took = stage.until("two holds it", |stage| stage.holds("two")).await;
    assert!(took <= 5, "{took} s");
}

#[tokio::test(start_paused = true)]
async fn who_cannot_renew_it_stops_before_another_can_take_it() {
    for fault in [Instead::Hangs, Instead::Breaks, Instead::Refuses(500), Instead::Refuses(429), Instead::Refuses(403)]
    {
        let mut stage = Stage::new();
        stage.start("one");
        stage.until("one holds it", |stage| stage.holds("one")).await;
        stage.start("two");
        stage.rest(30).await;
        stage.api.cut_off("one", fault);
        stage.until("one has lost it", |stage| !stage.holds("one")).await;
        assert!(!stage.holds("two"), "{fault:?}");
        stage.until("two holds it", |stage| stage.holds("two")).await;
        stage.api.heals();
        stage.rest(60).await;
        assert!(stage.holds("two") && !stage.holds("one"), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_whose_answer_is_lost_or_that_came_second_is_looked_at_again() {
    let mut stage = Stage::new();
    stage.start("one");
    stage.until("one holds it", |stage| stage.holds("one")).await;
    for fault in [Instead::DoesAndRefuses(500), Instead::Refuses(409), Instead::Hangs] {
        stage.api.at(Some(Method::PUT), LEASES, 1, fault);
        for _ in 0..100 {
            assert!(stage.holds("one"), "{fault:?}");
            stage.rest(1).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_somebody_deletes_is_made_again_by_one_of_them() {
    let mut stage = Stage::new();
    stage.start("one");
    stage.start("two");
    stage.until("one of them holds it", |stage| stage.holds("one") || stage.holds("two")).await;
    stage.api.delete(LEASES, "multi-eni-cluster-agent");
    // For a moment both may believe that they hold it, which does no harm.
    stage.rest(10).await;
    for _ in 0..60 {
        assert!(stage.holds("one") != stage.holds("two"));
        stage.rest(1).await;
    }
}

/// The times in a Lease are another's clock: one that is years ahead or behind makes nobody a holder.
#[tokio::test(start_paused = true)]
async fn clocks_that_differ_make_no_second_holder() {
    for renew_time in ["2019-01-01T00:00:00.000000Z", "2099-01-01T00:00:00.000000Z"] {
        let mut stage = Stage::new();
        let renew = |stage: &Stage, number: u32| {
            let spec = serde_json::json!({
                "holderIdentity": "other", "leaseDurationSeconds": 15, "renewTime": renew_time, "leaseTransitions": number,
            });
            stage
                .api
                .put(LEASES, serde_json::json!({ "metadata": { "name": "multi-eni-cluster-agent" }, "spec": spec }));
        };
        renew(&stage, 0);
        stage.start("one");
        for number in 1..30 {
            stage.rest(10).await;
            assert!(!stage.holds("one"), "it is renewed, though of {renew_time}");
            renew(&stage, number);
        }
        let took = stage.until("it is renewed no more", |stage| stage.holds("one")).await;
        assert!((14..25).contains(&took), "{took} s");
    }
}
