//! Every script of `events/calls` does what it expects, and keeps the rules of the reference model.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};

use replay::{fuzz, scenario, script::Script};

fn scripts() -> Vec<PathBuf> {
    let calls = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/calls");
    let entries = std::fs::read_dir(calls).unwrap().map(|e| e.unwrap().path());
    let mut paths: Vec<_> = entries.filter(|p| p.extension().is_some_and(|e| e == "call")).collect();
    paths.sort();
    paths
}

#[test]
fn every_script_does_what_it_expects() {
    let mut failed = String::new();
    for path in scripts() {
        let reports = scenario::run_file(&path, false).unwrap();
        for report in reports.iter().filter(|r| !r.failures.is_empty()).take(2) {
            failed.push_str(&format!("{}\n{}", path.display(), report.text()));
        }
    }
    assert!(failed.is_empty(), "{failed}");
}

#[test]
fn every_pain_has_a_script() {
    let names: Vec<String> =
        scripts().iter().map(|p| p.file_name().unwrap().to_string_lossy().into_owned()).collect();
    for n in 1..=20 {
        let prefix = format!("p{n:02}_");
        assert!(names.iter().any(|name| name.starts_with(&prefix)), "no script {prefix}*");
    }
}

/// Random calls; the seed of a failure is in the message, `fuzz::script(seed)` is its script.
#[test]
fn random_calls_keep_the_rules() {
    for seed in 0..500 {
        let text = fuzz::script(seed);
        for script in Script::parse_all(&text).unwrap() {
            let report = scenario::run(&script, false).unwrap();
            assert!(report.failures.is_empty(), "seed {seed}\n{text}\n{}", report.text());
        }
    }
}
