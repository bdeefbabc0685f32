//! `events/CASES.md` names every case once, and only events and tests that exist.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Tests are looked for here.
const PLACES: [&str; 13] = [
    "shared/carrier/src",
    "shared/carrier/tests",
    "shared/domain/src",
    "shared/lambda/src",
    "shared/livekit/src",
    "shared/samples/src",
    "functions/incoming-call/src",
    "functions/call-status/src",
    "functions/dial-result/src",
    "functions/livekit-webhook/src",
    "functions/rooms/src",
    "functions/sweeper/src",
    "functions/token/src",
];

fn sources() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let files =
        PLACES.iter().flat_map(|place| fs::read_dir(root.join(place)).unwrap().filter_map(Result::ok));
    let files = files.map(|file| file.path()).filter(|path| path.extension().is_some_and(|end| end == "rs"));
    files.map(|path| fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn the_list_of_cases_is_whole_and_true() {
    let list = include_str!("../../../events/CASES.md");
    let rows: Vec<&str> =
        list.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| |")).collect();
    let numbers: Vec<usize> =
        rows.iter().filter_map(|row| row.split('|').nth(1)?.trim().parse().ok()).collect();
    assert_eq!(numbers, (1..=85).collect::<Vec<_>>());
    let sources = sources();
    let events: BTreeSet<String> = samples::all().into_iter().map(|case| case.name).collect();
    let mut tests = 0;
    for row in rows {
        let covered = row.split('|').nth(3).unwrap();
        for name in covered.split('`').skip(1).step_by(2) {
            if name.contains('_')
                && !name.contains(|c: char| c.is_uppercase() || c == '…' || c == ':')
                && name != "webhook_rejected"
                && name != "signed_url"
            {
                assert!(sources.contains(&format!("fn {name}(")), "there is no test {name}");
                tests += 1;
            } else if name.contains('-') && !name.contains(['…', '/']) && name != "x-ringdown-error" {
                assert!(events.contains(name), "there is no event {name}");
            }
        }
    }
    assert!(tests > 60);
}
