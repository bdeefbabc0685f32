//! Which vendors work: one circuit breaker per vendor and kind, shared by all calls of the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use speech::{Fault, Retry, Vendor};
use tokio::time::Instant;
use tracing::{info, warn};

/// Failures in a row after which a vendor is passed over.
const FAILURES_TO_OPEN: u32 = 3;
/// How long a vendor is passed over before it is tried again.
const OPEN_FOR: Duration = Duration::from_secs(20);
/// The same after a refusal that a person has to mend (key, quota).
const REFUSED_FOR: Duration = Duration::from_secs(120);

/// What a vendor does for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Speech to text.
    Stt,
    /// Language model.
    Llm,
    /// Text to speech.
    Tts,
    /// Speech to speech.
    Live,
}

impl Kind {
    /// Name in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stt => "stt",
            Self::Llm => "llm",
            Self::Tts => "tts",
            Self::Live => "s2s",
        }
    }
}

#[derive(Debug, Default)]
struct Breaker {
    failures: u32,
    open_until: Option<Instant>,
}

/// A cheap handle on the breakers.
#[derive(Debug, Clone, Default)]
pub struct Vendors(Arc<Mutex<BTreeMap<(Kind, Vendor), Breaker>>>);

impl Vendors {
    /// Whether to ask this vendor. After its time out it is asked again, by everybody: a failure closes the
    /// door at once.
    #[must_use]
    pub fn is_healthy(&self, kind: Kind, vendor: Vendor) -> bool {
        self.is_healthy_at(Instant::now(), kind, vendor)
    }

    fn is_healthy_at(&self, now: Instant, kind: Kind, vendor: Vendor) -> bool {
        let breakers = self.lock();
        let open_until = breakers.get(&(kind, vendor)).and_then(|breaker| breaker.open_until);
        open_until.is_none_or(|until| until <= now)
    }

    /// Notes that a vendor answered.
    pub fn worked(&self, kind: Kind, vendor: Vendor) {
        let mut breakers = self.lock();
        let Some(breaker) = breakers.get_mut(&(kind, vendor)) else { return };
        if breaker.open_until.is_some() {
            info!(kind = kind.as_str(), %vendor, "vendor works again");
        }
        breakers.remove(&(kind, vendor));
    }

    /// Notes that a vendor failed.
    pub fn failed(&self, kind: Kind, fault: &Fault) {
        let mut breakers = self.lock();
        let breaker = breakers.entry((kind, fault.vendor)).or_default();
        breaker.failures += 1;
        let refused = fault.retry() == Retry::Never;
        if breaker.failures < FAILURES_TO_OPEN && !refused {
            return;
        }
        if breaker.open_until.is_none() {
            warn!(kind = kind.as_str(), %fault, failures = breaker.failures, "vendor passed over for a while");
        }
        breaker.open_until = Some(Instant::now() + if refused { REFUSED_FOR } else { OPEN_FOR });
    }

    /// The members of a chain to ask, in order: the healthy ones first, then, since trying beats silence, the
    /// others.
    #[must_use]
    pub fn order(&self, kind: Kind, chain: impl Iterator<Item = Vendor>) -> Vec<usize> {
        self.order_at(Instant::now(), kind, chain)
    }

    fn order_at(&self, now: Instant, kind: Kind, chain: impl Iterator<Item = Vendor>) -> Vec<usize> {
        let (mut healthy, mut others) = (Vec::new(), Vec::new());
        for (at, vendor) in chain.enumerate() {
            if self.is_healthy_at(now, kind, vendor) { healthy.push(at) } else { others.push(at) }
        }
        healthy.append(&mut others);
        healthy
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(Kind, Vendor), Breaker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vendor_that_keeps_failing_is_asked_last_for_a_while() {
        let vendors = Vendors::default();
        let order_in = |after, v: &Vendors| {
            v.order_at(Instant::now() + after, Kind::Llm, [Vendor::OpenAi, Vendor::Groq].into_iter())
        };
        let order = |v: &Vendors| order_in(Duration::ZERO, v);
        let fault = Fault::disconnected(Vendor::OpenAi, "reset");
        (0..2).for_each(|_| vendors.failed(Kind::Llm, &fault));
        assert_eq!(order(&vendors), [0, 1]);
        vendors.failed(Kind::Llm, &fault);
        assert_eq!(order(&vendors), [1, 0]);
        assert!(vendors.is_healthy(Kind::Tts, Vendor::OpenAi), "kinds fail apart");
        assert_eq!(order_in(OPEN_FOR, &vendors), [0, 1]);
        vendors.failed(Kind::Llm, &fault);
        assert_eq!(order(&vendors), [1, 0], "the first failure after the pause closes the door again");
        vendors.worked(Kind::Llm, Vendor::OpenAi);
        assert_eq!(order(&vendors), [0, 1]);
    }

    #[test]
    fn a_refused_key_is_not_tried_again_at_once() {
        let vendors = Vendors::default();
        vendors.failed(Kind::Stt, &Fault::from_response(Vendor::Deepgram, 401, &[], b""));
        assert!(!vendors.is_healthy(Kind::Stt, Vendor::Deepgram));
    }
}
