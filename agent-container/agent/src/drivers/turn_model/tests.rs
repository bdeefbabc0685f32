use std::sync::mpsc;

use super::*;

/// Answers when it is told to, with what it is told.
struct Told {
    began: mpsc::Sender<usize>,
    answers: mpsc::Receiver<Result<(f32, Duration), TurnModelError>>,
}

impl Judge for Told {
    fn judge(&mut self, samples: &[i16]) -> Result<(f32, Duration), TurnModelError> {
        self.began.send(samples.len()).unwrap();
        self.answers.recv().unwrap()
    }
}

struct Stage {
    models: TurnModels,
    began: mpsc::Receiver<usize>,
    answers: mpsc::Sender<Result<(f32, Duration), TurnModelError>>,
    wanted: Arc<AtomicU32>,
}

fn stage(share: f64) -> Stage {
    let (began_tx, began) = mpsc::channel();
    let (answers, answers_rx) = mpsc::channel();
    let models = TurnModels::start(share, move || Ok(Told { began: began_tx, answers: answers_rx })).unwrap();
    Stage { models, began, answers, wanted: Arc::new(AtomicU32::new(1)) }
}

impl Stage {
    fn ask(&self, name: u32, within: Duration) -> Result<oneshot::Receiver<TurnAnswer>, TurnSkip> {
        let (until, wanted) = (Instant::now() + within, Arc::clone(&self.wanted));
        self.models.ask(Question { samples: vec![0; 160], until, name, wanted })
    }

    fn answers(&self, probability: f32, cost_ms: u64) {
        self.answers.send(Ok((probability, Duration::from_millis(cost_ms)))).unwrap();
    }
}

const LONG: Duration = Duration::from_secs(3600);

#[test]
fn an_answer_says_what_it_cost() {
    let stage = stage(1.0);
    let answer = stage.ask(1, LONG).unwrap();
    stage.answers(0.9, 91);
    assert_eq!(answer.blocking_recv().unwrap(), TurnAnswer::Judged { probability: 0.9, cost_ms: 91 });
}

#[test]
fn a_busy_model_refuses_at_once() {
    let stage = stage(1.0);
    let first = stage.ask(1, LONG).unwrap();
    assert_eq!(stage.began.recv().unwrap(), 160);
    let waiting: Vec<_> = (0..QUEUE_BOUND).map(|_| stage.ask(1, LONG).unwrap()).collect();
    assert_eq!(stage.ask(1, LONG).unwrap_err(), TurnSkip::Busy);
    (0..=QUEUE_BOUND).for_each(|_| stage.answers(0.5, 1));
    for answer in std::iter::once(first).chain(waiting) {
        assert!(matches!(answer.blocking_recv().unwrap(), TurnAnswer::Judged { .. }));
    }
}

#[test]
fn nobody_works_on_what_comes_too_late_or_is_not_wanted_any_more() {
    let stage = stage(1.0);
    let late = stage.ask(1, Duration::ZERO).unwrap();
    assert_eq!(late.blocking_recv().unwrap(), TurnAnswer::Skipped(TurnSkip::Late));
    let withdrawn = stage.ask(7, LONG).unwrap();
    assert_eq!(withdrawn.blocking_recv().unwrap(), TurnAnswer::Skipped(TurnSkip::Late));
    assert!(stage.began.try_recv().is_err(), "something was evaluated");
}

#[test]
fn over_its_share_the_model_is_not_asked() {
    let stage = stage(0.1);
    let answer = stage.ask(1, LONG).unwrap();
    // As much as its share gives in a minute.
    stage.answers(0.5, 6_000);
    assert!(answer.blocking_recv().is_ok());
    assert_eq!(stage.ask(1, LONG).unwrap_err(), TurnSkip::OverBudget);
}

#[test]
fn a_failure_is_an_answer() {
    let stage = stage(1.0);
    let answer = stage.ask(1, LONG).unwrap();
    stage.answers.send(Err(TurnModelError::Run("broken".to_owned()))).unwrap();
    assert_eq!(answer.blocking_recv().unwrap(), TurnAnswer::Skipped(TurnSkip::Failed));
}

#[test]
fn without_weights_the_text_rules_are_in_force() {
    let models = TurnModels::default();
    let mut config = Config::default();
    config.turns.turn_model.kind = TurnModelKind::SmartTurn;
    models.suit(&mut config);
    assert_eq!(config, Config::default());
    let stage = stage(1.0);
    config.turns.turn_model.kind = TurnModelKind::SmartTurn;
    stage.models.suit(&mut config);
    assert_eq!(config.turns.turn_model.kind, TurnModelKind::SmartTurn);
}
