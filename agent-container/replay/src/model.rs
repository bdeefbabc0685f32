//! The reference model: what must hold in every call, computed from the recording without the dialogue's own
//! reasoning.

use std::collections::{BTreeSet, HashSet};

use dialogue::{
    Decision, Input, JournalLine, Message, Mind, Output, SayEvent, Stt, ThinkEvent, ThinkId, ThinkRequest,
};

use crate::script::Script;
use crate::world::Recording;

/// Every rule that the call broke, in words.
#[must_use]
pub fn check(script: &Script, recording: &Recording) -> Vec<String> {
    let mut broken = Vec::new();
    broken.extend(one_leave(recording));
    broken.extend(silent_before_answer(script, recording));
    broken.extend(one_voice(recording));
    broken.extend(few_voices(recording));
    broken.extend(valid_requests(recording));
    broken.extend(no_early_tool(recording));
    broken.extend(writes_once(recording));
    broken.extend(no_lost_turn(recording));
    if script.config.mind == Mind::Pipeline {
        broken.extend(history_is_what_was_heard(recording));
        broken.extend(no_dead_air(script, recording));
    }
    if let Err(difference) = crate::journal::replay(&recording.journal) {
        broken.push(format!("the journal does not replay: {difference}"));
    }
    broken
}

fn outputs(recording: &Recording) -> impl Iterator<Item = (u64, &Output)> {
    recording.journal.iter().filter_map(|line| match line {
        JournalLine::Out { at, output } => Some((at.as_ms(), output)),
        _ => None,
    })
}

/// The dialogue leaves at most once, and says nothing afterwards.
fn one_leave(recording: &Recording) -> Option<String> {
    let leaves: Vec<usize> = outputs(recording)
        .enumerate()
        .filter(|(_, (_, o))| matches!(o, Output::Leave(_)))
        .map(|(i, _)| i)
        .collect();
    let last = outputs(recording).count().checked_sub(1);
    match leaves.as_slice() {
        [] => None,
        [one] if Some(*one) == last => None,
        _ => Some(format!("left at outputs {leaves:?}, the last is {last:?}")),
    }
}

fn silent_before_answer(script: &Script, recording: &Recording) -> Option<String> {
    let early = recording.audible.iter().find(|(from, _)| *from < script.answer_ms)?;
    Some(format!("the agent was audible at {} ms, before the answer", early.0))
}

/// Speeches never sound together.
fn one_voice(recording: &Recording) -> Option<String> {
    let mut spans = recording.audible.clone();
    spans.sort_unstable();
    let overlap = spans.windows(2).find(|w| w[1].0 < w[0].1)?;
    Some(format!("two speeches sound together: {overlap:?}"))
}

/// Few speeches are open at a voice's vendor at the same time.
fn few_voices(recording: &Recording) -> Option<String> {
    let mut open = HashSet::new();
    recording.journal.iter().find_map(|line| match line {
        JournalLine::Out { at, output: Output::Say(chunk) } => {
            open.insert(chunk.id);
            (open.len() > MAX_VOICES).then(|| format!("{} speeches are open at {at}", open.len()))
        }
        JournalLine::In { input: Input::Say { id, event: SayEvent::Finished { .. } }, .. } => {
            open.remove(id);
            None
        }
        _ => None,
    })
}

/// Vendors allow five contexts on one connection (ElevenLabs); one is for what comes next.
const MAX_VOICES: usize = 4;

/// Requests follow the strictest vendor's rules.
fn valid_requests(recording: &Recording) -> Option<String> {
    outputs(recording).find_map(|(at, output)| match output {
        Output::Think(request) => invalid(request).map(|why| format!("request at {at} ms: {why}")),
        _ => None,
    })
}

fn invalid(request: &ThinkRequest) -> Option<String> {
    let mut ids = HashSet::new();
    let mut owed: Vec<&str> = Vec::new();
    for (i, message) in request.messages.iter().enumerate() {
        match message {
            Message::ToolOutput { vendor_id, .. } => {
                let at = owed.iter().position(|id| id == vendor_id);
                let Some(at) = at else { return Some(format!("output without call {vendor_id}")) };
                owed.remove(at);
            }
            _ if !owed.is_empty() => return Some(format!("call without output before message {i}")),
            Message::ToolCalls { calls } => {
                owed = calls.iter().map(|c| c.vendor_id.as_str()).collect();
                if calls.is_empty() || calls.iter().any(|c| !ids.insert(c.vendor_id.clone())) {
                    return Some("a call is empty or there twice".to_owned());
                }
            }
            Message::System { .. } if i > 0 => return Some("a system message in the middle".to_owned()),
            Message::User { text } | Message::Assistant { text } if text.trim().is_empty() => {
                return Some(format!("message {i} is empty"));
            }
            _ => {}
        }
    }
    let last = request.messages.last()?;
    let answerable = matches!(last, Message::User { .. } | Message::ToolOutput { .. });
    (!owed.is_empty() || !answerable).then(|| "nothing to answer at the end".to_owned())
}

/// No tool runs for a turn that is not committed.
fn no_early_tool(recording: &Recording) -> Option<String> {
    let mut speculative: HashSet<ThinkId> = HashSet::new();
    let mut early = false;
    for line in &recording.journal {
        match line {
            JournalLine::In { input, .. } => {
                early = matches!(input, Input::Think { id, event: ThinkEvent::ToolCall { .. } } if speculative.contains(id));
            }
            JournalLine::Out { output: Output::Think(r), .. } if r.speculative => {
                speculative.insert(r.id);
            }
            JournalLine::Out { output: Output::Explain(e), .. }
                if e.decision == Decision::SpeculationAdopted =>
            {
                speculative.clear();
                early = false;
            }
            JournalLine::Out { at, output: Output::RunTool(run) } if early => {
                return Some(format!("{} ran at {at} for a turn that was not committed", run.name));
            }
            _ => {}
        }
    }
    None
}

/// No write runs twice under one key.
fn writes_once(recording: &Recording) -> Option<String> {
    let mut keys = HashSet::new();
    outputs(recording).find_map(|(at, output)| match output {
        Output::RunTool(run)
            if run.class == dialogue::ToolClass::Write && !keys.insert(&run.idempotency_key) =>
        {
            Some(format!("{} ran twice, again at {at} ms", run.name))
        }
        _ => None,
    })
}

/// Every final transcript becomes a user item, or a decision says why not.
fn no_lost_turn(recording: &Recording) -> Option<String> {
    let words = |text: &str| {
        let kept: String =
            text.chars().map(|c| if c.is_alphanumeric() || c == '\'' { c } else { ' ' }).collect();
        kept.to_lowercase().split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ")
    };
    let said: Vec<String> = recording
        .history
        .iter()
        .filter_map(|i| match &i.message {
            Message::User { text } => Some(words(text)),
            _ => None,
        })
        .collect();
    let settled = |from: u64| {
        outputs(recording).any(|(at, o)| {
            at >= from
                && match o {
                    Output::Explain(e) => {
                        matches!(e.decision, Decision::TurnDropped | Decision::Stale)
                            || e.decision == Decision::TurnKept
                                && matches!(&*e.rule, "backchannel" | "min_words")
                            || e.decision == Decision::Leave
                    }
                    Output::Leave(_) => at - from < OPEN_TURN_MS,
                    _ => false,
                }
        })
    };
    let mut talking = false;
    for line in &recording.journal {
        match line {
            JournalLine::In { input: Input::Answered, .. } => talking = true,
            JournalLine::Out { output: Output::Say(chunk), .. }
                if chunk.kind == dialogue::SayKind::Goodbye =>
            {
                talking = false;
            }
            JournalLine::In { at, input: Input::Stt(Stt::Final { text, .. }) } if talking => {
                let heard = words(text);
                let at = at.as_ms();
                let kept = said.iter().any(|s| s.contains(&heard));
                if !kept && !settled(at) && at + OPEN_TURN_MS < recording.end_ms {
                    return Some(format!("the words heard at {at} ms are lost"));
                }
            }
            _ => {}
        }
    }
    None
}

/// A turn may be open this long at the end of the simulation.
const OPEN_TURN_MS: u64 = 10_000;

/// Assistant items hold the words that were played, give or take one, each speech once, in order.
fn history_is_what_was_heard(recording: &Recording) -> Option<String> {
    let items: Vec<&str> = recording
        .history
        .iter()
        .filter_map(|i| match &i.message {
            Message::Assistant { text } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    // How many items the speeches so far can have left; a speech of which a word was heard may have left one or none.
    let mut reached = BTreeSet::from([0]);
    for heard in &recording.heard {
        let fits = |item: &&str| {
            let words = item.split_whitespace().count();
            heard.position_ms > 0 && heard.text.starts_with(item) && words.abs_diff(heard.words.len()) <= 1
        };
        let last = reached.last().copied().unwrap_or_default();
        let with = reached.iter().filter(|&&n| items.get(n).is_some_and(fits)).map(|n| n + 1);
        let without = reached.iter().filter(|_| heard.words.len() <= 1).copied();
        reached = with.chain(without).collect();
        if reached.is_empty() {
            let item = items.get(last).copied().unwrap_or("nothing");
            return Some(format!(
                "heard `{}` ({} ms of `{}`), the history has `{item}`",
                heard.words.join(" "),
                heard.position_ms,
                heard.text
            ));
        }
    }
    let last = reached.last().copied().unwrap_or_default();
    items.get(last).map(|item| format!("the history has `{item}`, which was not heard"))
}

/// Nobody waits longer than the watchdog and the silence deadline allow.
fn no_dead_air(script: &Script, recording: &Recording) -> Option<String> {
    let turns = &script.config.turns;
    let fair = !script.tts.silent && script.tts.failures == 0 && turns.silence.max_unanswered > 0;
    let (Some(filler_ms), Some(&deadline_ms), true) =
        (turns.watchdog.filler_ms, turns.silence.deadlines_ms.iter().max(), fair)
    else {
        return None;
    };
    let limit = filler_ms.max(deadline_ms) + script.tts.ttfb_ms + DEAD_AIR_SLACK_MS;
    let mut sounds: Vec<(u64, u64)> = recording.audible.iter().chain(&recording.voiced).copied().collect();
    sounds.extend(excused(recording));
    sounds.sort_unstable();
    let mut quiet_since = script.answer_ms;
    let end = recording.end_ms;
    for (from, to) in sounds.into_iter().chain([(end, end)]).map(|(from, to)| (from.min(end), to.min(end))) {
        if from > quiet_since + limit {
            return Some(format!("dead air from {quiet_since} to {from} ms, longer than {limit} ms"));
        }
        quiet_since = quiet_since.max(to);
    }
    None
}

/// Times in which silence is nobody's fault: transfers, a lost line; keys, words and results of tools are signs of life.
fn excused(recording: &Recording) -> Vec<(u64, u64)> {
    let mut spans = Vec::new();
    let (mut transfer, mut lost) = (None, None);
    for line in &recording.journal {
        let (JournalLine::In { at, .. } | JournalLine::Out { at, .. }) = line else { continue };
        let at = at.as_ms();
        let over = match line {
            JournalLine::Out { output: Output::Transfer { .. }, .. } => transfer.replace(at),
            JournalLine::In { input: Input::Line(dialogue::LineChange::Lost), .. } => lost.replace(at),
            JournalLine::In { input: Input::Transfer { .. }, .. } => transfer.take(),
            JournalLine::In { input: Input::Line(_), .. } => lost.take(),
            JournalLine::In {
                input: Input::Digit(_) | Input::Tool { .. } | Input::Stt(Stt::Final { .. }),
                ..
            } => Some(at),
            _ => None,
        };
        spans.extend(over.map(|from| (from, at)));
    }
    spans.extend(transfer.into_iter().chain(lost).map(|from| (from, recording.end_ms)));
    spans
}

/// Waiting for the recogniser, the endpointing delay and a snoozed deadline come on top.
const DEAD_AIR_SLACK_MS: u64 = 3500;
