//! The event files are the sample events; `events/CASES.md` names every case once, and only events and tests that
//! exist.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Tests are looked for below these.
const PLACES: [&str; 4] = ["shared", "functions", "agent-container", "cli"];

/// Names in backticks that are neither events nor tests.
const OTHERS: [&str; 7] =
    ["webhook_rejected", "signed_url", "x-ringdown-error", "isBase64Encoded: true", "+", "%2B", "%20"];

/// Every Rust source below `dir`.
fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

/// The names of the functions that are marked as tests, and of the behaviours that the store's suite lists.
fn tests_of(source: &str) -> impl Iterator<Item = &str> {
    let marked = source.split("#[test]").skip(1).chain(source.split("#[tokio::test").skip(1));
    let marked = marked.filter_map(|rest| rest.split_once("fn ")?.1.split_once('(').map(|(name, _)| name));
    let behaviours = source.split("\nbehaviours! {").nth(1).into_iter().flat_map(str::lines);
    marked.chain(behaviours.filter_map(|line| line.split_once("::")?.1.strip_suffix(',')))
}

fn all_tests() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    PLACES.iter().for_each(|place| sources(&root.join(place), &mut files));
    let texts: Vec<String> = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    texts.iter().flat_map(|text| tests_of(text)).map(str::to_owned).collect()
}

/// The rows of the list: number of the case, and what covers it.
fn rows(list: &str) -> Vec<(usize, &str)> {
    list.lines()
        .filter(|line| line.starts_with("| "))
        .filter_map(|line| {
            let mut cells = line.split(" | ");
            let number = cells.next()?.trim_start_matches("| ").trim().parse().ok()?;
            Some((number, cells.last()?))
        })
        .collect()
}

#[test]
fn the_list_of_cases_is_whole_and_true() {
    let rows = rows(include_str!("../../../events/CASES.md"));
    let numbers: Vec<usize> = rows.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=85).collect::<Vec<_>>());
    let tests = all_tests();
    let events: BTreeSet<String> = samples::all().into_iter().map(|case| case.name).collect();
    for (number, covered) in rows {
        let names = || covered.split('`').skip(1).step_by(2);
        let known = |name: &str| tests.contains(name) || events.contains(name);
        for name in names().filter(|name| !OTHERS.contains(name)) {
            // `failed-…` means all events that begin so, `carrier::twiml` and `start` are no names of tests.
            let exists = match name.split_once('…') {
                Some((start, "")) => {
                    tests.iter().chain(&events).any(|test| !start.is_empty() && test.starts_with(start))
                }
                _ => known(name) || !name.contains(['_', '-']),
            };
            assert!(exists, "case {number}: there is neither a test nor an event {name}");
        }
        assert!(names().any(known), "case {number} is covered by nothing that has a name: {covered}");
    }
}

#[test]
fn the_event_files_are_the_sample_events() {
    samples::check_event_files();
}
