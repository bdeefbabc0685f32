//! Which vendor next: order, deadlines, retries and circuit breakers as decisions about plain data.
//!
//! One [`Fallback`] per kind and process, shared by all calls; one [`Attempt`] per request. Time is the driver's
//! monotonic clock as an offset from any fixed point.

use std::time::Duration;

use crate::{Fault, FaultKind, Retry};

/// What a vendor is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// Defaults: an attempt must leave the caller time for another one.
    pub fn deadlines(self) -> Deadlines {
        let (connect, first, between) = match self {
            // livekit-agents waits 10 s for a connection, which no caller does.
            Self::Stt => (2000, 500, 2000),
            // 5 s to the first chunk as in livekit-agents' fallback adapter.
            Self::Llm => (2000, 5000, 8000),
            Self::Tts => (2000, 3000, 3000),
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
    /// Place in the configured order.
    pub vendor: usize,
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

/// Vendors of one kind in the configured order, and which of them work.
#[derive(Debug)]
pub struct Fallback {
    settings: BreakerSettings,
    breakers: Vec<Breaker>,
}

impl Fallback {
    /// As many vendors as the configuration names for this kind.
    pub fn new(vendors: usize, settings: BreakerSettings) -> Self {
        Self { settings, breakers: vec![Breaker::default(); vendors] }
    }

    /// Order in which to try now: the available ones as configured; all of them when none is available.
    pub fn order(&self) -> Vec<usize> {
        let all = 0..self.breakers.len();
        let available: Vec<_> = all.clone().filter(|&vendor| self.breakers[vendor].open.is_none()).collect();
        if available.is_empty() { all.collect() } else { available }
    }

    /// Unavailable vendors whose time for a background probe has come. The next probe of each is put off, so that
    /// asking twice does not probe twice.
    pub fn probes_due(&mut self, now: Duration) -> Vec<usize> {
        let mut due = Vec::new();
        for (vendor, breaker) in self.breakers.iter_mut().enumerate() {
            if let Some(open) = breaker.open.as_mut().filter(|open| open.probe_at <= now) {
                open.probe_at = now + open.pause;
                due.push(vendor);
            }
        }
        due
    }

    /// A request or probe succeeded. For STT that is a final with words, not a connection.
    pub fn succeeded(&mut self, vendor: usize) -> Option<Changed> {
        let breaker = self.breakers.get_mut(vendor)?;
        breaker.faults = 0;
        breaker.open.take().map(|_| Changed { vendor, available: true })
    }

    /// A request or probe failed. Faults only a person can mend open the breaker at once.
    pub fn failed(&mut self, vendor: usize, fault: &Fault, now: Duration) -> Option<Changed> {
        let settings = self.settings;
        let breaker = self.breakers.get_mut(vendor)?;
        if fault.kind == FaultKind::Refused {
            // Says something about the request, nothing about the vendor.
            return None;
        }
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
        Some(Changed { vendor, available: false })
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
#[derive(Clone, Debug)]
pub struct Attempt {
    kind: Kind,
    order: Vec<usize>,
    at: usize,
    retried: bool,
}

impl Attempt {
    /// Begins with the first of the order; `None` when no vendor is configured.
    pub fn begin(kind: Kind, fallback: &Fallback) -> Option<Self> {
        let order = fallback.order();
        (!order.is_empty()).then_some(Self { kind, order, at: 0, retried: false })
    }

    /// Who answers now.
    pub fn vendor(&self) -> usize {
        self.order[self.at]
    }

    /// What to do after a fault of the current vendor.
    ///
    /// A model or voice that already delivered is never asked twice. Before that, with another vendor at hand, it
    /// is asked at once; only the last one gets a second try, and only where one is safe. Ears always go on: the
    /// audio since the last final is sent again.
    pub fn failed(&mut self, fault: &Fault, delivered: Delivered) -> Next {
        let speaks = matches!(self.kind, Kind::Llm | Kind::Tts);
        if speaks && delivered == Delivered::Some {
            return Next::KeepPartial;
        }
        if self.at + 1 < self.order.len() {
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
