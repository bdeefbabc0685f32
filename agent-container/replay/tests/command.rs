//! The command: what it does not understand is refused, by name, with exit code 2.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::process::Command;

const JOURNAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/booking.jsonl");

fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_replay")).args(arguments).output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.code(), text)
}

#[test]
fn what_is_not_understood_is_refused_by_name() {
    let check = |arguments: &[&str], name: &str| {
        let (code, text) = run(&[&["replay", JOURNAL], arguments].concat());
        assert_eq!(code, Some(2), "{arguments:?}: {text}");
        assert!(text.contains(name), "{arguments:?}: {text}");
    };
    check(&["--speed"], "--speed");
    check(&["faster"], "faster");
    check(&["--set"], "--set wants KEY=VALUE");
    check(&["--set", "endpointing.min_delay_ms"], "endpointing.min_delay_ms");
    check(&["--set", "endpointing.min_delay=1"], "endpointing.min_delay");
    check(
        &["--set", "endpointing.min_delay_ms=99999"],
        "turns.endpointing.min_delay_ms: must be from 0 to 10000",
    );
    check(&["--set", "endpointing.min_delay_ms=soon"], "endpointing.min_delay_ms: invalid type");
    check(&["--set", "vad.activation=2"], "turns.vad.activation");
    check(&["--set", "vad.activation=0.6", "--script"], "exclude each other");
}

#[test]
fn what_is_understood_is_done() {
    let check = |arguments: &[&str], words: &str| {
        let (code, text) = run(&[&["replay", JOURNAL], arguments].concat());
        assert!(code == Some(0) && text.contains(words), "{arguments:?}: {code:?} {text}");
    };
    check(&[], "the same outputs");
    check(&["--timeline"], "item:assistant(int):There is");
    check(&["--explain"], "turn_kept backchannel");
    check(&["--script"], "tool find read");
    check(&["--set", "endpointing.text_rules.punctuated_ms=900"], "turns change");
}

#[test]
fn other_verbs_refuse_what_they_do_not_know() {
    let check = |arguments: &[&str], name: &str| {
        let (code, text) = run(arguments);
        assert!(code == Some(2) && text.contains(name), "{arguments:?}: {code:?} {text}");
    };
    check(&["scenario", "--explian", "a.call"], "--explian");
    check(&["scenario"], "usage");
    check(&["fuzz", "1"], "usage");
    check(&["replay", "/nowhere.jsonl"], "/nowhere.jsonl");
    check(&["--timeline"], "usage");
}
