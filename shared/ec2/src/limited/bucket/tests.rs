use super::*;

const RATE: Rate = Rate { per_second: 2.0, burst: 5.0 };

fn in_a_day() -> Instant {
    Instant::now() + Duration::from_secs(86_400)
}

async fn takes(bucket: &Bucket, count: usize) -> Duration {
    let start = Instant::now();
    for _ in 0..count {
        bucket.take(in_a_day()).await.unwrap();
    }
    start.elapsed()
}

/// About, since timers go by the millisecond.
fn is_about(time: Duration, seconds: f64) -> bool {
    (time.as_secs_f64() - seconds).abs() < 0.1
}

#[tokio::test(start_paused = true)]
async fn a_full_bucket_gives_its_burst_and_then_its_rate() {
    let bucket = Bucket::new(RATE, 1);
    assert_eq!(takes(&bucket, 5).await, Duration::ZERO);
    assert!(is_about(takes(&bucket, 20).await, 10.0));
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(takes(&bucket, 5).await, Duration::ZERO);
}

#[tokio::test]
async fn who_has_a_token_at_once_has_not_waited() {
    let bucket = Bucket::new(RATE, 1);
    assert_eq!(bucket.take(in_a_day()).await, Ok(Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn who_would_be_late_is_not_kept_waiting() {
    let bucket = Bucket::new(RATE, 1);
    takes(&bucket, 5).await;
    let start = Instant::now();
    assert_eq!(bucket.take(start + Duration::from_millis(100)).await, Err(Late));
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert!(bucket.take(start + Duration::from_millis(600)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_takes_nothing() {
    let bucket = Bucket::new(RATE, 1);
    takes(&bucket, 5).await;
    let start = Instant::now();
    for _ in 0..3 {
        let short = tokio::time::timeout(Duration::from_millis(100), bucket.take(in_a_day())).await;
        assert!(short.is_err());
    }
    bucket.take(in_a_day()).await.unwrap();
    assert!(is_about(start.elapsed(), 0.5));
}

#[tokio::test(start_paused = true)]
async fn thr_1_refusals_pause_longer_and_longer_up_to_a_bound() {
    let bucket = Bucket::new(RATE, 7);
    let mut pauses = Vec::new();
    for _ in 0..40 {
        bucket.refused(Instant::now());
        pauses.push(takes(&bucket, 1).await);
        tokio::time::advance(Duration::from_millis(5)).await;
    }
    let sum = |part: &[Duration]| part.iter().sum::<Duration>();
    assert!(pauses.iter().all(|pause| *pause <= LONGEST_PAUSE + Duration::from_millis(2)));
    assert!(pauses[0] <= FIRST_PAUSE + Duration::from_millis(2));
    assert!(sum(&pauses[..5]) < Duration::from_secs(32));
    // Half of the longest each, as a random pause has it.
    assert!(sum(&pauses[20..]) > Duration::from_secs(20 * 75) && sum(&pauses[20..]) < Duration::from_secs(20 * 225));
}

#[tokio::test(start_paused = true)]
async fn refusals_of_what_was_sent_together_are_one() {
    let (one, many) = (Bucket::new(RATE, 3), Bucket::new(RATE, 3));
    let sent = Instant::now();
    tokio::time::advance(Duration::from_millis(50)).await;
    one.refused(sent);
    (0..5).for_each(|_| many.refused(sent));
    assert_eq!(one.next(), many.next());
    assert_eq!(many.state().steps, 1);
}

#[tokio::test(start_paused = true)]
async fn answers_bring_the_rate_back() {
    let bucket = Bucket::new(RATE, 5);
    for _ in 0..4 {
        bucket.refused(Instant::now());
        tokio::time::advance(Duration::from_secs(600)).await;
    }
    takes(&bucket, 5).await;
    // A sixteenth of the rate.
    assert!(is_about(takes(&bucket, 1).await, 8.0));
    (0..16).for_each(|_| bucket.answered());
    takes(&bucket, 5).await;
    assert!(is_about(takes(&bucket, 2).await, 1.0));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_stops_those_who_wait_already() {
    let bucket = std::sync::Arc::new(Bucket::new(RATE, 11));
    takes(&bucket, 5).await;
    let start = Instant::now();
    let waiting = tokio::spawn({
        let bucket = bucket.clone();
        async move { bucket.take(in_a_day()).await }
    });
    tokio::task::yield_now().await;
    for _ in 0..12 {
        bucket.refused(Instant::now());
        tokio::time::advance(Duration::from_millis(1)).await;
    }
    let end = bucket.next();
    waiting.await.unwrap().unwrap();
    assert!(Instant::now() >= end && end > start + Duration::from_secs(1));
}
