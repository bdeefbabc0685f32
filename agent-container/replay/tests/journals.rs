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

#[test]
fn a_redacted_script_names_nobody_a_caller_is_put_through_to() {
    let check = |to: &str, expected: &str| {
        let lines = record(&TRANSFER.replace("$to", to));
        let text = redact::script(&lines).unwrap();
        assert!(text.contains(&format!("transfer_call {{\\\"to\\\":\\\"{expected}\\\"}}")), "{to}: {text}");
        for secret in ["Anna", "Otto", "5550", "900"] {
            assert!(!text.contains(secret), "{to}: `{secret}` is left in\n{text}");
        }
        let report = scenario::run(&Script::parse_all(&text).unwrap().remove(0), false).unwrap();
        assert!(report.failures.is_empty(), "{text}\n{}", report.text());
        assert_eq!(outline(&report.recording.journal)[..outline(&lines).len()], outline(&lines), "{text}");
    };
    check("Otto", "target001");
    check("+15550100101", "target000");
    check("+19005550100", "nobody");
    check("", "");
}

const TRANSFER: &str = r#"
set transfer_targets {"Anna":"+15550100101","Otto":"+15550100102"}
tool transfer_call builtin
0.5-2.0 caller "Put me through, please."
model "" when="Put me through, please." call="transfer_call {\"to\": \"$to\"}"
model "I cannot do that."
transfer done after=1
"#;

/// A call of the container with simulated vendors, over wall-clock time: a read tool, a barge-in, a backchannel.
/// After a change of what is decided: `KEEP_JOURNAL=<this file> cargo test --workspace --test container -- replays_from`.
const BOOKING: &str = include_str!("data/booking.jsonl");

#[test]
fn a_real_call_with_a_tool_and_a_barge_in_replays_without_a_difference() {
    let lines = journal::parse(BOOKING).unwrap();
    let outline = outline(&lines);
    for step in ["run find", "interrupted words", "turn_kept backchannel", "leave caller_left"] {
        assert!(outline.iter().any(|s| s == step), "{step} is not in {outline:#?}");
    }
    assert_eq!(journal::replay(&lines), Ok(()));
}

#[test]
fn a_redacted_script_comes_to_the_same_decisions() {
    let check = |lines: &[JournalLine]| {
        let text = redact::script(lines).unwrap();
        let script = Script::parse_all(&text).unwrap().remove(0);
        let report = scenario::run(&script, false).unwrap();
        assert!(report.failures.is_empty(), "{text}\n{}", report.text());
        let again = outline(&report.recording.journal);
        assert_eq!(again[..outline(lines).len()], outline(lines), "{text}");
    };
    check(&journal::parse(BOOKING).unwrap());
    check(&record(CALL));
    check(&record(BACKCHANNELS));
}

/// The agent's own echo, an open sentence, a backchannel, a read that is cancelled, a tool that fails.
const BACKCHANNELS: &str = r#"
tool find read takes=3 gives="nothing"
tool book write takes=0.4 fails="full"
1.0-2.0 caller "Where is my"
3.0-4.0 caller "booking?"
model "Let me see what the book says about you, Anna, on this fine day." call="find {}" once=on
5.2-5.6 caller "Uh-huh. I see."
6.5-7.5 caller "book says about you"
9.0-10.5 caller "No, please book a table."
model "" call="book {}" once=on
model "I am afraid we are full." once=on
end 16
"#;

/// What was decided, by which rule, and what came of it; without times and words.
fn outline(lines: &[JournalLine]) -> Vec<String> {
    let name = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let step = |line: &JournalLine| match line {
        JournalLine::Out { output: Output::Explain(e), .. } => {
            Some(format!("{} {}", name(serde_json::to_value(e.decision).unwrap()), e.rule))
        }
        JournalLine::Out { output: Output::Committed(item), .. } => {
            let value = serde_json::to_value(&item.message).unwrap();
            Some(format!("{} interrupted={}", name(value["role"].clone()), item.interrupted))
        }
        JournalLine::Out { output: Output::RunTool(run), .. } => Some(format!("run {}", run.name)),
        JournalLine::Out { output: Output::CancelTool { .. }, .. } => Some("cancel tool".to_owned()),
        _ => None,
    };
    lines.iter().filter_map(step).collect()
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
    assert_eq!((summary.turns, summary.turns_replied, summary.turns_without_reply), (2, 2, 0));
    assert_eq!(summary.stages.e2e.p50_ms, 700);
}
