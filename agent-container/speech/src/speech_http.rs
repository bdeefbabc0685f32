//! Text to speech by HTTP, one request a sentence: OpenAI and Groq `/audio/speech`.

use serde_json::{Map, Value};

use crate::openai_chat::{headers, rounded, url};
use crate::pcm::Samples;
use crate::{ContextId, Fault, FaultKind, HttpRequest, Method, TtsConfig, TtsEvent, Vendor, wav};

/// Rate of OpenAI's `pcm`, hertz.
const OPENAI_RATE: u32 = 24_000;
/// Longest input of OpenAI and of Groq's voices, characters.
const OPENAI_CHARS: usize = 4096;
const GROQ_CHARS: usize = 200;

/// Makes requests; has no state.
#[derive(Clone, Debug, PartialEq)]
pub struct TtsHttp {
    config: TtsConfig,
}

impl TtsHttp {
    pub(crate) fn new(config: TtsConfig) -> Self {
        Self { config }
    }

    /// Longest text of one request, characters; split longer ones between sentences.
    pub fn longest_text(&self) -> usize {
        if self.vendor() == Vendor::Groq { GROQ_CHARS } else { OPENAI_CHARS }
    }

    /// The request for a text. To cancel, drop the response.
    pub fn request(&self, text: &str) -> HttpRequest {
        let TtsConfig { endpoint, model, voice, sample_rate, settings, extra, .. } = &self.config;
        let mut body = Map::new();
        body.insert("model".into(), model.clone().into());
        body.insert("voice".into(), voice.clone().into());
        body.insert("input".into(), text.trim().into());
        if self.vendor() == Vendor::Groq {
            body.insert("response_format".into(), "wav".into());
            body.insert("sample_rate".into(), (*sample_rate).into());
        } else {
            body.insert("response_format".into(), "pcm".into());
        }
        if let Some(speed) = settings.speed {
            body.insert("speed".into(), rounded(speed));
        }
        for (name, value) in extra {
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value.clone()));
            body.insert(name.clone(), value);
        }
        HttpRequest::post_json(self.url("/audio/speech"), headers(endpoint), &Value::Object(body))
    }

    /// A cheap request that opens or keeps a connection.
    pub fn warm_up(&self) -> HttpRequest {
        let headers = headers(&self.config.endpoint);
        HttpRequest { method: Method::Get, url: self.url("/models"), headers, body: Default::default() }
    }

    /// Reads the answer to one request.
    pub fn stream(&self, context: ContextId) -> TtsStream {
        let head = if self.vendor() == Vendor::Groq {
            Head::Unread(Vec::new())
        } else {
            Head::Known(OPENAI_RATE, 1)
        };
        TtsStream { vendor: self.vendor(), context, head, samples: Samples::default(), channel: 0, bytes: 0 }
    }

    /// A refused request. `headers` are name and value pairs of the response.
    pub fn refused(&self, status: u16, headers: &[(String, String)], body: &[u8]) -> Fault {
        Fault::from_response(self.vendor(), status, headers, body)
    }

    fn url(&self, path: &str) -> String {
        url(&self.config.endpoint, self.vendor(), path)
    }

    fn vendor(&self) -> Vendor {
        self.config.vendor.vendor()
    }
}

/// Bytes of a WAV header read before giving up.
const LONGEST_HEADER: usize = 4096;
/// Audio of one request: ten minutes at 48 kHz.
const LONGEST_BODY: usize = 10 * 60 * 48_000 * 2;

/// Reads one answer.
#[derive(Debug)]
pub struct TtsStream {
    vendor: Vendor,
    context: ContextId,
    head: Head,
    samples: Samples,
    /// Position among the channels of the next sample; only the first channel is kept.
    channel: usize,
    bytes: usize,
}

#[derive(Debug)]
enum Head {
    Unread(Vec<u8>),
    /// Rate and channels.
    Known(u32, u16),
}

impl TtsStream {
    /// The next bytes of the response body.
    ///
    /// # Errors
    /// When it is no audio, or too much.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<TtsEvent>, Fault> {
        self.bytes = self.bytes.saturating_add(bytes.len());
        if self.bytes > LONGEST_BODY {
            return Err(Fault::new(self.vendor, FaultKind::Oversize, "", "audio too long"));
        }
        let (rate, channels, body) = match &mut self.head {
            Head::Known(rate, channels) => (*rate, *channels, bytes.to_vec()),
            Head::Unread(head) => {
                head.extend_from_slice(bytes);
                match wav::read(head) {
                    wav::Read::More if head.len() <= LONGEST_HEADER => return Ok(Vec::new()),
                    wav::Read::More | wav::Read::No => {
                        return Err(Fault::malformed(self.vendor, "not a WAV header"));
                    }
                    wav::Read::Header(header) => {
                        let body = head.split_off(header.length);
                        self.head = Head::Known(header.sample_rate, header.channels);
                        (header.sample_rate, header.channels, body)
                    }
                }
            }
        };
        let samples = self.first_channel(&body, usize::from(channels));
        if samples.is_empty() {
            return Ok(Vec::new());
        }
        Ok(vec![TtsEvent::Audio { context: self.context, sample_rate: rate, samples }])
    }

    /// The response body ended.
    ///
    /// # Errors
    /// When there was no audio at all.
    pub fn end(self) -> Result<Vec<TtsEvent>, Fault> {
        if self.bytes == 0 || matches!(self.head, Head::Unread(_)) {
            return Err(Fault::new(self.vendor, FaultKind::Truncated, "", "no audio"));
        }
        Ok(vec![TtsEvent::Done { context: self.context }])
    }

    fn first_channel(&mut self, bytes: &[u8], channels: usize) -> Vec<i16> {
        let samples = self.samples.push(bytes);
        if channels == 1 {
            return samples;
        }
        let at = self.channel;
        self.channel = (at + samples.len()) % channels;
        let first = |(n, sample): (usize, i16)| (at + n).is_multiple_of(channels).then_some(sample);
        samples.into_iter().enumerate().filter_map(first).collect()
    }
}
