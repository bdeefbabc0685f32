use super::VadConfig;

/// Silence inside speech that is worth telling, in milliseconds.
const HUSH_MS: u32 = 100;

/// Begin and end of speech.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VadEdge {
    /// Speech began `speech_ms` ago.
    Started {
        /// Consecutive speech so far in milliseconds.
        speech_ms: u32,
    },
    /// Still within the speech, but silent for `silence_ms`; told once a silence, at 100 ms.
    Hushed {
        /// Silence so far in milliseconds.
        silence_ms: u32,
    },
    /// Speech went on after `Hushed`.
    Resumed {
        /// Consecutive speech so far in milliseconds.
        speech_ms: u32,
    },
    /// Speech ended `silence_ms` ago.
    Ended {
        /// Consecutive silence so far in milliseconds.
        silence_ms: u32,
    },
}

impl VadEdge {
    /// The same edge, told `ms` milliseconds later.
    pub(super) fn later(self, ms: u32) -> Self {
        match self {
            Self::Started { speech_ms } => Self::Started { speech_ms: speech_ms + ms },
            Self::Hushed { silence_ms } => Self::Hushed { silence_ms: silence_ms + ms },
            Self::Resumed { speech_ms } => Self::Resumed { speech_ms: speech_ms + ms },
            Self::Ended { silence_ms } => Self::Ended { silence_ms: silence_ms + ms },
        }
    }
}

/// Probabilities in, edges out: hysteresis, minimum speech, minimum silence.
#[derive(Debug, Clone)]
pub struct Edges {
    config: VadConfig,
    speaking: bool,
    hushed: bool,
    speech_ms: u32,
    silence_ms: u32,
}

impl Edges {
    /// Nobody speaks yet.
    #[must_use]
    pub fn new(config: VadConfig) -> Self {
        Self { config, speaking: false, hushed: false, speech_ms: 0, silence_ms: 0 }
    }

    /// The next `ms` milliseconds had this probability of speech.
    pub fn step(&mut self, probability: f32, ms: u32) -> Option<VadEdge> {
        let active =
            probability >= self.config.activation || self.speaking && probability > self.config.deactivation;
        if active { self.active(ms) } else { self.inactive(ms) }
    }

    /// Whether speech goes on.
    #[must_use]
    pub fn speaking(&self) -> bool {
        self.speaking
    }

    /// Consecutive speech up to now in milliseconds.
    #[must_use]
    pub fn speech_ms(&self) -> u32 {
        self.speech_ms
    }

    /// Consecutive silence up to now in milliseconds.
    #[must_use]
    pub fn silence_ms(&self) -> u32 {
        self.silence_ms
    }

    fn active(&mut self, ms: u32) -> Option<VadEdge> {
        self.speech_ms = self.speech_ms.saturating_add(ms);
        self.silence_ms = 0;
        if self.speaking {
            return std::mem::take(&mut self.hushed)
                .then_some(VadEdge::Resumed { speech_ms: self.speech_ms });
        }
        if self.speech_ms < self.config.min_speech_ms {
            return None;
        }
        self.speaking = true;
        Some(VadEdge::Started { speech_ms: self.speech_ms })
    }

    fn inactive(&mut self, ms: u32) -> Option<VadEdge> {
        self.silence_ms = self.silence_ms.saturating_add(ms);
        self.speech_ms = 0;
        if !self.speaking {
            return None;
        }
        let silence_ms = self.silence_ms;
        if silence_ms >= self.config.min_silence_ms {
            (self.speaking, self.hushed) = (false, false);
            return Some(VadEdge::Ended { silence_ms });
        }
        if silence_ms >= HUSH_MS && !self.hushed {
            self.hushed = true;
            return Some(VadEdge::Hushed { silence_ms });
        }
        None
    }
}
