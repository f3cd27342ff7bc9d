use super::*;
use std::sync::Arc;
use std::time::Duration;

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Sink {
    fn lines(&self) -> Vec<String> {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap().lines().map(str::to_string).collect()
    }

    /// Without time and level.
    fn messages(&self) -> Vec<String> {
        self.lines().iter().map(|line| line[31..].to_string()).collect()
    }
}

fn logger(format: LogFormat, level: LevelFilter) -> (Logger, Sink) {
    let sink = Sink::default();
    (Logger::new(format, level, Box::new(sink.clone())), sink)
}

macro_rules! say {
    ($logger:expr, $level:ident, $target:literal, $($arg:tt)*) => {
        $logger.log(&Record::builder().level(Level::$level).target($target).args(format_args!($($arg)*)).build())
    };
}

#[test]
fn a_line_of_text_has_its_time_its_level_and_its_fields() {
    let (logger, sink) = logger(LogFormat::Text, LevelFilter::Info);
    let fields = [("eni", "eni-0123"), ("error", "not there\nat all"), ("secret_access_key", "short")];
    let record =
        Record::builder().level(Level::Warn).target("x").args(format_args!("forged\nline")).key_values(&fields).build();
    logger.log(&record);
    let line = &sink.lines()[0];
    assert_eq!(
        &line[24..],
        r#" WARN  forged\nline eni=eni-0123 error="not there\nat all" secret_access_key=[redacted]"#
    );
    assert!(line.starts_with("20") && line[..24].ends_with('Z') && &line[10..11] == "T", "{line}");
}

#[test]
fn a_line_of_json_is_one_object() {
    let (logger, sink) = logger(LogFormat::Json, LevelFilter::Info);
    let fields = [("eni", "eni-0123"), ("time", "forged")];
    logger.log(
        &Record::builder().level(Level::Error).target("agent").args(format_args!("a\nb")).key_values(&fields).build(),
    );
    let line: serde_json::Value = serde_json::from_str(&sink.lines()[0]).unwrap();
    assert_eq!((&line["level"], &line["message"], &line["eni"]), (&"error".into(), &"a\nb".into(), &"eni-0123".into()));
    assert_ne!(line["time"], "forged");
}

#[test]
fn levels_hold_and_libraries_speak_only_of_trouble() {
    let (logger, sink) = logger(LogFormat::Text, LevelFilter::Debug);
    say!(logger, Trace, "agent", "1");
    say!(logger, Debug, "agent", "2");
    say!(logger, Debug, "aws_smithy_runtime::client", "3");
    say!(logger, Info, "hyper::proto", "4");
    say!(logger, Warn, "hyper::proto", "5");
    assert_eq!(sink.messages(), ["2", "5"]);
}

#[test]
fn no_credential_reaches_a_log() {
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKE1";
    for format in [LogFormat::Text, LogFormat::Json] {
        let (logger, sink) = logger(format, LevelFilter::Trace);
        let document = format!("{{\"AccessKeyId\":\"ASIAIOSFODNN7EXAMPLE\",\"SecretAccessKey\":\"{secret}\"}}");
        let fields = [("answer", document.as_str()), ("token", "shorttoken1")];
        for _ in 0..2 {
            let builder = &mut Record::builder();
            logger.log(&builder.level(Level::Debug).args(format_args!("got {document}")).key_values(&fields).build());
        }
        logger.flush();
        let text = sink.lines().concat();
        assert_eq!(sink.lines().len(), 2);
        for part in [secret, "IOSFODNN7EXAMPLE", "shorttoken1"] {
            assert!(!text.contains(part), "{text}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_repeated_line_is_written_once_and_then_its_count() {
    let (logger, sink) = logger(LogFormat::Text, LevelFilter::Info);
    let logger: &'static Logger = Box::leak(Box::new(logger));
    let counts = tokio::spawn(logger.write_counts());
    for _ in 0..5 {
        say!(logger, Warn, "agent", "subnet is full");
        say!(logger, Info, "agent", "pass ended");
    }
    assert_eq!(sink.messages(), ["subnet is full", "pass ended"]);
    tokio::time::sleep(Duration::from_secs(61)).await;
    let mut messages = sink.messages().split_off(2);
    messages.sort();
    assert_eq!(
        messages,
        ["pass ended (4 times more in 60 s) repeated=4", "subnet is full (4 times more in 60 s) repeated=4"]
    );
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(sink.lines().len(), 4);
    say!(logger, Warn, "agent", "subnet is full");
    assert_eq!(sink.messages()[4], "subnet is full");
    counts.abort();
}

#[test]
fn the_end_writes_the_counts_that_are_left() {
    let (logger, sink) = logger(LogFormat::Text, LevelFilter::Info);
    say!(logger, Info, "agent", "again");
    say!(logger, Info, "agent", "again");
    logger.flush();
    assert_eq!(sink.messages(), ["again", "again (1 times more in 60 s) repeated=1"]);
}

#[test]
fn a_message_without_end_is_cut() {
    let (logger, sink) = logger(LogFormat::Text, LevelFilter::Info);
    say!(logger, Info, "agent", "{}", "ä ".repeat(10_000));
    assert!(sink.lines()[0].len() < 9000 && sink.lines()[0].ends_with(" [cut]"));
}
