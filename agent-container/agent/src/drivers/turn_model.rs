//! The end-of-turn model of the process: one thread of low priority, few questions in the queue, a share of a core.
//! A question that cannot be answered in time is not worked on, so that no call is late because of another's.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use dialogue::{Config, TurnAnswer, TurnModelKind, TurnSkip};
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::oneshot;
use tracing::{error, info, warn};
use turnmodel::{Admission, Budget, SmartTurn, TurnModelError};

/// Questions that may wait for the thread. At 91 ms each (conversation.md's machine) the third would come after the
/// deadline; newer ones are refused at once.
const QUEUE_BOUND: usize = 2;
/// Priority of the thread behind everything else in the process (`nice`): media and calls come first.
const NICE: i32 = 10;

/// What judges. A trait, so that tests need no weights.
pub trait Judge: Send {
    /// Probability that the turn is complete, and the time it took on its core.
    ///
    /// # Errors
    /// The network cannot be used.
    fn judge(&mut self, samples: &[i16]) -> Result<(f32, Duration), TurnModelError>;
}

impl Judge for SmartTurn {
    fn judge(&mut self, samples: &[i16]) -> Result<(f32, Duration), TurnModelError> {
        let before = self.on_its_thread(on_core);
        let probability = self.probability(samples)?;
        Ok((probability, self.on_its_thread(on_core).saturating_sub(before)))
    }
}

/// Processor time of this thread.
fn on_core() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// The process's end-of-turn model, or none. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct TurnModels {
    worker: Option<Arc<Worker>>,
    missed: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Worker {
    questions: SyncSender<(Question, Admission, oneshot::Sender<TurnAnswer>)>,
    budget: Arc<Mutex<Budget>>,
    broken: Arc<AtomicBool>,
    started: Instant,
}

/// One question about a caller's turn.
#[derive(Debug)]
pub struct Question {
    /// What was heard of the turn, at 16 kHz.
    pub samples: Vec<i16>,
    /// When nobody waits for the answer any more.
    pub until: Instant,
    /// Name of the question.
    pub name: u32,
    /// The question the call waits for now; another name withdraws this one.
    pub wanted: Arc<AtomicU32>,
}

impl TurnModels {
    /// Reads the weights on the thread that will use them; `share` of one core, 0 to 1, is all it may take.
    ///
    /// # Errors
    /// No thread.
    pub fn load(weights: &Path, share: f64) -> std::io::Result<Self> {
        let path = weights.to_owned();
        Self::start(share, move || {
            let onnx = std::fs::read(&path).map_err(|error| TurnModelError::Load(error.to_string()))?;
            let model = SmartTurn::load(onnx)?;
            // Without the right to it the thread stays as it is; the budget still holds.
            #[cfg(target_os = "linux")]
            let _ = model.on_its_thread(|| rustix::process::nice(NICE));
            info!(path = %path.display(), "end-of-turn model is ready");
            Ok(model)
        })
    }

    /// The same with another judge.
    ///
    /// # Errors
    /// No thread.
    pub fn start<J: Judge>(
        share: f64,
        load: impl FnOnce() -> Result<J, TurnModelError> + Send + 'static,
    ) -> std::io::Result<Self> {
        let (questions, asked) = sync_channel(QUEUE_BOUND);
        let budget = Arc::new(Mutex::new(Budget::new(share)));
        let broken = Arc::new(AtomicBool::new(false));
        let (spending, failed) = (Arc::clone(&budget), Arc::clone(&broken));
        thread::Builder::new().name("turn-model".to_owned()).spawn(move || match load() {
            Ok(judge) => work(judge, &asked, &spending),
            Err(error) => {
                error!(%error, "end-of-turn model cannot be used: text and silence decide");
                failed.store(true, Relaxed);
            }
        })?;
        let worker = Worker { questions, budget, broken, started: Instant::now() };
        Ok(Self { worker: Some(Arc::new(worker)), missed: Arc::default() })
    }

    /// Takes the model out of a call's configuration when there is none: the text rules are in force then.
    pub fn suit(&self, config: &mut Config) {
        let usable = self.worker.as_ref().is_some_and(|worker| !worker.broken.load(Relaxed));
        if usable || !config.turns.turn_model.enabled() {
            return;
        }
        config.turns.turn_model.kind = TurnModelKind::None;
        if !self.missed.swap(true, Relaxed) {
            warn!(
                "an agent wants an end-of-turn model and SMART_TURN_MODEL names none: text and silence decide"
            );
        }
    }

    /// Asks. The answer comes later, or the reason why there will be none at once.
    ///
    /// # Errors
    /// Why the question is not worked on.
    pub fn ask(&self, question: Question) -> Result<oneshot::Receiver<TurnAnswer>, TurnSkip> {
        let worker = self.worker.as_ref().ok_or(TurnSkip::Absent)?;
        let admission = worker.lock().admit(worker.started.elapsed()).ok_or(TurnSkip::OverBudget)?;
        let (reply, answer) = oneshot::channel();
        worker.questions.try_send((question, admission, reply)).map(|()| answer).map_err(|_| {
            worker.lock().give_back(admission);
            if worker.broken.load(Relaxed) { TurnSkip::Failed } else { TurnSkip::Busy }
        })
    }
}

impl Worker {
    fn lock(&self) -> std::sync::MutexGuard<'_, Budget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers questions until nobody can ask any more.
fn work(
    mut judge: impl Judge,
    questions: &Receiver<(Question, Admission, oneshot::Sender<TurnAnswer>)>,
    budget: &Mutex<Budget>,
) {
    let budget = || budget.lock().unwrap_or_else(PoisonError::into_inner);
    while let Ok((question, admission, reply)) = questions.recv() {
        let in_time = Instant::now() < question.until && question.wanted.load(Relaxed) == question.name;
        let answer = if in_time {
            evaluate(&mut judge, &question.samples, admission, budget)
        } else {
            budget().give_back(admission);
            TurnAnswer::Skipped(TurnSkip::Late)
        };
        // The call may be over.
        let _ = reply.send(answer);
    }
}

fn evaluate<'a>(
    judge: &mut impl Judge,
    samples: &[i16],
    admission: Admission,
    budget: impl Fn() -> std::sync::MutexGuard<'a, Budget>,
) -> TurnAnswer {
    match judge.judge(samples) {
        Ok((probability, took)) => {
            budget().settle(admission, took);
            let cost_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            metrics::histogram!(telemetry::metric::TURN_MODEL_MS).record(took.as_secs_f64() * 1000.0);
            TurnAnswer::Judged { probability, cost_ms }
        }
        Err(error) => {
            budget().settle(admission, Duration::ZERO);
            warn!(%error, "end-of-turn model failed");
            TurnAnswer::Skipped(TurnSkip::Failed)
        }
    }
}

#[cfg(test)]
mod tests;
