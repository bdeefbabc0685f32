//! Journals: the same outputs, the first difference, other settings, redacted scripts.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use dialogue::{JournalLine, Message, Output, Summary, Tracer, TurnTrace};
use replay::{fuzz, journal, redact, scenario, script::Script};

const CALL: &str = r#"
greeting "Hello Anna, how can I help you?"
tool book write takes=0.5 gives="booked: 17"
4.0-5.5 caller "A table for two, my number is 555-0100."
model "Just a moment, Anna." call="book {\"name\": \"Anna\"}" once=on
model "It is booked, number 17." when="booked: 17"
14.0-15.0 caller "Thank you."
model "You are welcome."
end 22
"#;

fn record(text: &str) -> Vec<JournalLine> {
    let script = Script::parse_all(text).unwrap().remove(0);
    scenario::run(&script, false).unwrap().recording.journal
}

fn jsonl(lines: &[JournalLine]) -> String {
    lines.iter().map(|l| serde_json::to_string(l).unwrap() + "\n").collect()
}

#[test]
fn a_journal_read_from_text_gives_the_same_outputs() {
    for text in [CALL.to_owned(), fuzz::script(7), fuzz::script(4711)] {
        let lines = journal::parse(&jsonl(&record(&text))).unwrap();
        assert_eq!(journal::replay(&lines), Ok(()));
    }
}

#[test]
fn the_first_difference_is_named() {
    let mut lines = record(CALL);
    let is_user = |l: &JournalLine| matches!(l, JournalLine::Out { output: Output::Committed(i), .. } if matches!(i.message, Message::User { .. }));
    let at = lines.iter().position(is_user).unwrap();
    let JournalLine::Out { output: Output::Committed(item), .. } = &mut lines[at] else { unreachable!() };
    item.message = Message::User { text: "something else".to_owned() };
    assert_eq!(journal::replay(&lines).unwrap_err().line, at + 1);
    lines.remove(at);
    assert_eq!(journal::replay(&lines).unwrap_err().line, at + 1);
}

#[test]
fn a_journal_cut_off_in_the_middle_of_a_line_replays_up_to_there() {
    let text = jsonl(&record(CALL));
    let cut = text.trim_end_matches('\n');
    let lines = journal::parse(&cut[..cut.len() - 5]).unwrap();
    assert_eq!(journal::replay(&lines), Ok(()));
    assert!(journal::parse(&text.replacen("\"at\"", "\"ta\"", 1)).is_err());
    assert!(journal::parse("").is_err());
}

#[test]
fn other_settings_show_which_turns_change() {
    let lines = record(CALL);
    let set = |path: &str, value: &str| journal::what_if(&lines, &[(path.to_owned(), value.to_owned())]);
    assert_eq!(set("endpointing.min_delay_ms", "600").unwrap(), []);
    let changed = set("endpointing.text_rules.punctuated_ms", "900").unwrap();
    // The first turn ends in a number, which has its own rule.
    assert_eq!(changed.iter().map(|c| c.turn).collect::<Vec<_>>(), [2]);
    let delay = |c: &journal::TurnChange| c.after.as_ref().unwrap().0 - c.before.as_ref().unwrap().0;
    assert!(changed.iter().all(|c| delay(c) >= 300), "{changed:?}");
    assert!(set("endpointing.no_such_field", "1").is_err());
    assert!(set("endpointing.min_delay_ms", "-1").is_err());
}

#[test]
fn a_redacted_script_holds_no_words_and_runs() {
    let lines = record(CALL);
    let text = redact::script(&lines).unwrap();
    for secret in ["Anna", "table", "555", "17", "booked:", "welcome"] {
        assert!(!text.contains(secret), "`{secret}` is left in\n{text}");
    }
    let script = Script::parse_all(&text).unwrap().remove(0);
    let report = scenario::run(&script, false).unwrap();
    assert!(report.failures.is_empty(), "{text}\n{}", report.text());
    let replies = |lines: &[JournalLine]| {
        lines.iter().filter(|l| matches!(l, JournalLine::Out { output: Output::Turn(_), .. })).count()
    };
    assert_eq!(replies(&report.recording.journal), replies(&lines));
}

fn traces(lines: &[JournalLine]) -> Vec<TurnTrace> {
    let turn = |l: &JournalLine| match l {
        JournalLine::Out { output: Output::Turn(trace), .. } => Some(trace.clone()),
        _ => None,
    };
    lines.iter().filter_map(turn).collect()
}

#[test]
fn metrics_are_a_fold_over_the_journal() {
    for text in [CALL.to_owned(), fuzz::script(11), fuzz::script(12), fuzz::script(13)] {
        let lines = record(&text);
        let mut tracer = Tracer::default();
        let folded: Vec<TurnTrace> = lines.iter().filter_map(|l| tracer.line(l)).collect();
        assert_eq!(folded, traces(&lines));
    }
}

#[test]
fn the_stages_of_a_turn_add_up() {
    let traces = traces(&record(CALL));
    let d = traces[1].deltas;
    // "Thank you." ends at 15.0: commit + 0.5 (a full stop), the early answer was asked at 15.2 and took 0.3.
    assert_eq!((d.transcription_ms, d.end_of_turn_ms, d.llm_ttft_ms), (Some(200), Some(500), Some(0)));
    assert_eq!((d.tts_ttfb_ms, d.playout_ms, d.e2e_ms), (Some(200), Some(0), Some(700)));
    let summary = Summary::of(&traces);
    assert_eq!((summary.turns, summary.replied, summary.without_reply), (2, 2, 0));
    assert_eq!(summary.e2e.p50_ms, 700);
}
