//! What is measured of a call: a fold over what reaches the dialogue and what it wants.

use dialogue::{CallTime, Deltas, Input, Output, SayEvent, Stt, ThinkEvent, TurnOutcome, TurnTrace};
use domain::Report;
use serde_json::{Map, Value, json};
use telemetry::turn;
use tokio::time::Instant;
use tracing::debug;

use super::ending::Culprit;
use super::trace::CallTrace;

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

    /// The figures of the call as a JSON object.
    #[must_use]
    pub fn summary(&self) -> String {
        let stages: Map<String, Value> = STAGES
            .iter()
            .filter_map(|(name, of)| {
                let mut values: Vec<u64> = self.turns.iter().filter_map(|turn| of(&turn.deltas)).collect();
                values.sort_unstable();
                let at = |percent: usize| values.get((values.len() * percent).div_ceil(100).max(1) - 1);
                Some((
                    (*name).to_owned(),
                    json!({"p50_ms": at(50)?, "p95_ms": at(95)?, "count": values.len()}),
                ))
            })
            .collect();
        let count = |outcome| self.turns.iter().filter(|turn| turn.outcome == outcome).count();
        json!({
            "turns": self.turns.len(),
            "turns_without_reply": count(TurnOutcome::NoReply) + count(TurnOutcome::FilledOnly),
            "answer_to_greeting_ms": self.greeting_ms,
            "tools_run": self.tools,
            "vendor_failures": self.failures,
            "stages": stages,
        })
        .to_string()
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
        let outcome = format!("{:?}", trace.outcome).to_lowercase();
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
    use telemetry::turn::VOCABULARY;

    use super::STAGES;

    #[test]
    fn every_stage_is_in_the_vocabulary() {
        for (stage, _) in STAGES {
            assert!(VOCABULARY.iter().any(|word| word.ours == stage), "{stage}");
        }
    }
}
