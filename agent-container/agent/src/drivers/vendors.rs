//! Which vendors work, for all calls of the process: the clock, the lock and the log around [`speech::Fallback`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use speech::{
    Attempt, BreakerSettings, Changed, Endpoint, Fallback, Fault, Kind, LlmConfig, RealtimeConfig, SttConfig,
    TtsConfig, Vendor,
};
use telemetry::metric::VENDOR_REQUESTS_TOTAL;
use tokio::time::Instant;
use tracing::{info, warn};

/// What tells one place of a chain from another: the same protocol may be spoken at several addresses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    vendor: Vendor,
    base_url: String,
}

impl Place {
    /// A vendor at an address.
    #[must_use]
    pub fn new(vendor: Vendor, endpoint: &Endpoint) -> Self {
        Self { vendor, base_url: endpoint.base_url.clone() }
    }

    /// The places of a chain of recognisers.
    #[must_use]
    pub fn of_stt(chain: &[SttConfig]) -> Vec<Self> {
        chain.iter().map(|config| Self::new(config.vendor.vendor(), &config.endpoint)).collect()
    }

    /// The places of a chain of language models.
    #[must_use]
    pub fn of_llm(chain: &[LlmConfig]) -> Vec<Self> {
        chain.iter().map(|config| Self::new(config.vendor, &config.endpoint)).collect()
    }

    /// The places of a chain of speech-to-speech models.
    #[must_use]
    pub fn of_live(chain: &[RealtimeConfig]) -> Vec<Self> {
        chain.iter().map(|config| Self::new(Vendor::OpenAi, &config.endpoint)).collect()
    }

    /// The places of a chain of voices.
    #[must_use]
    pub fn of_tts(chain: &[TtsConfig]) -> Vec<Self> {
        chain.iter().map(|config| Self::new(config.vendor.vendor(), &config.endpoint)).collect()
    }
}

/// A cheap handle on the process's breakers.
#[derive(Debug, Clone)]
pub struct Vendors(Arc<Breakers>);

#[derive(Debug)]
struct Breakers {
    started: Instant,
    kinds: Mutex<BTreeMap<Kind, Fallback<Place>>>,
}

impl Default for Vendors {
    fn default() -> Self {
        Self(Arc::new(Breakers { started: Instant::now(), kinds: Mutex::default() }))
    }
}

impl Vendors {
    /// A request's way through a chain: the vendors that work first. `avoided` comes last, because it kept this
    /// caller waiting already. Nothing when the chain is empty.
    #[must_use]
    pub fn attempt(&self, kind: Kind, chain: &[Place], avoided: Option<usize>) -> Option<Attempt> {
        let order = self.with(kind, |vendors| vendors.order(chain));
        match avoided {
            Some(at) => Attempt::begin_avoiding(kind, order, at),
            None => Attempt::begin(kind, order),
        }
    }

    /// The same for requests that lose nothing by a failure: a vendor that was passed over long enough is tried first.
    #[must_use]
    pub fn attempt_with_probes(&self, kind: Kind, chain: &[Place]) -> Option<Attempt> {
        let due = self.probes_due(kind, chain);
        let mut order = self.with(kind, |vendors| vendors.order(chain));
        order.sort_by_key(|at| !due.contains(at));
        Attempt::begin(kind, order)
    }

    /// Vendors of the chain that are passed over and should be tried once now; whoever asks does it, and reports.
    #[must_use]
    pub fn probes_due(&self, kind: Kind, chain: &[Place]) -> Vec<usize> {
        let now = self.now();
        self.with(kind, |vendors| vendors.probes_due(chain, now))
    }

    /// Notes that a vendor gave a whole answer, or for a recogniser final words.
    pub fn worked(&self, kind: Kind, place: &Place) {
        count(kind, place, "ok");
        if let Some(Changed { .. }) = self.with(kind, |vendors| vendors.succeeded(place)) {
            info!(kind = kind.name(), vendor = %place.vendor, "vendor works again");
        }
    }

    /// Notes that a vendor failed.
    pub fn failed(&self, kind: Kind, place: &Place, fault: &Fault) {
        count(kind, place, "failed");
        let now = self.now();
        if let Some(Changed { .. }) = self.with(kind, |vendors| vendors.failed(place, fault, now)) {
            warn!(kind = kind.name(), %fault, "vendor passed over until a probe succeeds");
        }
    }

    fn now(&self) -> Duration {
        self.0.started.elapsed()
    }

    fn with<T>(&self, kind: Kind, work: impl FnOnce(&mut Fallback<Place>) -> T) -> T {
        let mut kinds: MutexGuard<'_, _> = self.0.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        work(kinds.entry(kind).or_insert_with(|| Fallback::new(BreakerSettings::default())))
    }
}

fn count(kind: Kind, place: &Place, outcome: &'static str) {
    let vendor = place.vendor.name();
    metrics::counter!(VENDOR_REQUESTS_TOTAL, "kind" => kind.name(), "vendor" => vendor, "outcome" => outcome)
        .increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(base_url: &str) -> Place {
        Place::new(Vendor::OpenAi, &Endpoint::new(base_url, "key"))
    }

    #[test]
    fn the_same_protocol_at_two_addresses_fails_apart_and_so_do_kinds() {
        let vendors = Vendors::default();
        let chain = [place("http://one"), place("http://two")];
        let refused = Fault::from_response(Vendor::OpenAi, 401, &[], b"");
        vendors.failed(Kind::Llm, &chain[0], &refused);
        let first = |kind| vendors.attempt(kind, &chain, None).unwrap().vendor();
        assert_eq!((first(Kind::Llm), first(Kind::Tts)), (1, 0));
        vendors.worked(Kind::Llm, &chain[0]);
        assert_eq!(first(Kind::Llm), 0);
    }
}
