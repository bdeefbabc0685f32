use std::time::Duration;

/// What an evaluation is expected to cost before any was measured, in milliseconds of one core (91 measured on
/// one machine; conversations go on elsewhere).
const FIRST_GUESS_MS: f64 = 100.0;
/// Weight of the last measurement in what the next is expected to cost.
const LEARN: f64 = 0.2;
/// Idle time gathers credit for as long: what was not used a minute ago does not excuse a burst now.
const GATHERS_MS: f64 = 4000.0;

/// A share of one core for evaluations, as a bucket that fills with time and is emptied by what they cost.
/// Time is the caller's: any origin, growing.
#[derive(Debug, Clone)]
pub struct Budget {
    share: f64,
    credit_ms: f64,
    expected_ms: f64,
    filled_at: Duration,
}

/// An evaluation that may be done: what was set aside for it.
#[derive(Debug, Clone, Copy, PartialEq)]
#[must_use = "what was set aside must be settled"]
pub struct Admission {
    reserved_ms: f64,
}

impl Budget {
    /// `share` of one core, 0 to 1; full at the start.
    #[must_use]
    pub fn new(share: f64) -> Self {
        let share = share.clamp(0.0, 1.0);
        Self { share, credit_ms: share * GATHERS_MS, expected_ms: FIRST_GUESS_MS, filled_at: Duration::ZERO }
    }

    /// May an evaluation begin now? Then its expected cost is set aside.
    pub fn admit(&mut self, now: Duration) -> Option<Admission> {
        let passed_ms = now.saturating_sub(self.filled_at).as_secs_f64() * 1000.0;
        self.filled_at = self.filled_at.max(now);
        self.credit_ms = (self.credit_ms + passed_ms * self.share).min(self.share * GATHERS_MS);
        let reserved_ms = self.expected_ms;
        (self.credit_ms >= reserved_ms).then(|| {
            self.credit_ms -= reserved_ms;
            Admission { reserved_ms }
        })
    }

    /// The evaluation was done and took so long on its core.
    pub fn settle(&mut self, admission: Admission, took: Duration) {
        let took_ms = took.as_secs_f64() * 1000.0;
        self.credit_ms += admission.reserved_ms - took_ms;
        // One that could never be paid for would close the door for ever.
        self.expected_ms =
            (self.expected_ms + LEARN * (took_ms - self.expected_ms)).min(self.share * GATHERS_MS);
    }

    /// The evaluation was not done after all.
    pub fn give_back(&mut self, admission: Admission) {
        self.credit_ms += admission.reserved_ms;
    }
}

#[cfg(test)]
mod tests {
    use super::Budget;
    use std::time::Duration;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// How many evaluations are done when one is asked for every `every_ms` for a minute, each taking `cost_ms`.
    fn done_in_a_minute(share: f64, every_ms: u64, cost_ms: u64) -> u64 {
        let mut budget = Budget::new(share);
        let mut done = 0;
        for at in (1..=60_000 / every_ms).map(|i| i * every_ms) {
            if let Some(admission) = budget.admit(ms(at)) {
                budget.settle(admission, ms(cost_ms));
                done += 1;
            }
        }
        done
    }

    #[test]
    fn evaluations_never_take_more_than_their_share() {
        let check = |share: f64, every_ms, cost_ms| {
            let done = done_in_a_minute(share, every_ms, cost_ms);
            // What time gave, what was full at the start, and one whose cost was not foreseen.
            let most = share * 64_000.0 + cost_ms as f64;
            assert!((done * cost_ms) as f64 <= most, "{share} {every_ms} {cost_ms}: {done} done");
            // And most of it is used when there is enough to do.
            let wanted = (60_000 / every_ms * cost_ms) as f64;
            let least = wanted.min(share * 60_000.0) * 0.9;
            assert!((done * cost_ms) as f64 >= least, "{share} {every_ms} {cost_ms}: {done} done");
        };
        check(0.25, 10, 91);
        check(0.25, 100, 91);
        check(0.25, 2_000, 91);
        check(0.05, 50, 40);
        check(0.25, 10, 400);
        check(1.0, 10, 9);
        check(0.0, 10, 91);
    }

    #[test]
    fn what_was_not_done_costs_nothing() {
        let mut budget = Budget::new(0.1);
        for _ in 0..1000 {
            let admission = budget.admit(Duration::ZERO).expect("nothing was spent");
            budget.give_back(admission);
        }
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_gives_nothing() {
        let mut budget = Budget::new(0.1);
        let admitted = (0..100).filter(|at| budget.admit(ms(100 - at)).is_some()).count();
        assert_eq!(admitted, 4);
    }
}
