//! Delegates that are real executables.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cni::{CniResult, Code, Delegate, Environment, Error, Invocation, PluginType, Version};
use nix::errno::Errno;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// More than any test should take, so that only a hang meets it.
const LONG: Duration = Duration::from_secs(60);

/// A folder of `CNI_PATH` with one plugin in it.
struct Bench {
    folder: TempDir,
    config: Map<String, Value>,
    limit: Duration,
}

impl Bench {
    /// The plugin is a shell script, with the bench's folder in `$DIR`.
    fn script(body: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("#!/bin/sh\nDIR='{}'\n{body}\n", folder.path().display());
        let file = folder.path().join("fake");
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o755)).unwrap();
        let config = json!({"cniVersion": "1.0.0", "name": "fast", "ipam": {"type": "fake"}});
        Self { folder, config: config.as_object().unwrap().clone(), limit: LONG }
    }

    /// The plugin answers with that text and that status.
    fn answering(stdout: &str, status: u8) -> Self {
        Self::script(&format!("cat > /dev/null\ncat <<'END'\n{stdout}\nEND\nexit {status}"))
    }

    fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn environment(&self) -> Environment {
        let variables = [("CNI_CONTAINERID", "c0ffee"), ("CNI_IFNAME", "net1"), ("CNI_NETNS", "/run/netns/blue")];
        Environment {
            path: vec![self.path("nowhere"), self.folder.path().to_owned()],
            variables: variables.into_iter().map(|(key, value)| (key, value.into())).collect(),
            ..Environment::default()
        }
    }

    fn run<T>(&self, verb: impl AsyncFnOnce(Delegate, Invocation<'_>) -> Result<T, Error>) -> Result<T, Error> {
        let environment = self.environment();
        let delegate = Delegate::find(&"fake".parse().unwrap(), &environment)?;
        let (config, limit) = (&self.config, self.limit);
        let invocation = Invocation { config, version: Version::V1_0_0, environment: &environment, limit };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(verb(delegate, invocation))
    }

    fn add(&self) -> Result<CniResult, Error> {
        self.run(async |delegate, invocation| delegate.add(&invocation).await)
    }

    fn del(&self) -> Result<(), Error> {
        self.run(async |delegate, invocation| delegate.del(&invocation).await)
    }

    /// ADD fails with this code, and with this said of the plugin.
    #[track_caller]
    fn add_fails(&self, code: Code, what: &str) {
        assert_eq!(self.add().unwrap_err(), Error::new(code, format!("plugin fake: {what}")));
    }

    /// ADD fails since the plugin does not start, for this reason.
    #[track_caller]
    fn add_does_not_start(&self, errno: Errno) {
        let reason = std::io::Error::from(errno);
        self.add_fails(Code::IO, &format!("cannot start {}: {reason}", self.path("fake").display()));
    }
}

/// Why this answer to an ADD is none.
fn not_a_result(answer: &str) -> String {
    let reason = CniResult::decode(&serde_json::from_str(answer).unwrap(), Version::V1_0_0).unwrap_err();
    format!("its result is not valid: {reason}")
}

/// Why this stdout is no answer at all, with what is shown of it.
fn not_a_document(stdout: &[u8], shown: &str) -> Error {
    let reason = serde_json::from_slice::<Value>(stdout).unwrap_err();
    Error::new(Code::DECODE, format!("plugin fake: stdout is not one JSON document: {reason}")).with_details(shown)
}

const RESULT: &str = r#"{"cniVersion": "1.0.0", "ips": [{"address": "10.0.3.7/24"}]}"#;

#[test]
fn a_delegate_gets_our_environment_and_the_whole_configuration() {
    let mut bench = Bench::script(&format!("env > $DIR/env; pwd > $DIR/pwd; cat > $DIR/stdin; echo '{RESULT}'"));
    bench.config.insert("deviceID".to_owned(), json!("0000:00:06.0"));
    let result = bench.add().unwrap();
    assert_eq!(result.ips[0].address.to_string(), "10.0.3.7/24");
    let env = fs::read_to_string(bench.path("env")).unwrap();
    let mut protocol: Vec<_> = env.lines().filter(|line| line.starts_with("CNI_")).collect();
    protocol.sort_unstable();
    let expected = ["CNI_COMMAND=ADD", "CNI_CONTAINERID=c0ffee", "CNI_IFNAME=net1", "CNI_NETNS=/run/netns/blue"];
    assert_eq!(protocol, expected);
    assert!(env.lines().any(|line| line.starts_with("PATH=")), "the rest of ours is there too");
    let stdin: Value = serde_json::from_slice(&fs::read(bench.path("stdin")).unwrap()).unwrap();
    assert_eq!(stdin, Value::Object(bench.config.clone()));
    let pwd = fs::read_to_string(bench.path("pwd")).unwrap();
    assert_eq!(Path::new(pwd.trim_end()), std::env::current_dir().unwrap());
}

#[test]
fn each_verb_is_handed_on_under_its_name() {
    let bench = Bench::script("cat > /dev/null; echo $CNI_COMMAND >> $DIR/verbs");
    bench.del().unwrap();
    bench.run(async |delegate, invocation| delegate.check(&invocation).await).unwrap();
    bench.run(async |delegate, invocation| delegate.gc(&invocation).await).unwrap();
    bench.run(async |delegate, invocation| delegate.status(&invocation).await).unwrap();
    assert_eq!(fs::read_to_string(bench.path("verbs")).unwrap(), "DEL\nCHECK\nGC\nSTATUS\n");
}

#[test]
fn res_3_a_delegate_may_answer_in_any_version() {
    let old = r#"{"cniVersion": "0.2.0", "ip4": {"ip": "10.0.3.7/24"}}"#;
    let silent = r#"{"ips": [{"address": "10.0.3.7/24"}]}"#;
    let legacy = r#"{"cniVersion": "0.3.1", "ips": [{"version": "4", "address": "10.0.3.7/24"}]}"#;
    for answer in [old, silent, legacy, RESULT] {
        assert_eq!(Bench::answering(answer, 0).add().unwrap().ips[0].address.to_string(), "10.0.3.7/24");
    }
    let unknown = r#"{"cniVersion": "9.9.9"}"#;
    Bench::answering(unknown, 0).add_fails(Code::DECODE, &not_a_result(unknown));
}

#[test]
fn cfg_2_a_delegate_that_is_not_there_is_named_with_its_path() {
    let bench = Bench::script("");
    fs::create_dir(bench.path("folder")).unwrap();
    for name in ["missing", "folder"] {
        let error = Delegate::find(&name.parse().unwrap(), &bench.environment()).unwrap_err();
        assert_eq!(error.code, Code::CONFIG);
        let text = error.to_string();
        assert!(text.contains(name) && text.contains(bench.folder.path().to_str().unwrap()), "{text}");
    }
    let error = Delegate::find(&"fake".parse().unwrap(), &Environment::default()).unwrap_err();
    assert!(error.msg.contains("empty"), "{error}");
    assert!("../fake".parse::<PluginType>().is_err());
}

#[test]
fn the_error_of_a_delegate_is_ours_unchanged() {
    let long = "x".repeat(300);
    let answer = json!({"cniVersion": "1.0.0", "code": 11, "msg": long, "details": "two\nlines"}).to_string();
    let error = Bench::answering(&answer, 1).add().unwrap_err();
    assert_eq!(error, Error { code: Code::TRY_AGAIN, msg: long, details: "two\nlines".to_owned() });
    let error = Bench::answering(r#"{"code": 256, "msg": "far off"}"#, 7).del().unwrap_err();
    assert_eq!((error.code.get(), error.msg.as_str()), (256, "far off"));
}

#[test]
fn an_error_without_code_or_message_is_still_one() {
    for answer in ["{}", r#"{"code": 0}"#, r#"{"code": -1, "msg": ""}"#, "[]", "7", r#"{"code": "x", "msg": 7}"#] {
        Bench::answering(answer, 2).add_fails(Code::INTERNAL, "failed without a message, exit status: 2");
    }
    assert_eq!(Bench::answering(r#"{"code": 7}"#, 1).add().unwrap_err().code, Code::CONFIG);
    Bench::script("exit 3").add_fails(Code::INTERNAL, "failed without an error, exit status: 3");
}

#[test]
fn rubbish_and_two_documents_are_no_answer() {
    let (twice, behind) = (format!("{RESULT}{RESULT}"), format!("hello\n{RESULT}"));
    for (rubbish, shown) in [("rubbish", "rubbish"), ("{", ""), (&twice, ""), (&behind, "hello")] {
        let error = not_a_document(format!("{rubbish}\n").as_bytes(), shown);
        assert_eq!(Bench::answering(rubbish, 0).add().unwrap_err(), error);
        assert_eq!(Bench::answering(rubbish, 1).add().unwrap_err(), error);
    }
    let binary = Bench::script("cat > /dev/null; printf '\\377\\000'");
    assert_eq!(binary.add().unwrap_err(), not_a_document(&[0o377, 0], "\u{fffd}\0"));
    let bare = r#"{"ips": [{"address": "10.0.3.7"}]}"#;
    Bench::answering(bare, 0).add_fails(Code::DECODE, &not_a_result(bare));
}

#[test]
fn success_without_a_result_fails_an_add_and_nothing_else() {
    let bench = Bench::script("cat > /dev/null");
    bench.add_fails(Code::DECODE, "ADD ended with success but without a result");
    bench.del().unwrap();
    Bench::answering(" ", 0).add_fails(Code::DECODE, "ADD ended with success but without a result");
    // The plugins of old answered a DEL with a result.
    Bench::answering(RESULT, 0).del().unwrap();
}

#[test]
fn a_crash_is_named() {
    Bench::script("kill -SEGV $$").add_fails(Code::INTERNAL, "was killed by SIGSEGV");
    Bench::script(&format!("echo '{RESULT}'; kill -KILL $$")).add_fails(Code::INTERNAL, "was killed by SIGKILL");
}

#[test]
fn a_hanging_delegate_is_killed_with_all_that_it_started() {
    let mut bench = Bench::script("sleep 1000 & echo $! > $DIR/child.new; mv $DIR/child.new $DIR/child; wait");
    // On a busy machine a short limit is over before the script has started anything.
    for seconds in [1, 4, 16, 64] {
        bench.limit = Duration::from_secs(seconds);
        bench.add_fails(Code::TRY_AGAIN, &format!("ADD did not end in {seconds}s and was killed, try again"));
        if bench.path("child").exists() {
            break;
        }
    }
    let child = fs::read_to_string(bench.path("child")).unwrap();
    let gone = || match fs::read_to_string(format!("/proc/{}/stat", child.trim())) {
        Err(_) => true,
        Ok(stat) => stat.rsplit(')').next().unwrap().trim_start().starts_with(['Z', 'X']),
    };
    let start = Instant::now();
    while !gone() {
        assert!(start.elapsed() < LONG, "{child} still lives");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_delegate_that_is_no_longer_waited_for_is_killed() {
    let bench = Bench::script("echo $$ > $DIR/self.new; mv $DIR/self.new $DIR/self; exec sleep 1000");
    let started = bench.path("self");
    let outcome = bench.run(async |delegate, invocation| {
        let add = delegate.add(&invocation);
        let mut add = std::pin::pin!(add);
        while !started.exists() {
            tokio::select! {
                outcome = &mut add => return outcome,
                () = tokio::time::sleep(Duration::from_millis(5)) => {}
            }
        }
        Ok(CniResult::default())
    });
    outcome.unwrap();
    let id = fs::read_to_string(started).unwrap();
    let start = Instant::now();
    while fs::read_to_string(format!("/proc/{}/cmdline", id.trim())).is_ok_and(|line| !line.is_empty()) {
        assert!(start.elapsed() < LONG, "{id} still lives");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The plugin notes its calls in `order`, and this is done by its ADD; its other verbs end at once.
fn noting(add: &str) -> Bench {
    Bench::script(&format!("[ $CNI_COMMAND = ADD ] || {{ echo $CNI_COMMAND >> $DIR/order; exit 0; }}\n{add}"))
}

/// An ADD that is given up as soon as the plugin is at work, and then a DEL; what `order` says then.
fn order_after_giving_up(bench: &Bench) -> String {
    let at_work = bench.path("at-work");
    let outcome = bench.run(async |delegate, invocation| {
        let there = async {
            while !at_work.exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            outcome = delegate.add(&invocation) => return outcome,
            () = there => {}
        }
        delegate.del(&invocation).await.map(|()| CniResult::default())
    });
    outcome.unwrap();
    fs::read_to_string(bench.path("order")).unwrap()
}

#[test]
fn a_delegate_that_is_given_up_undoes_what_it_began_before_it_is_asked_to_release() {
    let bench =
        noting("trap 'echo undone >> $DIR/order; exit 1' TERM; touch $DIR/at-work; while :; do sleep 0.01; done");
    assert_eq!(order_after_giving_up(&bench), "undone\nDEL\n");
}

#[test]
fn a_delegate_that_does_not_listen_is_killed_before_it_is_asked_to_release() {
    let bench = noting("trap '' TERM; echo $$ > $DIR/self; touch $DIR/at-work; while :; do sleep 0.01; done");
    assert_eq!(order_after_giving_up(&bench), "DEL\n");
    let id = fs::read_to_string(bench.path("self")).unwrap();
    assert!(!Path::new("/proc").join(id.trim()).exists(), "{id} still lives");
}

#[test]
fn a_configuration_may_be_larger_than_a_pipe() {
    let mut bench = Bench::script(&format!("cat > $DIR/stdin; echo '{RESULT}'"));
    bench.config.insert("pad".to_owned(), "x".repeat(900_000).into());
    bench.add().unwrap();
    assert!(fs::metadata(bench.path("stdin")).unwrap().len() > 900_000);
    // One that answers before it reads must not wait for us.
    let mut bench = Bench::script("head -c 500000 /dev/zero | tr '\\0' ' '; cat > /dev/null; echo '{\"ips\": []}'");
    bench.config.insert("pad".to_owned(), "x".repeat(900_000).into());
    bench.add().unwrap();
    // And one may not read at all.
    let mut bench = Bench::script(&format!("echo '{RESULT}'"));
    bench.config.insert("pad".to_owned(), "x".repeat(900_000).into());
    bench.add().unwrap();
}

#[test]
fn a_huge_answer_is_cut_off() {
    Bench::script("cat > /dev/null; cat /dev/zero").add_fails(Code::DECODE, "its answer is larger than 1 MiB");
    Bench::script("cat > /dev/null; head -c 1048577 /dev/zero | tr '\\0' ' '")
        .add_fails(Code::DECODE, "its answer is larger than 1 MiB");
}

#[test]
fn what_a_delegate_leaves_behind_does_not_hold_us() {
    let bench = Bench::script(&format!("sleep 1000 & echo $! > $DIR/daemon; echo '{RESULT}'"));
    assert_eq!(bench.add().unwrap().ips.len(), 1);
    let daemon = fs::read_to_string(bench.path("daemon")).unwrap();
    let daemon = nix::unistd::Pid::from_raw(daemon.trim().parse().unwrap());
    nix::sys::signal::kill(daemon, nix::sys::signal::Signal::SIGKILL).unwrap();
}

#[test]
fn a_delegate_that_is_being_written_is_tried_again() {
    let bench = Bench::script(&format!("cat > /dev/null; echo '{RESULT}'"));
    let writer = OpenOptions::new().append(true).open(bench.path("fake")).unwrap();
    let outcome = std::thread::scope(|scope| {
        let adding = scope.spawn(|| bench.add());
        std::thread::sleep(Duration::from_millis(50));
        drop(writer);
        adding.join().unwrap()
    });
    outcome.unwrap();
}

#[test]
fn a_delegate_that_stays_busy_ends_in_the_limit() {
    let bench = Bench::script("exit 0").limit(Duration::from_millis(150));
    let _writer = OpenOptions::new().append(true).open(bench.path("fake")).unwrap();
    bench.add_fails(Code::TRY_AGAIN, "ADD did not end in 150ms and was killed, try again");
    let bench = Bench::script("exit 0");
    let _writer = OpenOptions::new().append(true).open(bench.path("fake")).unwrap();
    bench.add_does_not_start(Errno::ETXTBSY);
}

#[test]
fn a_file_that_cannot_be_run_is_an_io_error() {
    let bench = Bench::script("exit 0");
    fs::set_permissions(bench.path("fake"), Permissions::from_mode(0o644)).unwrap();
    bench.add_does_not_start(Errno::EACCES);
    let bench = Bench::script("exit 0");
    File::create(bench.path("fake")).unwrap().write_all(b"neither a script nor a program").unwrap();
    bench.add_does_not_start(Errno::ENOEXEC);
}

#[test]
fn a_limit_without_end_is_one() {
    let bench = Bench::answering(RESULT, 0).limit(Duration::MAX);
    bench.add().unwrap();
    bench.limit(Duration::ZERO).add_fails(Code::TRY_AGAIN, "ADD did not end in 0ns and was killed, try again");
}
