//! The timelines recorded from livekit-agents 1.8.9: the same events within one tick, deliberate differences
//! listed, and the list exact.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use replay::{golden, scenario, script::Script};

fn calls() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/calls")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(calls().join(name)).unwrap()
}

/// All differences of all scripts with a `golden` statement, and how many scripts there are.
fn differences() -> (BTreeSet<String>, BTreeSet<u32>) {
    let recorded = golden::parse(&read("golden_timelines.txt"));
    let mut found = BTreeSet::new();
    let mut numbers = BTreeSet::new();
    for entry in std::fs::read_dir(calls()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "call") {
            continue;
        }
        for script in Script::parse_all(&std::fs::read_to_string(&path).unwrap()).unwrap() {
            let Some(number) = script.golden else { continue };
            numbers.insert(number);
            let report = scenario::run(&script, false).unwrap();
            let differences = golden::compare(number, &recorded[&number], &report.events, &report.history);
            found.extend(differences.iter().map(ToString::to_string));
        }
    }
    (found, numbers)
}

#[test]
fn timelines_differ_from_livekit_only_where_it_is_meant() {
    let (found, numbers) = differences();
    let listed: BTreeSet<String> = golden::deliberate(&read("deviations.txt")).into_iter().collect();
    let unlisted: Vec<_> = found.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&found).collect();
    assert!(unlisted.is_empty() && gone.is_empty(), "not listed: {unlisted:#?}\nlisted, but gone: {gone:#?}");
    let all_but_the_artefact: BTreeSet<u32> = (1..=18).filter(|n| *n != 5).collect();
    assert_eq!(numbers, all_but_the_artefact);
}
