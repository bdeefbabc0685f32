//! Which part of a reply's latency is ours, and which was configured: the end-of-turn delay, and what the simulated
//! vendors are set to take.
//!
//! The latency itself is measured in the phone's recording. The agent's journal only says which end-of-turn delay was
//! configured for the turn, and whether the model had been asked while it ran, so that nothing is taken off that the
//! caller did not wait for.

use std::collections::BTreeMap;

use dialogue::{Decision, Input, JournalLine, Output};
use domain::AgentConfig;
use serde::Deserialize;

use crate::measure::Heard;
use crate::stack_file::StackFile;

/// What the vendors of a call are set to take, milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delays {
    /// Recogniser: from the end of speech to the final transcript.
    pub stt_ms: u64,
    /// Model: to the first token. What it takes to make a sentence's worth of tokens counts as ours.
    pub llm_ms: u64,
    /// Voice: to the first audio.
    pub tts_ms: u64,
}

/// A turn of the caller, as the agent's journal has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommittedTurn {
    /// When it was committed, milliseconds since the answer.
    pub at_ms: u64,
    /// End-of-turn delay that was configured for what the caller said, milliseconds from the last sound.
    pub endpointing_ms: u64,
    /// The model was asked before the end of the turn, and its answer used.
    pub asked_early: bool,
}

impl CommittedTurn {
    /// The latency nobody could beat with this configuration, milliseconds. The recogniser, and a model that was asked
    /// early, work while the end-of-turn delay runs; the voice gets its words when the turn is committed.
    #[must_use]
    pub fn owed_ms(&self, vendors: Delays) -> u64 {
        let Delays { stt_ms, llm_ms, tts_ms } = vendors;
        if self.asked_early {
            self.endpointing_ms.max(stt_ms + llm_ms) + tts_ms
        } else {
            self.endpointing_ms.max(stt_ms) + llm_ms + tts_ms
        }
    }
}

impl Delays {
    /// The delays of the simulated vendors that `agent` asks first; `None` when they are not known, as one of them is real.
    pub async fn of(stack: &StackFile, agent: &AgentConfig) -> Option<Self> {
        let url = format!("{}/behaviour", stack.extra.simulator_control_url);
        let answer = reqwest::get(url).await.ok()?.text().await.ok()?;
        let behaviours: BTreeMap<String, Behaviour> = serde_json::from_str(&answer).ok()?;
        let first = |choices: &[domain::VendorChoice], kind: usize| {
            let vendor = &choices.first()?.vendor;
            if std::env::var(format!("{}_API_KEY", vendor.to_uppercase())).is_ok() {
                return None;
            }
            let (_, services) = SERVICES.iter().find(|(name, _)| name == vendor)?;
            behaviours.get(*services.get(kind)?)?.first_ms
        };
        let vendors = &agent.vendors;
        Some(Self {
            stt_ms: first(&vendors.stt, 0)?,
            llm_ms: first(&vendors.llm, 1)?,
            tts_ms: first(&vendors.tts, 2)?,
        })
    }
}

/// A vendor's services in the simulator: recogniser, model, voice.
const SERVICES: [(&str, [&str; 3]); 7] = [
    ("deepgram", ["deepgram_listen", "", "deepgram_speak"]),
    ("deepgram-flux", ["deepgram_flux", "", ""]),
    ("assemblyai", ["assemblyai", "", ""]),
    ("openai", ["openai_transcriptions", "openai_chat", "openai_speech"]),
    ("groq", ["groq_transcriptions", "groq_chat", "groq_speech"]),
    ("anthropic", ["", "anthropic", ""]),
    ("elevenlabs", ["", "", "elevenlabs"]),
];

#[derive(Deserialize)]
struct Behaviour {
    first_ms: Option<u64>,
}

/// The turns of a journal. Lines that are not understood are skipped.
#[must_use]
pub fn turns(journal: &str) -> Vec<CommittedTurn> {
    let (mut answered, mut endpointing_ms) = (0, 0);
    let mut turns: Vec<CommittedTurn> = Vec::new();
    for line in journal.lines().filter_map(|line| serde_json::from_str(line).ok()) {
        match line {
            JournalLine::In { at, input: Input::Answered } => answered = at.as_ms(),
            JournalLine::Out { at, output: Output::Explain(explain) } => match explain.decision {
                Decision::Endpointing => {
                    endpointing_ms =
                        explain.numbers.get("delay_ms").map_or(endpointing_ms, |delay| delay.max(0.0) as u64);
                }
                Decision::TurnCommitted => turns.push(CommittedTurn {
                    at_ms: at.as_ms().saturating_sub(answered),
                    endpointing_ms,
                    asked_early: false,
                }),
                Decision::SpeculationAdopted => {
                    if let Some(turn) = turns.last_mut() {
                        turn.asked_early = true;
                    }
                }
                _ => {}
            },
            _ => {}
        }
    }
    turns
}

/// For each reply that was heard, its latency beyond what was configured, milliseconds; `None` where the journal knows no
/// turn that led to it. Below zero when the agent did not wait the configured time.
#[must_use]
pub fn own_ms(heard: &Heard, turns: &[CommittedTurn], vendors: Delays) -> Vec<Option<i64>> {
    let own = |reply: &crate::measure::Reply| {
        // The reply on the wire comes after its turn, however far the two clocks' zeros are apart (the way of one packet).
        let turn = turns.iter().rev().find(|turn| turn.at_ms <= reply.start_ms)?;
        let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        Some(signed(reply.latency_ms()) - signed(turn.owed_ms(vendors)))
    };
    heard.replies.iter().map(own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Reply;

    const VENDORS: Delays = Delays { stt_ms: 100, llm_ms: 200, tts_ms: 120 };

    fn turn(at_ms: u64, endpointing_ms: u64, asked_early: bool) -> CommittedTurn {
        CommittedTurn { at_ms, endpointing_ms, asked_early }
    }

    #[test]
    fn what_ran_beside_the_end_of_turn_delay_is_not_taken_off_twice() {
        assert_eq!(turn(0, 500, false).owed_ms(VENDORS), 820);
        assert_eq!(turn(0, 500, true).owed_ms(VENDORS), 620);
        assert_eq!(turn(0, 200, true).owed_ms(VENDORS), 420);
        assert_eq!(turn(0, 50, false).owed_ms(VENDORS), 420);
    }

    #[test]
    fn each_reply_is_measured_against_the_turn_before_it() {
        let turns = [turn(4500, 500, true), turn(9500, 1500, false)];
        let reply = |said_end_ms, start_ms| Reply { said_end_ms, start_ms };
        let replies = vec![reply(4000, 4600), reply(8000, 10_000), reply(100, 200)];
        let heard = Heard { replies, ..Heard::default() };
        assert_eq!(own_ms(&heard, &turns, VENDORS), [Some(-20), Some(2000 - 1820), None]);
    }

    #[test]
    fn a_journal_gives_its_turns() {
        let journal = r#"{"in":{"at":500,"input":"answered"}}
nonsense
{"out":{"at":6825,"output":{"explain":{"decision":"endpointing","rule":"r","turn":null,"numbers":{"delay_ms":1500.0}}}}}
{"out":{"at":7906,"output":{"explain":{"decision":"turn_committed","rule":"silence","turn":1}}}}
{"out":{"at":7906,"output":{"explain":{"decision":"speculation_adopted","rule":"same_words","turn":1}}}}"#;
        assert_eq!(turns(journal), [turn(7406, 1500, true)]);
    }
}
