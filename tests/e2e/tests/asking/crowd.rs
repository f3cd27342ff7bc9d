//! Many ADDs that ask at once.

use std::collections::HashSet;
use std::sync::Mutex;

use crate::agent::{FakeAgent, ready, refused};
use crate::{add, assert_nothing_left, not_yet};
use e2e::Outcome;

const PODS: usize = 20;
const ENIS: u8 = 3;

/// As an agent does it, though in no time: an ENI that is ready and held by nobody is promised to everybody who asks, and
/// where there is none, one is attached as long as the instance takes one.
#[test]
fn con_1_twenty_adds_ask_at_once_for_three_enis() {
    let (lab, entries) = not_yet(ENIS);
    let before = lab.host.snapshot(&[]);
    let (store, attached) = (lab.store(), Mutex::new(0));
    let agent = FakeAgent::serve(&lab, move |_| {
        let mut attached = attached.lock().unwrap();
        let records = store.records().unwrap();
        let free = entries[..*attached]
            .iter()
            .find(|entry| !records.iter().any(|record| record.holds() && record.device.is_same(&entry.device())));
        Some(match (free, entries.get(*attached)) {
            (Some(free), _) => ready(free),
            (None, Some(next)) => {
                store.write_entry(next).unwrap();
                *attached += 1;
                ready(next)
            }
            (None, None) => refused(102, "the instance takes no further ENI", ""),
        })
    });
    let pods: Vec<_> = (0..PODS).map(|number| lab.host.netns(&format!("pod{number}"))).collect();
    let call = |number: usize| add(&lab, &pods[number], &format!("c{number}"));
    let running: Vec<_> = (0..PODS).map(|number| call(number).spawn(&lab.host)).collect();
    let (mut given, mut refused) = (Vec::new(), 0);
    for outcome in running.into_iter().map(Outcome::of) {
        if outcome.output.status.success() {
            given.push(outcome.result()["interfaces"][0]["mac"].as_str().unwrap().to_string());
        } else {
            assert_eq!(outcome.error().code, 102, "{}", outcome.output);
            refused += 1;
        }
    }
    assert_eq!((given.iter().collect::<HashSet<_>>().len(), given.len(), refused), (3, 3, 17));
    assert!(agent.asked().len() >= PODS - usize::from(ENIS), "{}", agent.asked().len());
    for number in 0..PODS {
        call(number).verb("DEL").run(&lab.host).empty();
    }
    assert_nothing_left(&lab, &before);
}
