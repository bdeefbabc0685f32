//! Which vendor next: order, deadlines, retries and circuit breakers as decisions about plain data.
//!
//! One [`Fallback`] per kind and process, shared by all calls; one [`Attempt`] per request. Vendors are named by
//! their place (`P`), whatever tells two endpoints apart; a chain is a list of places in the configured order. Time
//! is the driver's monotonic clock as an offset from any fixed point.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::{Fault, FaultKind, Retry};

/// What a vendor is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Speech to text.
    Stt,
    /// Language model.
    Llm,
    /// Text to speech.
    Tts,
    /// Speech to speech.
    Realtime,
}

/// Nothing waits for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// Connection and upgrade, or response headers.
    pub connect: Duration,
    /// First token, first audio; for STT, `Ready` counts as nothing and this is the wait for a final after
    /// `finalize`.
    pub first: Duration,
    /// Between pieces of an answer under way.
    pub between: Duration,
}

impl Kind {
    /// Name in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stt => "stt",
            Self::Llm => "llm",
            Self::Tts => "tts",
            Self::Realtime => "s2s",
        }
    }

    /// Defaults: an attempt must leave the caller time for another one.
    pub fn deadlines(self) -> Deadlines {
        let (connect, first, between) = match self {
            // livekit-agents waits 10 s for a connection, which no caller does.
            Self::Stt => (2000, 500, 2000),
            // vendors.md 9.1: 4 s to the first token (livekit-agents' fallback adapter: 5), 5 to 10 s between two.
            Self::Llm => (2000, 4000, 6000),
            Self::Tts => (2000, 3000, 4000),
            Self::Realtime => (3000, 5000, 5000),
        };
        Deadlines {
            connect: Duration::from_millis(connect),
            first: Duration::from_millis(first),
            between: Duration::from_millis(between),
        }
    }
}

/// When a breaker opens and how long it stays open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerSettings {
    /// Faults in a row.
    pub faults: u32,
    /// First pause before a probe; doubles with every failed probe.
    pub pause: Duration,
    /// Longest pause.
    pub longest_pause: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self { faults: 3, pause: Duration::from_secs(5), longest_pause: Duration::from_secs(120) }
    }
}

/// Availability of one vendor changed: log it, count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Whether it is used again.
    pub available: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Breaker {
    faults: u32,
    /// Set while the breaker is open.
    open: Option<Open>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    pause: Duration,
    probe_at: Duration,
}

/// Which vendors of one kind work.
#[derive(Debug)]
pub struct Fallback<P> {
    settings: BreakerSettings,
    /// Places without an entry had no fault lately.
    breakers: BTreeMap<P, Breaker>,
}

impl<P: Ord + Clone> Fallback<P> {
    /// All vendors count as working.
    pub fn new(settings: BreakerSettings) -> Self {
        Self { settings, breakers: BTreeMap::new() }
    }

    /// Order in which to try the places of a chain now, as indices into it: the available ones as configured, then
    /// the others as configured, because trying beats silence.
    pub fn order(&self, chain: &[P]) -> Vec<usize> {
        let open = |&at: &usize| self.breakers.get(&chain[at]).is_some_and(|breaker| breaker.open.is_some());
        let (open, mut order): (Vec<_>, Vec<_>) = (0..chain.len()).partition(open);
        order.extend(open);
        order
    }

    /// Unavailable places of a chain whose time for a probe has come. The next probe of each is put off, so that
    /// asking twice does not probe twice.
    pub fn probes_due(&mut self, chain: &[P], now: Duration) -> Vec<usize> {
        let due = |at: &usize| {
            let open = self.breakers.get_mut(&chain[*at]).and_then(|breaker| breaker.open.as_mut());
            let Some(open) = open.filter(|open| open.probe_at <= now) else { return false };
            open.probe_at = now + open.pause;
            true
        };
        (0..chain.len()).filter(due).collect()
    }

    /// A request or probe succeeded. For STT that is a final with words, not a connection.
    pub fn succeeded(&mut self, place: &P) -> Option<Changed> {
        let breaker = self.breakers.remove(place)?;
        breaker.open.map(|_| Changed { available: true })
    }

    /// A request or probe failed. Faults only a person can mend open the breaker at once.
    pub fn failed(&mut self, place: &P, fault: &Fault, now: Duration) -> Option<Changed> {
        let settings = self.settings;
        if fault.kind == FaultKind::Refused {
            // Says something about the request, nothing about the vendor.
            return None;
        }
        let breaker = self.breakers.entry(place.clone()).or_default();
        if let Some(open) = &mut breaker.open {
            open.pause = (open.pause * 2).min(settings.longest_pause);
            open.probe_at = now + open.pause;
            return None;
        }
        breaker.faults += 1;
        let hopeless = matches!(fault.kind, FaultKind::Credentials | FaultKind::Quota);
        if !hopeless && breaker.faults < settings.faults {
            return None;
        }
        let pause = if hopeless { settings.longest_pause } else { settings.pause };
        breaker.open = Some(Open { pause, probe_at: now + pause });
        Some(Changed { available: false })
    }
}

/// What of an answer already reached the caller, or was said in a way that cannot be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// Nothing.
    Nothing,
    /// A piece of the answer: text given to the voice, audio played.
    Some,
}

/// What to do after a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The same vendor again after this long.
    Again {
        /// Place in the configured order.
        vendor: usize,
        /// Wait.
        after: Duration,
    },
    /// Another vendor at once, with everything sent so far.
    Other {
        /// Place in the configured order.
        vendor: usize,
    },
    /// Keep what was delivered and stop: saying it twice is worse.
    KeepPartial,
    /// Nothing is left: say so politely.
    GiveUp,
}

/// One request on its way through the vendors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    kind: Kind,
    order: Vec<usize>,
    at: usize,
    retried: bool,
}

impl Attempt {
    /// Begins with the first of the order, as [`Fallback::order`] gives it; `None` when no vendor is configured.
    pub fn begin(kind: Kind, order: Vec<usize>) -> Option<Self> {
        (!order.is_empty()).then_some(Self { kind, order, at: 0, retried: false })
    }

    /// The same with one vendor last, because it kept this caller waiting already.
    pub fn begin_avoiding(kind: Kind, mut order: Vec<usize>, avoided: usize) -> Option<Self> {
        order.sort_by_key(|&at| at == avoided);
        Self::begin(kind, order)
    }

    /// Who answers now.
    pub fn vendor(&self) -> usize {
        self.order[self.at]
    }

    /// What to do after a fault of the current vendor.
    ///
    /// A model that already delivered is never asked twice: another one would say something else. Before that, with
    /// another vendor at hand, it is asked at once; only the last one gets a second try, and only where one is safe.
    /// A voice goes on so in the middle of a speech, with the words that have not sounded. Ears always go on,
    /// because the audio since the last final is sent again: a session that had worked is opened again at the same
    /// vendor first.
    pub fn failed(&mut self, fault: &Fault, delivered: Delivered) -> Next {
        let had_delivered = delivered == Delivered::Some;
        if had_delivered && self.kind == Kind::Llm {
            return Next::KeepPartial;
        }
        let again = had_delivered && self.kind == Kind::Stt && !self.retried;
        if self.at + 1 < self.order.len() && !(again && fault.retry() == Retry::Now) {
            self.at += 1;
            self.retried = false;
            return Next::Other { vendor: self.vendor() };
        }
        match (std::mem::replace(&mut self.retried, true), fault.retry()) {
            (false, Retry::Now) => Next::Again { vendor: self.vendor(), after: Duration::ZERO },
            (false, Retry::After(after)) => Next::Again { vendor: self.vendor(), after },
            _ => Next::GiveUp,
        }
    }
}

/// Waits before reconnecting a live STT socket: at once, then longer; the last repeats.
pub fn reconnect_after(tries: u32) -> Duration {
    const WAITS_MS: [u64; 4] = [0, 100, 300, 1000];
    Duration::from_millis(WAITS_MS[(tries as usize).min(WAITS_MS.len() - 1)])
}
