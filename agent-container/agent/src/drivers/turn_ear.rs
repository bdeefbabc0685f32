//! What a call's end-of-turn model hears: the last seconds of the caller, copied beside the recogniser's.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use dialogue::{AskId, Input, TurnAnswer, TurnSkip};
use line::{FRAME_MS, Frame, PIPELINE_HZ};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval};
use turnmodel::{PRE_SPEECH_MS, WINDOW_SAMPLES};

use super::turn_model::{Question, TurnModels};

/// How often what was heard is taken over when nobody asks: seldom, because each time wakes a task.
const TAKE_EVERY: Duration = Duration::from_millis(1000);
/// Frames that may wait in between: 2.6 s. Newer ones are lost then, and the model hears a gap.
const COPY_BOUND: usize = 128;
/// Questions that may wait: the dialogue has one open at a time.
const ASK_BOUND: usize = 4;
const SAMPLES_PER_MS: usize = (PIPELINE_HZ / 1000) as usize;
/// No question has this name: asking is withdrawn. Names begin at 1.
const NOBODY: u32 = 0;

/// The dialogue's end: asks, and withdraws.
#[derive(Debug)]
pub struct TurnAsker {
    asks: mpsc::Sender<(AskId, u64)>,
    wanted: Arc<AtomicU32>,
}

impl TurnAsker {
    /// Asks about the last `turn_ms` milliseconds. `false`: the ear is gone or does not listen.
    #[must_use]
    pub fn ask(&self, id: AskId, turn_ms: u64) -> bool {
        self.wanted.store(id.0, Relaxed);
        self.asks.try_send((id, turn_ms)).is_ok()
    }

    /// The caller goes on: no answer is wanted.
    pub fn withdraw(&self) {
        self.wanted.store(NOBODY, Relaxed);
    }
}

/// The ear's task.
#[derive(Debug)]
pub struct TurnEar {
    frames: mpsc::Receiver<Frame>,
    asks: mpsc::Receiver<(AskId, u64)>,
    wanted: Arc<AtomicU32>,
    heard: VecDeque<i16>,
    models: TurnModels,
    within: Duration,
    inbox: mpsc::Sender<Input>,
}

impl TurnEar {
    /// An ear, its asker, and where the media thread copies frames to. `within`: how long an answer is waited for.
    #[must_use]
    pub fn new(
        models: TurnModels,
        within: Duration,
        inbox: mpsc::Sender<Input>,
    ) -> (Self, TurnAsker, mpsc::Sender<Frame>) {
        let (copy, frames) = mpsc::channel(COPY_BOUND);
        let (asks_tx, asks) = mpsc::channel(ASK_BOUND);
        let wanted = Arc::new(AtomicU32::new(NOBODY));
        let asker = TurnAsker { asks: asks_tx, wanted: Arc::clone(&wanted) };
        (Self { frames, asks, wanted, heard: VecDeque::new(), models, within, inbox }, asker, copy)
    }

    /// Runs until nobody can ask.
    pub async fn run(mut self) {
        let mut take = interval(TAKE_EVERY);
        take.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut open: Option<(AskId, oneshot::Receiver<TurnAnswer>)> = None;
        loop {
            let answered = tokio::select! {
                asked = self.asks.recv() => {
                    let Some((id, turn_ms)) = asked else { return };
                    match self.ask(id, turn_ms) {
                        Ok(answer) => {
                            open = Some((id, answer));
                            continue;
                        }
                        Err(skip) => (id, TurnAnswer::Skipped(skip)),
                    }
                }
                answered = settled(&mut open) => {
                    open = None;
                    answered
                }
                _ = take.tick() => {
                    self.take();
                    continue;
                }
            };
            let (id, answer) = answered;
            if self.inbox.send(Input::TurnModel { id, answer }).await.is_err() {
                return;
            }
        }
    }

    fn ask(&mut self, id: AskId, turn_ms: u64) -> Result<oneshot::Receiver<TurnAnswer>, TurnSkip> {
        self.take();
        let turn = usize::try_from(turn_ms + PRE_SPEECH_MS).unwrap_or(usize::MAX);
        let turn = turn.saturating_mul(SAMPLES_PER_MS).min(self.heard.len());
        let samples = self.heard.range(self.heard.len() - turn..).copied().collect();
        let (until, wanted) = (Instant::now() + self.within, Arc::clone(&self.wanted));
        self.models.ask(Question { samples, until, name: id.0, wanted })
    }

    /// Takes over what the media thread has copied, and forgets what is too old.
    fn take(&mut self) {
        while let Ok(frame) = self.frames.try_recv() {
            self.heard.extend(frame);
        }
        let old = self.heard.len().saturating_sub(WINDOW_SAMPLES);
        self.heard.drain(..old);
    }
}

/// Waits for the open question's answer; for ever when there is none.
async fn settled(open: &mut Option<(AskId, oneshot::Receiver<TurnAnswer>)>) -> (AskId, TurnAnswer) {
    match open {
        Some((id, answer)) => {
            let id = *id;
            (id, answer.await.unwrap_or(TurnAnswer::Skipped(TurnSkip::Failed)))
        }
        None => pending().await,
    }
}

// What may wait is less than what is taken over meanwhile.
const _: () = assert!(COPY_BOUND as u128 * FRAME_MS as u128 > 2 * TAKE_EVERY.as_millis());

#[cfg(test)]
mod tests {
    use std::sync::mpsc as std_mpsc;

    use turnmodel::TurnModelError;

    use super::super::turn_model::Judge;
    use super::*;

    /// Sends what it is asked about.
    struct Echo(std_mpsc::Sender<Vec<i16>>);

    impl Judge for Echo {
        fn judge(&mut self, samples: &[i16]) -> Result<(f32, Duration), TurnModelError> {
            self.0.send(samples.to_vec()).unwrap();
            Ok((0.75, Duration::from_millis(1)))
        }
    }

    #[tokio::test]
    async fn the_model_hears_the_turn_and_half_a_second_before_it() {
        let (echo, asked) = std_mpsc::channel();
        let models = TurnModels::start(1.0, move || Ok(Echo(echo))).unwrap();
        let (inbox, mut answers) = mpsc::channel(8);
        let (ear, asker, copy) = TurnEar::new(models, Duration::from_secs(3600), inbox);
        // A second of frames, each of its number.
        for number in 1..=50i16 {
            copy.try_send([number; 320]).unwrap();
        }
        tokio::spawn(ear.run());
        for (id, turn_ms, from) in [(1, 100, 21), (2, 20, 25), (3, 60_000, 1)] {
            assert!(asker.ask(AskId(id), turn_ms));
            let answer = answers.recv().await.unwrap();
            let judged = TurnAnswer::Judged { probability: 0.75, cost_ms: 1 };
            assert_eq!(answer, Input::TurnModel { id: AskId(id), answer: judged });
            let samples = asked.recv().unwrap();
            assert_eq!((samples.first(), samples.last()), (Some(&from), Some(&50)), "{turn_ms} ms");
            assert_eq!(samples.len(), (51 - usize::try_from(from).unwrap()) * 320);
        }
    }
}
