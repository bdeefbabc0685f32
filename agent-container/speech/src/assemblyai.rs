//! AssemblyAI streaming v3.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use crate::stt::primary;
use crate::tolerance::Tolerance;
use crate::wire::{Header, Query};
use crate::{Fault, FaultKind, SttConfig, SttEvent, Transcript, Vendor, WsMessage, WsRequest, pcm};

/// The vendor closes on chunks under 50 ms; three telephone frames make one.
const CHUNK_MS: u32 = 60;
/// And on chunks over 1000 ms.
const LONGEST_MS: u32 = 900;
/// And on audio that comes faster than it was spoken, without saying how much faster; after a reconnect there are up to ten
/// seconds that have to be sent again, of which so much is.
const HEAD_START_MS: u32 = 2500;
/// Most that is gathered until the vendor says that it is there: those ten seconds and a slow connection.
const WAITING_MS: u32 = 15_000;
/// What is left out of them is chosen in pieces of this length.
const BLOCK_MS: u32 = 20;
/// A piece is quiet when its peak is this many times below the loudest (20 dB).
const QUIET: u32 = 10;

/// One session.
#[derive(Debug)]
pub struct AssemblyAi {
    config: SttConfig,
    tolerance: Tolerance,
    gathered: Vec<i16>,
    /// The vendor accepted the session: before, audio is only gathered.
    begun: bool,
    /// Samples left out, because the vendor would have had to take them too fast.
    skipped: u64,
    closing: bool,
    forced: bool,
    /// Turn whose end was told: with formatted turns the end comes twice.
    ended_turn: Option<u64>,
    /// Words of the eager end told last, and its turn.
    eager: Option<(u64, String)>,
}

impl AssemblyAi {
    /// Far below the smallest inactivity timeout that can be set (5 s).
    pub(crate) const KEEP_ALIVE_AFTER: Duration = Duration::from_secs(4);

    pub(crate) fn new(config: SttConfig) -> Self {
        let tolerance = Tolerance::new(Vendor::AssemblyAi, Tolerance::TEXT);
        Self {
            config,
            tolerance,
            gathered: Vec::new(),
            begun: false,
            skipped: 0,
            closing: false,
            forced: false,
            ended_turn: None,
            eager: None,
        }
    }

    pub(crate) fn connect(&self) -> WsRequest {
        let SttConfig { endpoint, model, language, sample_rate, options, .. } = &self.config;
        let list = |items: &[String]| (!items.is_empty()).then(|| json!(items).to_string());
        let mut query = Query::default();
        query.push_unless(&options.extra, "sample_rate", Some(sample_rate));
        query.push_unless(&options.extra, "encoding", Some("pcm_s16le"));
        query.push_unless(&options.extra, "speech_model", Some(model));
        query.push_unless(&options.extra, "format_turns", Some("false"));
        query.push_unless(
            &options.extra,
            "language_codes",
            language.as_ref().and_then(|l| list(&[primary(l).to_owned()])),
        );
        query.push_unless(&options.extra, "end_of_turn_confidence_threshold", options.end_of_turn_threshold);
        query.push_unless(&options.extra, "min_turn_silence", options.endpointing_ms);
        query.push_unless(&options.extra, "max_turn_silence", options.end_of_turn_timeout_ms);
        query.push_unless(&options.extra, "keyterms_prompt", list(&options.keyterms));
        query.push_all(&options.extra);
        // The raw key: `Bearer` is refused.
        let headers = vec![Header::secret("authorization", endpoint.key.reveal())];
        WsRequest { url: endpoint.ws(&format!("/v3/ws{}", query.finish())), headers }
    }

    /// At most 900 ms of what was gathered; more only comes after a reconnect, and is then sent piece by piece with the
    /// audio that follows.
    pub(crate) fn audio(&mut self, samples: &[i16]) -> Option<WsMessage> {
        self.gathered.extend_from_slice(samples);
        if !self.begun {
            self.keep_last(WAITING_MS);
            return None;
        }
        if self.gathered.len() < self.samples(CHUNK_MS) {
            return None;
        }
        let rest = self.gathered.split_off(self.gathered.len().min(self.samples(LONGEST_MS)));
        let chunk = std::mem::replace(&mut self.gathered, rest);
        Some(WsMessage::Binary(pcm::to_bytes(&chunk)))
    }

    pub(crate) fn keep_alive(&mut self) -> Vec<WsMessage> {
        vec![WsMessage::json(&json!({"type": "KeepAlive"}))]
    }

    pub(crate) fn finalize(&mut self) -> Vec<WsMessage> {
        self.forced = true;
        self.rest().chain([WsMessage::json(&json!({"type": "ForceEndpoint"}))]).collect()
    }

    pub(crate) fn close(&mut self) -> Vec<WsMessage> {
        self.closing = true;
        self.rest().chain([WsMessage::json(&json!({"type": "Terminate"}))]).collect()
    }

    pub(crate) fn decode(&mut self, message: WsMessage) -> Result<Vec<SttEvent>, Fault> {
        let text = match message {
            WsMessage::Text(text) => text,
            WsMessage::Binary(bytes) => {
                self.tolerance.size(bytes.len())?;
                let ignored = self.tolerance.ignore::<()>("binary message".to_owned())?;
                return Ok(ignored.err().map(SttEvent::Ignored).into_iter().collect());
            }
            WsMessage::Close { .. } if self.closing => return Ok(vec![SttEvent::Closed]),
            WsMessage::Close { code, reason } => return Err(closed(code, &reason)),
        };
        match self.tolerance.parse::<Message>(&text)? {
            Ok(Message::Begin { id }) => {
                self.begun = true;
                self.catch_up();
                Ok(vec![SttEvent::Ready { request_id: id }])
            }
            Ok(Message::Turn(turn)) => Ok(self.turn(turn)),
            Ok(Message::SpeechStarted { timestamp }) => {
                Ok(vec![SttEvent::SpeechStarted { at_ms: self.skipped_ms() + timestamp as u64 }])
            }
            Ok(Message::Termination) if self.closing => Ok(vec![SttEvent::Closed]),
            Ok(Message::Termination) => {
                Err(Fault::new(Vendor::AssemblyAi, FaultKind::Expired, "Termination", ""))
            }
            Ok(Message::Error { error_code, error }) => Err(closed(error_code.unwrap_or(0), &error)),
            Ok(Message::Unknown) => {
                Ok(vec![SttEvent::Ignored("message without meaning for the call".to_owned())])
            }
            Err(reason) => Ok(vec![SttEvent::Ignored(reason)]),
        }
    }

    fn turn(&mut self, turn: Turn) -> Vec<SttEvent> {
        if self.ended_turn.is_some_and(|ended| turn.turn_order <= ended) {
            return vec![SttEvent::Ignored("turn already over".to_owned())];
        }
        let skipped_ms = self.skipped_ms();
        if turn.end_of_turn {
            self.ended_turn = Some(turn.turn_order);
            self.eager = None;
            let at_ms = turn.words.last().map(|word| skipped_ms + word.end as u64);
            let end = [
                SttEvent::EndOfSpeech { at_ms },
                SttEvent::EndOfTurn { confidence: turn.end_of_turn_confidence },
            ];
            let flushed = std::mem::take(&mut self.forced).then_some(SttEvent::Flushed);
            return turn
                .read(&turn.transcript, skipped_ms)
                .map(SttEvent::Final)
                .into_iter()
                .chain(end)
                .chain(flushed)
                .collect();
        }
        let Some(transcript) = turn.read(&turn.so_far(), skipped_ms) else {
            return vec![SttEvent::Ignored("turn without words".to_owned())];
        };
        let order = turn.turn_order;
        // A non-empty utterance is the vendor's sign that a pause followed complete words.
        if !turn.utterance.trim().is_empty() {
            self.eager = Some((order, transcript.text.clone()));
            return vec![SttEvent::Interim(transcript.clone()), SttEvent::EagerEndOfTurn(transcript)];
        }
        let resumed = self.eager.take_if(|(eager, words)| *eager == order && *words != transcript.text);
        resumed.map(|_| SttEvent::TurnResumed).into_iter().chain([SttEvent::Interim(transcript)]).collect()
    }

    /// All that was gathered, in chunks the vendor takes; the last is filled up with silence.
    fn rest(&mut self) -> impl Iterator<Item = WsMessage> + use<> {
        if !self.begun {
            self.catch_up();
        }
        let (least, most) = (self.samples(CHUNK_MS), self.samples(LONGEST_MS));
        let mut rest = std::mem::take(&mut self.gathered);
        let last = rest.len() % most;
        if last > 0 && last < least {
            rest.resize(rest.len() - last + least, 0);
        }
        let chunks: Vec<_> = rest.chunks(most).map(|chunk| WsMessage::Binary(pcm::to_bytes(chunk))).collect();
        chunks.into_iter()
    }

    /// Leaves out of what was gathered as much as the vendor would have to take too fast: quiet pieces, the oldest first, and
    /// the oldest of the rest when that is not enough.
    fn catch_up(&mut self) {
        let mut excess = self.gathered.len().saturating_sub(self.samples(HEAD_START_MS));
        let peak =
            |block: &[i16]| block.iter().map(|sample| u32::from(sample.unsigned_abs())).max().unwrap_or(0);
        let loudest = peak(&self.gathered);
        let all = std::mem::take(&mut self.gathered);
        for block in all.chunks(self.samples(BLOCK_MS)) {
            if excess > 0 && peak(block) * QUIET < loudest {
                excess = excess.saturating_sub(block.len());
                self.skipped += block.len() as u64;
            } else {
                self.gathered.extend_from_slice(block);
            }
        }
        self.keep_last(HEAD_START_MS);
    }

    fn keep_last(&mut self, ms: u32) {
        let excess = self.gathered.len().saturating_sub(self.samples(ms));
        self.gathered.drain(..excess);
        self.skipped += excess as u64;
    }

    /// What has to be added to the vendor's times; too much for words from before what was left out last.
    fn skipped_ms(&self) -> u64 {
        self.skipped * 1000 / u64::from(self.config.sample_rate.max(1))
    }

    /// At least one, whatever rate was configured.
    fn samples(&self, ms: u32) -> usize {
        ((u64::from(self.config.sample_rate) * u64::from(ms) / 1000) as usize).max(1)
    }
}

/// Close codes and error codes are the same numbers.
fn closed(code: u16, reason: &str) -> Fault {
    let kind = match code {
        // Authentication, or too many new sessions in this minute.
        1008 if reason.contains("concurrent") || reason.contains("Too many") => FaultKind::RateLimited,
        1008 | 4001 => FaultKind::Credentials,
        4002 => FaultKind::Quota,
        3005 => FaultKind::Unavailable,
        3006 | 3007 => FaultKind::Refused,
        3008 | 4008 | 4031 => FaultKind::Expired,
        3009 | 4029 => FaultKind::RateLimited,
        _ => FaultKind::Disconnected,
    };
    Fault::new(Vendor::AssemblyAi, kind, code.to_string(), reason)
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Message {
    Begin {
        #[serde(default)]
        id: String,
    },
    Turn(Turn),
    SpeechStarted {
        #[serde(default)]
        timestamp: f64,
    },
    Termination,
    Error {
        error_code: Option<u16>,
        #[serde(default)]
        error: String,
    },
    #[serde(other)]
    Unknown,
}

#[derive(Deserialize)]
struct Turn {
    #[serde(default)]
    turn_order: u64,
    #[serde(default)]
    end_of_turn: bool,
    #[serde(default)]
    transcript: String,
    #[serde(default)]
    utterance: String,
    #[serde(default)]
    end_of_turn_confidence: f32,
    #[serde(default)]
    words: Vec<Word>,
    language_code: Option<String>,
}

#[derive(Deserialize)]
struct Word {
    #[serde(default)]
    text: String,
    #[serde(default)]
    start: f64,
    #[serde(default)]
    end: f64,
    #[serde(default)]
    confidence: f32,
}

impl Turn {
    /// `transcript` holds only settled words; `words` also those that may still change.
    fn so_far(&self) -> String {
        if self.words.is_empty() {
            return self.transcript.clone();
        }
        self.words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    fn read(&self, text: &str, skipped_ms: u64) -> Option<Transcript> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let sure: f32 = self.words.iter().map(|word| word.confidence).sum();
        Some(Transcript {
            text: text.to_owned(),
            start_ms: self.words.first().map_or(0, |word| skipped_ms + word.start as u64),
            end_ms: self.words.last().map_or(0, |word| skipped_ms + word.end as u64),
            confidence: if self.words.is_empty() { 1.0 } else { sure / self.words.len() as f32 },
            language: self.language_code.clone(),
        })
    }
}
