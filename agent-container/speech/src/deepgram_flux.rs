//! Deepgram Flux, `/v2/listen`: a model that also says when the turn is over.

use std::time::Duration;

use serde::Deserialize;

use crate::stt::millis;
use crate::tolerance::Tolerance;
use crate::wire::{Header, Query};
use crate::{Fault, FaultKind, SttConfig, SttEvent, Transcript, Vendor, WsMessage, WsRequest, pcm};

/// Chunks the vendor recommends, milliseconds.
const CHUNK_MS: u32 = 80;
/// How the vendor marks a model of many languages.
const MULTILINGUAL: &str = "-multi";
/// Silence injected when the audio stops: without audio the vendor never ends a turn.
const SILENCE_MS: u32 = 500;

/// One session.
#[derive(Debug)]
pub struct DeepgramFlux {
    config: SttConfig,
    tolerance: Tolerance,
    gathered: pcm::Gather,
    closing: bool,
    /// Turn whose end was told; later messages about it are stale.
    ended_turn: Option<u64>,
}

impl DeepgramFlux {
    /// As long as the silence that follows.
    pub(crate) const KEEP_ALIVE_AFTER: Duration = Duration::from_millis(SILENCE_MS as u64);

    pub(crate) fn new(config: SttConfig) -> Self {
        let tolerance = Tolerance::new(Vendor::Deepgram, Tolerance::TEXT);
        let gathered = pcm::Gather::new(CHUNK_MS, config.sample_rate);
        Self { config, tolerance, gathered, closing: false, ended_turn: None }
    }

    pub(crate) fn connect(&self) -> WsRequest {
        let SttConfig { endpoint, model, language, sample_rate, options, .. } = &self.config;
        let mut query = Query::default();
        query.push_unless(&options.extra, "model", Some(model));
        // Only the model of many languages takes hints.
        let hint = language.as_ref().filter(|_| model.ends_with(MULTILINGUAL));
        query.push_unless(&options.extra, "language_hint", hint);
        query.push_unless(&options.extra, "encoding", Some("linear16"));
        query.push_unless(&options.extra, "sample_rate", Some(sample_rate));
        query.push_unless(&options.extra, "eot_threshold", options.end_of_turn_threshold);
        query.push_unless(&options.extra, "eager_eot_threshold", options.eager_threshold);
        query.push_unless(&options.extra, "eot_timeout_ms", options.end_of_turn_timeout_ms);
        for term in &options.keyterms {
            query.push("keyterm", term);
        }
        query.push_all(&options.extra);
        WsRequest {
            url: endpoint.ws(&format!("/v2/listen{}", query.finish())),
            headers: vec![Header::secret("authorization", format!("Token {}", endpoint.key.reveal()))],
        }
    }

    pub(crate) fn audio(&mut self, samples: &[i16]) -> Option<WsMessage> {
        self.gathered.push(samples)
    }

    /// Silence: KeepAlive is not part of this protocol.
    pub(crate) fn keep_alive(&mut self) -> Vec<WsMessage> {
        let silence = vec![0; (self.config.sample_rate * SILENCE_MS / 1000) as usize];
        self.audio(&silence).into_iter().collect()
    }

    pub(crate) fn finalize(&mut self) -> Vec<WsMessage> {
        self.gathered.rest_and("ForceEndTurn")
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
                let ignored = self.tolerance.ignore::<()>("binary message".to_owned())?;
                return Ok(ignored.err().map(SttEvent::Ignored).into_iter().collect());
            }
            WsMessage::Close { .. } if self.closing => return Ok(vec![SttEvent::Closed]),
            WsMessage::Close { code, reason } => {
                let kind = if code == 1008 { FaultKind::Refused } else { FaultKind::Disconnected };
                return Err(Fault::new(Vendor::Deepgram, kind, code.to_string(), &reason));
            }
        };
        match self.tolerance.parse::<Message>(&text)? {
            Ok(Message::Connected { request_id }) => Ok(vec![SttEvent::Ready { request_id }]),
            Ok(Message::TurnInfo(info)) => Ok(self.turn(info)),
            Ok(Message::Error { code, description }) => {
                Err(Fault::reported(Vendor::Deepgram, &code, &description))
            }
            Ok(Message::Unknown) => {
                Ok(vec![SttEvent::Ignored("message without meaning for the call".to_owned())])
            }
            Err(reason) => Ok(vec![SttEvent::Ignored(reason)]),
        }
    }

    fn turn(&mut self, info: TurnInfo) -> Vec<SttEvent> {
        if self.ended_turn.is_some_and(|ended| info.turn_index <= ended) {
            return vec![SttEvent::Ignored("turn already over".to_owned())];
        }
        let at_ms = millis(info.audio_window_end);
        let confidence = info.end_of_turn_confidence;
        let transcript = info.read();
        let preview = |event: fn(Transcript) -> SttEvent| transcript.clone().map(event).into_iter().collect();
        match info.event.as_str() {
            "StartOfTurn" => {
                let started = SttEvent::SpeechStarted { at_ms: millis(info.audio_window_start) };
                [started].into_iter().chain(transcript.map(SttEvent::Interim)).collect()
            }
            "Update" => preview(SttEvent::Interim),
            "EagerEndOfTurn" => preview(SttEvent::EagerEndOfTurn),
            "TurnResumed" => vec![SttEvent::TurnResumed],
            "EndOfTurn" => {
                self.ended_turn = Some(info.turn_index);
                let end = [SttEvent::EndOfSpeech { at_ms: Some(at_ms) }, SttEvent::EndOfTurn { confidence }];
                let flushed = (info.trigger.as_deref() == Some("manual")).then_some(SttEvent::Flushed);
                transcript.map(SttEvent::Final).into_iter().chain(end).chain(flushed).collect()
            }
            _ => vec![SttEvent::Ignored("unknown turn event".to_owned())],
        }
    }
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Message {
    Connected {
        #[serde(default)]
        request_id: String,
    },
    TurnInfo(TurnInfo),
    Error {
        #[serde(default)]
        code: String,
        #[serde(default)]
        description: String,
    },
    #[serde(other)]
    Unknown,
}

#[derive(Deserialize)]
struct TurnInfo {
    #[serde(default)]
    event: String,
    #[serde(default)]
    turn_index: u64,
    #[serde(default)]
    audio_window_start: f64,
    #[serde(default)]
    audio_window_end: f64,
    #[serde(default)]
    transcript: String,
    #[serde(default)]
    words: Vec<Word>,
    #[serde(default)]
    end_of_turn_confidence: f32,
    #[serde(default)]
    languages: Vec<String>,
    trigger: Option<String>,
}

#[derive(Deserialize)]
struct Word {
    start: Option<f64>,
    end: Option<f64>,
    confidence: Option<f32>,
}

impl TurnInfo {
    fn read(&self) -> Option<Transcript> {
        let text = self.transcript.trim();
        if text.is_empty() {
            return None;
        }
        let heard: Vec<f32> = self.words.iter().filter_map(|word| word.confidence).collect();
        let confidence = if heard.is_empty() { 1.0 } else { heard.iter().sum::<f32>() / heard.len() as f32 };
        Some(Transcript {
            text: text.to_owned(),
            start_ms: millis(
                self.words.first().and_then(|word| word.start).unwrap_or(self.audio_window_start),
            ),
            end_ms: millis(self.words.last().and_then(|word| word.end).unwrap_or(self.audio_window_end)),
            confidence,
            language: self.languages.first().cloned(),
        })
    }
}
