//! What is measured of a call: a fold over what reaches the dialogue and what it wants.

use dialogue::{CallTime, Deltas, Input, Output, SayEvent, Stt, Summary, ThinkEvent, TurnTrace};
use domain::Report;
use serde_json::json;
use telemetry::turn;
use tokio::time::Instant;
use tracing::{debug, info};

use super::ending::Culprit;
use super::trace::{CallTrace, label};

/// Turns remembered for the summary: a call longer than that is measured by its first turns.
const TURNS_KEPT: usize = 1000;

/// Watches one call.
#[derive(Debug, Default)]
pub struct Observer {
    /// When the caller could hear us.
    pub answered_at: Option<Instant>,
    /// Which vendor failed last.
    pub culprit: Culprit,
    /// The call as spans, when somebody wants them.
    pub trace: Option<CallTrace>,
    answered: Option<CallTime>,
    greeting_ms: Option<u64>,
    turns: Vec<TurnTrace>,
    tools: u64,
    failures: u64,
}

/// Takes a stage's milliseconds from a turn.
pub(crate) type Measure = fn(&Deltas) -> Option<u64>;

/// Stages of a turn by their stable names.
pub(crate) const STAGES: [(&str, Measure); 7] = [
    (turn::TRANSCRIPTION, |d| d.transcription_ms),
    (turn::END_OF_TURN, |d| d.end_of_turn_ms),
    (turn::LLM_TTFT, |d| d.llm_ttft_ms),
    (turn::FIRST_SENTENCE, |d| d.first_sentence_ms),
    (turn::TTS_TTFB, |d| d.tts_ttfb_ms),
    (turn::PLAYOUT, |d| d.playout_ms),
    (turn::E2E, |d| d.e2e_ms),
];

impl Observer {
    /// Something reached the dialogue. Gives what is to be reported at once.
    pub fn input(&mut self, now: CallTime, input: &Input) -> Option<Report> {
        if let Some(trace) = &mut self.trace {
            trace.input(now, input);
        }
        match input {
            Input::Answered => self.answered = self.answered.or(Some(now)),
            Input::Stt(Stt::Failed(_)) => self.blame(Culprit::Stt),
            Input::Think { event: ThinkEvent::Failed(_), .. } => self.blame(Culprit::Llm),
            Input::Say { event: SayEvent::SynthesisFailed(_), .. } => self.blame(Culprit::Tts),
            Input::Live(dialogue::LiveEvent::Closed(_)) => self.blame(Culprit::Live),
            Input::Say { event: SayEvent::Started, .. } => return self.started(now),
            _ => {}
        }
        None
    }

    /// The dialogue wanted something.
    pub fn output(&mut self, now: CallTime, output: &Output) {
        if let Some(trace) = &mut self.trace {
            trace.output(now, output);
        }
        match output {
            Output::Turn(trace) => self.turn(trace),
            Output::RunTool(_) => self.tools += 1,
            Output::Explain(explain) => debug!(?explain, "decided"),
            _ => {}
        }
    }

    /// Turns so far.
    #[must_use]
    pub fn turns(&self) -> usize {
        self.turns.len()
    }

    /// The figures of the call as a JSON object: those of its turns, and its own.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut summary = serde_json::to_value(Summary::of(&self.turns)).unwrap_or_default();
        summary["answer_to_greeting_ms"] = json!(self.greeting_ms);
        summary["tools_run"] = json!(self.tools);
        summary["vendor_failures"] = json!(self.failures);
        summary.to_string()
    }

    fn blame(&mut self, culprit: Culprit) {
        self.culprit = culprit;
        self.failures += 1;
    }

    fn started(&mut self, now: CallTime) -> Option<Report> {
        let answered = self.answered?;
        if self.greeting_ms.is_some() {
            return None;
        }
        let greeting_ms = now.since(answered);
        self.greeting_ms = Some(greeting_ms);
        histogram(telemetry::metric::GREETING_MS, greeting_ms);
        Some(Report::Greeted)
    }

    fn turn(&mut self, trace: &TurnTrace) {
        if let Some(e2e_ms) = trace.deltas.e2e_ms {
            histogram(telemetry::metric::REPLY_MS, e2e_ms);
        }
        for (stage, of) in STAGES {
            if let Some(ms) = of(&trace.deltas) {
                #[expect(clippy::cast_precision_loss, reason = "milliseconds of one turn")]
                metrics::histogram!(telemetry::metric::TURN_STAGE_MS, "stage" => stage).record(ms as f64);
            }
        }
        let (outcome, deltas) = (label(trace.outcome), &trace.deltas);
        let critical_path = trace.critical_path.map(label);
        info!(
            turn = trace.turn.0,
            %outcome,
            critical_path,
            transcription_ms = deltas.transcription_ms,
            end_of_turn_ms = deltas.end_of_turn_ms,
            llm_ttft_ms = deltas.llm_ttft_ms,
            first_sentence_ms = deltas.first_sentence_ms,
            tts_ttfb_ms = deltas.tts_ttfb_ms,
            playout_ms = deltas.playout_ms,
            e2e_ms = deltas.e2e_ms,
            "turn over"
        );
        metrics::counter!(telemetry::metric::TURNS_TOTAL, "outcome" => outcome).increment(1);
        if self.turns.len() < TURNS_KEPT {
            self.turns.push(trace.clone());
        }
    }
}

fn histogram(name: &'static str, ms: u64) {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of one turn")]
    metrics::histogram!(name).record(ms as f64);
}

#[cfg(test)]
mod tests {
    use dialogue::{Anchors, CallTime, Percentiles, Stages};
    use serde_json::{Value, json};
    use telemetry::turn::{ANCHORS, VOCABULARY};

    use super::STAGES;

    fn keys(value: &Value) -> Vec<&str> {
        value.as_object().expect("a structure").keys().map(String::as_str).collect()
    }

    fn is_known(name: &str) -> bool {
        VOCABULARY.iter().any(|word| word.ours == name)
    }

    #[test]
    fn every_stage_is_in_the_vocabulary_and_on_the_record() {
        let one = Percentiles { count: 1, ..Percentiles::default() };
        let all = Stages {
            transcription: one,
            end_of_turn: one,
            llm_ttft: one,
            first_sentence: one,
            tts_ttfb: one,
            playout: one,
            e2e: one,
        };
        let recorded = json!(all);
        assert_eq!(keys(&recorded).len(), STAGES.len());
        for (stage, _) in STAGES {
            assert!(is_known(stage) && keys(&recorded).contains(&stage), "{stage}");
        }
        assert_eq!(json!(Stages::default()), json!({}), "a stage nobody had is left out");
    }

    #[test]
    fn every_moment_of_the_journal_is_in_the_vocabulary() {
        let anchors = json!(Anchors { turn_commit: Some(CallTime::ZERO), ..Anchors::default() });
        assert_eq!(keys(&anchors).len(), ANCHORS.len());
        for moment in ANCHORS {
            assert!(is_known(moment) && keys(&anchors).contains(&moment), "{moment}");
        }
    }
}
