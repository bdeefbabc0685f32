//! The session as a state machine: messages in, facts out, messages to send.

use std::collections::{BTreeMap, VecDeque};

use audio::{AudioError, Framer, PIPELINE_HZ, Resampler, mulaw};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use line::{Digit, Frame};
use serde_json::json;

use crate::message::{Message, Start};
use crate::refusal::Refusal;

/// Rate of telephone audio in Hz.
const WIRE_HZ: u32 = 8000;
/// Longest message accepted, in bytes: an honest one has about 300.
pub const LONGEST_MESSAGE: usize = 64 << 10;
/// Messages in a row that mean nothing before the peer counts as broken.
const NONSENSE_IN_A_ROW: u32 = 16;
/// Marks that may be under way: one for each 20 ms of the 200 ms ahead, and as many again that were cleared.
const MARKS_UNDER_WAY: usize = 32;

/// What the peer told.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// The stream asks to begin: check its token, then [`Session::admit`].
    Started(Start),
    /// 20 ms of the caller.
    Heard(Box<Frame>),
    /// A key of the caller.
    Dtmf(Digit),
    /// Playback has come this far, in frames sent: what was sent before was played, or cleared.
    Played {
        /// Frames since the start.
        frames: u64,
    },
    /// The stream is over.
    Stopped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The socket is open.
    Opened,
    /// `start` came; nobody has checked it yet.
    Started,
    /// Audio flows.
    Admitted,
    /// Nothing more.
    Stopped,
}

/// One stream.
#[derive(Debug)]
pub struct Session {
    state: State,
    stream_sid: String,
    inbound: Resampler,
    framer: Framer,
    outbound: Resampler,
    /// Frames sent, and marks under way by the count of frames before them.
    sent: u64,
    played: u64,
    marks: VecDeque<u64>,
    nonsense: u32,
}

impl Session {
    /// A stream whose socket was just opened.
    ///
    /// # Errors
    /// The resampler cannot be made.
    pub fn new() -> Result<Self, AudioError> {
        Ok(Self {
            state: State::Opened,
            stream_sid: String::new(),
            inbound: Resampler::new(WIRE_HZ, PIPELINE_HZ)?,
            framer: Framer::default(),
            outbound: Resampler::new(PIPELINE_HZ, WIRE_HZ)?,
            sent: 0,
            played: 0,
            marks: VecDeque::new(),
            nonsense: 0,
        })
    }

    /// Takes a text message.
    ///
    /// # Errors
    /// Why the socket is to be closed.
    pub fn receive(&mut self, text: &str) -> Result<Vec<Fact>, Refusal> {
        if text.len() > LONGEST_MESSAGE {
            return Err(Refusal::TooLong);
        }
        let Ok(message) = serde_json::from_str::<Message>(text) else { return self.nonsense() };
        self.nonsense = 0;
        match (message, self.state) {
            (Message::Connected, _) | (Message::Unknown, _) => Ok(Vec::new()),
            (Message::Start { start }, State::Opened) => self.start(start),
            // Told twice it is still one stream.
            (Message::Start { .. }, _) => Ok(Vec::new()),
            (Message::Media { media }, State::Admitted) => self.hear(&media.track, &media.payload),
            (Message::Dtmf { dtmf }, State::Admitted) => {
                let digit = dtmf.digit.chars().next().and_then(Digit::from_char);
                Ok(digit.map(Fact::Dtmf).into_iter().collect())
            }
            (Message::Mark { mark }, State::Admitted) => Ok(self.mark(&mark.name)),
            (Message::Stop, State::Stopped) => Ok(Vec::new()),
            (Message::Stop, _) => {
                self.state = State::Stopped;
                Ok(vec![Fact::Stopped])
            }
            // Audio before the token was checked is nobody's.
            (Message::Media { .. } | Message::Dtmf { .. } | Message::Mark { .. }, _) => Ok(Vec::new()),
        }
    }

    /// The token was good: audio may flow.
    pub fn admit(&mut self) {
        if self.state == State::Started {
            self.state = State::Admitted;
        }
    }

    /// Whether audio flows.
    #[must_use]
    pub fn is_admitted(&self) -> bool {
        self.state == State::Admitted
    }

    /// The messages that carry 20 ms to the caller: the audio and a mark behind it.
    #[must_use]
    pub fn speak(&mut self, frame: &Frame) -> Vec<String> {
        let (mut samples, mut bytes) = (Vec::new(), Vec::new());
        self.outbound.push(frame, &mut samples);
        mulaw::encode(&samples, &mut bytes);
        self.sent += 1;
        if bytes.is_empty() {
            return Vec::new();
        }
        let media = json!({
            "event": "media",
            "streamSid": self.stream_sid,
            "media": {"payload": STANDARD.encode(&bytes)},
        });
        let mut messages = vec![media.to_string()];
        if self.marks.len() < MARKS_UNDER_WAY {
            self.marks.push_back(self.sent);
            let mark = json!({"event": "mark", "streamSid": self.stream_sid, "mark": {"name": self.sent.to_string()}});
            messages.push(mark.to_string());
        }
        messages
    }

    /// The message that makes the carrier forget what it has not played yet.
    #[must_use]
    pub fn clear(&self) -> String {
        json!({"event": "clear", "streamSid": self.stream_sid}).to_string()
    }

    /// Frames sent and not known to be played.
    #[must_use]
    pub fn ahead(&self) -> u64 {
        self.sent - self.played
    }

    /// The carrier's marks do not come back: what was sent counts as played.
    pub fn assume_played(&mut self) {
        self.played = self.sent;
        self.marks.clear();
    }

    fn start(&mut self, start: Start) -> Result<Vec<Fact>, Refusal> {
        let format = &start.media_format;
        let plain = format.encoding.eq_ignore_ascii_case("audio/x-mulaw");
        if !plain || format.sample_rate != WIRE_HZ || format.channels > 1 {
            return Err(Refusal::Format);
        }
        self.stream_sid.clone_from(&start.stream_sid);
        self.state = State::Started;
        Ok(vec![Fact::Started(start)])
    }

    fn hear(&mut self, track: &str, payload: &str) -> Result<Vec<Fact>, Refusal> {
        // Our own voice, where somebody asked for both tracks.
        if track == "outbound" {
            return Ok(Vec::new());
        }
        let Ok(bytes) = STANDARD.decode(payload) else { return self.nonsense() };
        let (mut wire, mut samples, mut facts) = (Vec::new(), Vec::new(), Vec::new());
        mulaw::decode(&bytes, &mut wire);
        self.inbound.push(&wire, &mut samples);
        self.framer.push(&samples, |frame| facts.push(Fact::Heard(Box::new(*frame))));
        Ok(facts)
    }

    fn mark(&mut self, name: &str) -> Vec<Fact> {
        let Ok(frames) = name.parse::<u64>() else { return Vec::new() };
        let Some(at) = self.marks.iter().position(|&mark| mark == frames) else { return Vec::new() };
        self.marks.drain(..=at);
        self.played = frames;
        vec![Fact::Played { frames }]
    }

    fn nonsense(&mut self) -> Result<Vec<Fact>, Refusal> {
        self.nonsense += 1;
        if self.nonsense > NONSENSE_IN_A_ROW { Err(Refusal::Nonsense) } else { Ok(Vec::new()) }
    }
}

/// Parameters of a stream by name.
pub type Parameters = BTreeMap<String, String>;

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
