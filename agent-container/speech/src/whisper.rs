//! OpenAI and Groq transcription: one request an utterance, nothing while it is spoken.
//!
//! The audio is gathered all the time, with some from before the speech began; [`SttFile::speech_started`] marks
//! the beginning and [`SttFile::speech_ended`] makes the request, both on the word of our own VAD. In speech without an
//! end [`SttFile::so_far`] asks what was said until now, and [`SttFile::finalize`] takes it.

use std::collections::VecDeque;

use serde::Deserialize;

use crate::openai_chat::{headers, url};
use crate::stt::{millis, primary};
use crate::{
    Body, Fault, FaultKind, Header, HttpRequest, Method, SttConfig, SttEvent, Transcript, Vendor, wav,
};

/// Audio kept from before the VAD noticed the speech, milliseconds.
const BEFORE_MS: u64 = 400;
/// Longest utterance, seconds; when it is full the oldest audio is dropped. 60 s at 16 kHz are 1.9 MB, far below
/// the vendors' 25 MB.
const LONGEST_S: u64 = 60;
/// Speech shorter than this is not worth a request.
const SHORTEST_MS: u64 = 100;
/// Text the models invent on silence comes with these (Whisper's own thresholds).
const NO_SPEECH: f64 = 0.6;
const IMPROBABLE: f64 = -1.0;
/// Separates the parts of the form; WAV headers and settings never contain it.
const BOUNDARY: &str = "ringdown-7MA4YWxkTrZu0gW";

/// One call's session. Requests are independent: several may be under way, answers are given in any order with
/// their place in the stream.
#[derive(Debug)]
pub struct SttFile {
    config: SttConfig,
    audio: VecDeque<i16>,
    /// Samples heard before the first one still kept.
    dropped: u64,
    speaking_since: Option<u64>,
}

/// What an [`Utterance`] is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Its words: it is over.
    Final,
    /// The words so far.
    SoFar,
}

/// An utterance to transcribe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Utterance {
    /// The request for it.
    pub request: HttpRequest,
    /// What for.
    pub asked: Asked,
    /// Start, milliseconds of audio heard.
    pub start_ms: u64,
    /// End, milliseconds of audio heard.
    pub end_ms: u64,
}

impl SttFile {
    /// Longest answer that is read, in bytes: longer than any honest transcript of a minute.
    pub const LARGEST: usize = 1 << 20;

    pub(crate) fn new(config: SttConfig) -> Self {
        Self { config, audio: VecDeque::new(), dropped: 0, speaking_since: None }
    }

    /// Audio at the configured rate, speech and silence alike.
    pub fn audio(&mut self, samples: &[i16]) {
        self.audio.extend(samples);
        let keep_ms = if self.speaking_since.is_some() { LONGEST_S * 1000 } else { BEFORE_MS };
        let excess = self.audio.len().saturating_sub(self.samples(keep_ms));
        self.audio.drain(..excess);
        self.dropped += excess as u64;
    }

    /// Our own VAD heard speech begin.
    pub fn speech_started(&mut self) -> Vec<SttEvent> {
        if self.speaking_since.is_some() {
            return Vec::new();
        }
        self.speaking_since = Some(self.now());
        vec![SttEvent::SpeechStarted { at_ms: self.ms(self.now()) }]
    }

    /// Our own VAD heard speech end: the request for what was said; `None` without speech worth one.
    pub fn speech_ended(&mut self) -> Option<Utterance> {
        let utterance = self.finalize();
        self.speaking_since = None;
        utterance
    }

    /// The request for what was said until now, which is taken as an utterance, whether the voice goes on or not; `None`
    /// without speech worth one.
    pub fn finalize(&mut self) -> Option<Utterance> {
        let utterance = self.utterance(Asked::Final)?;
        self.forget(self.audio.len());
        self.speaking_since = Some(self.now());
        Some(utterance)
    }

    /// The request for what was said until now, while it goes on; `None` without speech worth one.
    pub fn so_far(&mut self) -> Option<Utterance> {
        self.utterance(Asked::SoFar)
    }

    fn utterance(&mut self, asked: Asked) -> Option<Utterance> {
        let since = self.speaking_since?;
        if self.ms(self.now() - since) < SHORTEST_MS {
            return None;
        }
        let (start_ms, end_ms) = (self.ms(self.dropped), self.ms(self.now()));
        let samples: Vec<i16> = self.audio.make_contiguous().to_vec();
        Some(Utterance { request: self.request(&samples), asked, start_ms, end_ms })
    }

    fn forget(&mut self, samples: usize) {
        self.audio.drain(..samples);
        self.dropped += samples as u64;
    }

    /// There was no word in it: all but its end, in which one may have begun, is not asked about again.
    fn wordless(&mut self, utterance: &Utterance) {
        let until = (u64::from(self.config.sample_rate) * utterance.end_ms / 1000)
            .saturating_sub(self.samples(BEFORE_MS) as u64)
            .saturating_sub(self.dropped);
        self.forget((until as usize).min(self.audio.len()));
    }

    /// What the answer to an utterance means. `headers` are name and value pairs of the response. Words so far of what was
    /// finalised meanwhile mean nothing.
    ///
    /// # Errors
    /// When the vendor refused or what it said cannot be read.
    pub fn decode(
        &mut self,
        utterance: &Utterance,
        status: u16,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Result<Vec<SttEvent>, Fault> {
        let vendor = self.vendor();
        if !(200..300).contains(&status) {
            return Err(Fault::from_response(vendor, status, headers, body));
        }
        if body.len() > Self::LARGEST {
            return Err(Fault::new(vendor, FaultKind::Oversize, "", ""));
        }
        let answer: Answer = serde_json::from_slice(body)
            .map_err(|error| Fault::malformed(vendor, &format!("transcription: {:?}", error.classify())))?;
        let transcript = Transcript {
            text: answer.text(),
            start_ms: answer
                .segments
                .first()
                .map_or(utterance.start_ms, |s| utterance.start_ms + millis(s.start)),
            end_ms: utterance.end_ms,
            confidence: answer.confidence(),
            language: answer.language.clone(),
        };
        if utterance.asked == Asked::SoFar {
            let stale = self.speaking_since.is_none() || self.ms(self.dropped) >= utterance.end_ms;
            if transcript.text.is_empty() && !stale {
                self.wordless(utterance);
            }
            return Ok(if stale { Vec::new() } else { vec![SttEvent::SoFar(transcript)] });
        }
        let transcript = (!transcript.text.is_empty()).then_some(transcript);
        let end = [SttEvent::EndOfSpeech { at_ms: Some(utterance.end_ms) }, SttEvent::Flushed];
        Ok(transcript.map(SttEvent::Final).into_iter().chain(end).collect())
    }

    fn request(&self, samples: &[i16]) -> HttpRequest {
        let SttConfig { endpoint, model, language, sample_rate, options, .. } = &self.config;
        let prompt = (!options.keyterms.is_empty()).then(|| options.keyterms.join(", "));
        let ours = [
            ("model", Some(model.clone())),
            // Only the primary subtag: the vendors take ISO 639-1.
            ("language", language.as_deref().map(|l| primary(l).to_owned())),
            ("prompt", prompt),
            // Groq's Whisper gives probabilities in the long form; not all of OpenAI's models know it.
            (
                "response_format",
                Some(if self.vendor() == Vendor::Groq { "verbose_json" } else { "json" }.to_owned()),
            ),
        ];
        let mut form = Form::default();
        for (name, value) in ours {
            if let Some(value) = value.filter(|_| !options.extra.iter().any(|(n, _)| n == name)) {
                form.field(name, &value);
            }
        }
        for (name, value) in &options.extra {
            form.field(name, value);
        }
        form.file(&wav::write(samples, *sample_rate));
        let mut headers = headers(endpoint);
        headers.push(Header::new("content-type", format!("multipart/form-data; boundary={BOUNDARY}")));
        let url = url(endpoint, self.vendor(), "/audio/transcriptions");
        HttpRequest { method: Method::Post, url, headers, body: form.finish() }
    }

    fn vendor(&self) -> Vendor {
        self.config.vendor.vendor()
    }

    fn now(&self) -> u64 {
        self.dropped + self.audio.len() as u64
    }

    fn ms(&self, samples: u64) -> u64 {
        samples * 1000 / u64::from(self.config.sample_rate.max(1))
    }

    fn samples(&self, ms: u64) -> usize {
        (u64::from(self.config.sample_rate) * ms / 1000) as usize
    }
}

/// `multipart/form-data` (RFC 7578).
#[derive(Default)]
struct Form(Vec<u8>);

impl Form {
    fn field(&mut self, name: &str, value: &str) {
        let part =
            format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        self.0.extend_from_slice(part.as_bytes());
    }

    fn file(&mut self, wav: &[u8]) {
        let head = format!(
            "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"speech.wav\"\r\n\
             content-type: audio/wav\r\n\r\n"
        );
        self.0.extend_from_slice(head.as_bytes());
        self.0.extend_from_slice(wav);
        self.0.extend_from_slice(b"\r\n");
    }

    fn finish(mut self) -> Body {
        self.0.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        Body(self.0)
    }
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    text: String,
    language: Option<String>,
    #[serde(default)]
    segments: Vec<Segment>,
}

#[derive(Deserialize)]
struct Segment {
    #[serde(default)]
    text: String,
    #[serde(default)]
    start: f64,
    #[serde(default)]
    avg_logprob: f64,
    #[serde(default)]
    no_speech_prob: f64,
}

impl Answer {
    /// The text without the segments the model invented on silence.
    fn text(&self) -> String {
        let invented = |s: &Segment| s.no_speech_prob > NO_SPEECH && s.avg_logprob < IMPROBABLE;
        if !self.segments.iter().any(invented) {
            return self.text.trim().to_owned();
        }
        let real = self.segments.iter().filter(|s| !invented(s)).map(|s| s.text.trim());
        real.collect::<Vec<_>>().join(" ")
    }

    fn confidence(&self) -> f32 {
        let sum: f64 = self.segments.iter().map(|s| s.avg_logprob).sum();
        let mean = if self.segments.is_empty() { 0.0 } else { sum / self.segments.len() as f64 };
        mean.exp().min(1.0) as f32
    }
}
