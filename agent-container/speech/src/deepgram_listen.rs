//! Deepgram live transcription, `/v1/listen` (Nova models).

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use crate::stt::millis;
use crate::tolerance::Tolerance;
use crate::wire::{Header, Query};
use crate::{Fault, FaultKind, SttConfig, SttEvent, Transcript, Vendor, WsMessage, WsRequest, pcm};

/// Silence that closes an utterance when the configuration does not say; the vendor's own default of 10 ms cuts
/// sentences into fragments.
const ENDPOINTING_MS: u32 = 300;
/// Smallest value the vendor calls sensible.
const UTTERANCE_END_MS: u32 = 1000;
/// Silence that primes a socket which has not heard any audio: KeepAlive alone may not hold it open.
const PRIMER_MS: u32 = 20;
/// Audio goes in pieces of this length: a message for each 20 ms would cost more than anything else a call does.
/// livekit's plugin sends 50 ms.
const CHUNK_MS: u32 = 80;
/// An interim that starts this much before the end of the last final is about settled words.
const OVERLAP_MS: u64 = 50;

/// One session.
#[derive(Debug)]
pub struct DeepgramListen {
    config: SttConfig,
    tolerance: Tolerance,
    gathered: pcm::Gather,
    heard_audio: bool,
    closing: bool,
    settled_until_ms: u64,
}

impl DeepgramListen {
    /// The vendor closes after 10 s without audio or KeepAlive.
    pub(crate) const KEEP_ALIVE_AFTER: Duration = Duration::from_secs(4);

    pub(crate) fn new(config: SttConfig) -> Self {
        let tolerance = Tolerance::new(Vendor::Deepgram, Tolerance::TEXT);
        let gathered = pcm::Gather::new(CHUNK_MS, config.sample_rate);
        Self { config, tolerance, gathered, heard_audio: false, closing: false, settled_until_ms: 0 }
    }

    pub(crate) fn connect(&self) -> WsRequest {
        let SttConfig { endpoint, model, language, sample_rate, options, .. } = &self.config;
        let endpointing = options.endpointing_ms.unwrap_or(ENDPOINTING_MS).to_string();
        let utterance_end = UTTERANCE_END_MS.to_string();
        let sample_rate = sample_rate.to_string();
        let ours = [
            ("model", Some(model.as_str())),
            ("language", language.as_deref()),
            ("encoding", Some("linear16")),
            ("sample_rate", Some(&sample_rate)),
            ("channels", Some("1")),
            ("interim_results", Some("true")),
            ("endpointing", Some(&endpointing)),
            ("utterance_end_ms", Some(&utterance_end)),
            ("vad_events", Some("true")),
            ("smart_format", Some("true")),
            ("no_delay", Some("true")),
        ];
        let mut query = Query::default();
        for (name, value) in ours {
            query.push_unless(&options.extra, name, value);
        }
        for term in &options.keyterms {
            query.push("keyterm", term);
        }
        query.push_all(&options.extra);
        WsRequest {
            url: endpoint.ws(&format!("/v1/listen{}", query.finish())),
            headers: vec![Header::secret("authorization", format!("Token {}", endpoint.key.reveal()))],
        }
    }

    /// Never an empty frame: the vendor takes it as the end of the stream.
    pub(crate) fn audio(&mut self, samples: &[i16]) -> Option<WsMessage> {
        self.heard_audio |= !samples.is_empty();
        self.gathered.push(samples)
    }

    pub(crate) fn keep_alive(&mut self) -> Vec<WsMessage> {
        if !self.heard_audio {
            self.audio(&vec![0; (self.config.sample_rate * PRIMER_MS / 1000) as usize]);
        }
        self.gathered.rest().into_iter().chain([WsMessage::json(&json!({"type": "KeepAlive"}))]).collect()
    }

    pub(crate) fn finalize(&mut self) -> Vec<WsMessage> {
        self.gathered.rest_and("Finalize")
    }

    pub(crate) fn close(&mut self) -> Vec<WsMessage> {
        self.closing = true;
        self.gathered.rest_and("CloseStream")
    }

    pub(crate) fn decode(&mut self, message: WsMessage) -> Result<Vec<SttEvent>, Fault> {
        let text = match message {
            WsMessage::Text(text) => text,
            WsMessage::Binary(bytes) => {
                self.tolerance.size(bytes.len())?;
                return Ok(vec![self.ignored("binary message")?]);
            }
            WsMessage::Close { code, reason } => return self.closed(code, &reason),
        };
        match self.tolerance.parse::<Message>(&text)? {
            Ok(message) => self.understand(message),
            Err(reason) => Ok(vec![SttEvent::Ignored(reason)]),
        }
    }

    fn understand(&mut self, message: Message) -> Result<Vec<SttEvent>, Fault> {
        match message {
            Message::Results(results) => Ok(self.results(results)),
            Message::SpeechStarted { timestamp } => {
                Ok(vec![SttEvent::SpeechStarted { at_ms: millis(timestamp) }])
            }
            // −1 when no word was found.
            Message::UtteranceEnd { last_word_end } => Ok(vec![SttEvent::EndOfSpeech {
                at_ms: (last_word_end >= 0.0).then(|| millis(last_word_end)),
            }]),
            Message::Metadata { request_id } => Ok(vec![SttEvent::Ready { request_id }]),
            Message::Error { description, message } => Err(Fault::reported(
                Vendor::Deepgram,
                "",
                description.or(message).as_deref().unwrap_or_default(),
            )),
            Message::Unknown => Ok(vec![SttEvent::Ignored("unknown message type".to_owned())]),
        }
    }

    fn results(&mut self, results: Results) -> Vec<SttEvent> {
        let start_ms = millis(results.start);
        let end_ms = millis(results.start + results.duration);
        let flushed = results.from_finalize.then_some(SttEvent::Flushed);
        let transcript =
            results.channel.alternatives.into_iter().next().and_then(|best| best.read(start_ms, end_ms));
        if !results.is_final {
            let event = match transcript {
                None => SttEvent::Ignored("empty interim".to_owned()),
                Some(_) if start_ms + OVERLAP_MS < self.settled_until_ms => {
                    SttEvent::Ignored("interim about settled words".to_owned())
                }
                Some(transcript) => SttEvent::Interim(transcript),
            };
            return vec![event];
        }
        if transcript.is_some() && end_ms <= self.settled_until_ms {
            return vec![SttEvent::Ignored("final repeated".to_owned())];
        }
        self.settled_until_ms = self.settled_until_ms.max(end_ms);
        let ended_ms = transcript.as_ref().map(|t| t.end_ms);
        // What we asked for in a pause of our choice is no judgement of the vendor's.
        let judged = results.speech_final && !results.from_finalize;
        let ended = judged.then_some(SttEvent::EndOfSpeech { at_ms: ended_ms });
        let events: Vec<_> =
            transcript.map(SttEvent::Final).into_iter().chain(ended).chain(flushed).collect();
        if events.is_empty() { vec![SttEvent::Ignored("empty final".to_owned())] } else { events }
    }

    fn closed(&self, code: u16, reason: &str) -> Result<Vec<SttEvent>, Fault> {
        if self.closing {
            return Ok(vec![SttEvent::Closed]);
        }
        let kind = match code {
            1008 => FaultKind::Refused,
            _ => FaultKind::Disconnected,
        };
        Err(Fault::new(Vendor::Deepgram, kind, code.to_string(), reason))
    }

    fn ignored(&mut self, reason: &str) -> Result<SttEvent, Fault> {
        let Err(reason) = self.tolerance.ignore::<()>(reason.to_owned())? else {
            return Ok(SttEvent::Ignored(reason.to_owned()));
        };
        Ok(SttEvent::Ignored(reason))
    }
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Message {
    Results(Results),
    SpeechStarted {
        #[serde(default)]
        timestamp: f64,
    },
    UtteranceEnd {
        #[serde(default = "nowhere")]
        last_word_end: f64,
    },
    Metadata {
        #[serde(default)]
        request_id: String,
    },
    Error {
        description: Option<String>,
        message: Option<String>,
    },
    #[serde(other)]
    Unknown,
}

fn nowhere() -> f64 {
    -1.0
}

#[derive(Deserialize)]
struct Results {
    #[serde(default)]
    start: f64,
    #[serde(default)]
    duration: f64,
    #[serde(default)]
    is_final: bool,
    #[serde(default)]
    speech_final: bool,
    #[serde(default)]
    from_finalize: bool,
    #[serde(default)]
    channel: Channel,
}

#[derive(Default, Deserialize)]
struct Channel {
    #[serde(default)]
    alternatives: Vec<Alternative>,
}

#[derive(Deserialize)]
struct Alternative {
    #[serde(default)]
    transcript: String,
    #[serde(default = "certain")]
    confidence: f32,
    #[serde(default)]
    languages: Vec<String>,
    #[serde(default)]
    words: Vec<Word>,
}

impl Alternative {
    fn read(self, start_ms: u64, end_ms: u64) -> Option<Transcript> {
        let text = self.transcript.trim();
        if text.is_empty() {
            return None;
        }
        Some(Transcript {
            text: text.to_owned(),
            start_ms: self.words.first().map_or(start_ms, |word| millis(word.start)),
            end_ms: self.words.last().map_or(end_ms, |word| millis(word.end)),
            confidence: self.confidence,
            language: self.languages.into_iter().next(),
        })
    }
}

fn certain() -> f32 {
    1.0
}

#[derive(Deserialize)]
struct Word {
    #[serde(default)]
    start: f64,
    #[serde(default)]
    end: f64,
}
