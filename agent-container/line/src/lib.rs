//! What a call's road offers, whatever it is: frames in and out, DTMF, events, hang up.
//!
//! A [`Line`] is two bounded channels; the audio goes through a [`Station`], which the road's media
//! thread calls every 20 ms. The LiveKit room, the Twilio media stream and the simulated caller are
//! lines of the same kind: the call loop cannot tell them apart.
//!
//! ```text
//!  media thread ── hear(frame) ──▶ Station (VAD, recogniser feed)
//!  media thread ◀─ speak(frame) ── Station (playout ring)
//!  call loop    ◀── LineEvent ──── Line
//!  call loop    ─── LineCommand ─▶ Line
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc;

/// Sample rate of the pipeline in Hz: what recognisers want, and Opus decodes straight to it.
pub const PIPELINE_HZ: u32 = 16_000;
/// Length of one frame in milliseconds; the packet time of telephony (RFC 3551, section 4.5).
pub const FRAME_MS: u32 = 20;
/// Samples in one frame.
pub const FRAME_SAMPLES: usize = (PIPELINE_HZ * FRAME_MS / 1000) as usize;

/// 20 ms of mono audio at [`PIPELINE_HZ`].
pub type Frame = [i16; FRAME_SAMPLES];

/// Where a frame of the caller's audio came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Decoded from a packet that arrived.
    Received,
    /// Made by packet loss concealment, or silence where nothing could be concealed.
    Concealed,
}

/// Rung when there is something to say after a silence: whoever plays it out need not wait for its clock.
pub type Bell = Arc<dyn Fn() + Send + Sync>;

/// The call's end of the audio, called by the road's media thread every 20 ms.
///
/// Both verbs must return quickly: no lock shared with the call loop, no blocking, no I/O.
pub trait Station: Send {
    /// Takes the next 20 ms of the caller.
    fn hear(&mut self, frame: &Frame, source: Source);
    /// Fills the next 20 ms for the caller. `false`: nothing to say, the road sends silence.
    fn speak(&mut self, frame: &mut Frame) -> bool;
    /// Takes the road's bell, where it has one.
    fn take_bell(&mut self, _bell: Bell) {}
}

/// A key of the telephone (RFC 4733, section 3.2: events 0 to 15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digit(u8);

impl Digit {
    /// The keys in the order of their RFC 4733 event codes.
    const KEYS: &'static [u8; 16] = b"0123456789*#ABCD";

    /// From the key's character; lower-case letters are accepted.
    #[must_use]
    pub fn from_char(key: char) -> Option<Self> {
        let upper = key.to_ascii_uppercase();
        let code = Self::KEYS.iter().position(|&k| char::from(k) == upper)?;
        u8::try_from(code).ok().map(Self)
    }

    /// From the RFC 4733 event code, 0 to 15.
    #[must_use]
    pub fn from_code(code: u32) -> Option<Self> {
        u8::try_from(code).ok().filter(|&c| c < 16).map(Self)
    }

    /// RFC 4733 event code, 0 to 15.
    #[must_use]
    pub fn code(self) -> u32 {
        u32::from(self.0)
    }

    /// The key's character.
    #[must_use]
    pub fn as_char(self) -> char {
        char::from(Self::KEYS[usize::from(self.0)])
    }
}

/// Why a line is no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LineEnd {
    /// The caller hung up, or cancelled before the answer.
    CallerLeft,
    /// We left, or ended the call, by command.
    WeLeft,
    /// An operator or another function removed us or closed the room.
    Removed,
    /// Another agent serves this call already: nothing is to be said or recorded.
    Duplicate,
    /// The connection was lost and could not be made again in time.
    ConnectionLost,
    /// The line never came up.
    SetupFailed,
}

/// What a line tells the call loop. Control facts are never dropped.
#[derive(Debug, Clone, PartialEq)]
pub enum LineEvent {
    /// Our audio is published: the caller's leg can be answered.
    Published,
    /// The caller is there. `attributes` hold what the road knows of them (`sip.phoneNumber`, `sip.h.x-…`).
    CallerJoined {
        /// The road's name of the caller.
        identity: String,
        /// Attributes as the road gave them.
        attributes: BTreeMap<String, String>,
    },
    /// The caller can hear us from now on (SIP: `sip.callStatus` became `active`).
    Answered,
    /// An attribute of the caller changed.
    Attribute {
        /// Name, for example `sip.callStatus`.
        name: String,
        /// New value.
        value: String,
    },
    /// The caller pressed a key.
    Dtmf(Digit),
    /// A data message from another participant.
    Data {
        /// Who sent it.
        identity: String,
        /// The message's topic, empty when it has none.
        topic: String,
        /// The message.
        payload: Vec<u8>,
    },
    /// The connection is gone and being made again; the caller hears silence meanwhile.
    Lost,
    /// The connection is back.
    Restored,
    /// The last event of a line.
    Ended(LineEnd),
}

/// What the call loop asks of a line.
#[derive(Debug, Clone, PartialEq)]
pub enum LineCommand {
    /// Sends one key to the caller's side.
    SendDtmf(Digit),
    /// Publishes attributes of our own participant.
    SetAttributes(BTreeMap<String, String>),
    /// Sends a data message to everybody else on the line.
    SendData {
        /// The message's topic.
        topic: String,
        /// The message, at most 15 kB (LiveKit's limit for reliable packets).
        payload: Vec<u8>,
        /// Whether it must arrive.
        reliable: bool,
    },
    /// Ends the caller's leg, then the line.
    HangUp,
    /// Leaves without touching the caller's leg.
    Leave,
}

/// The call loop's end of a road.
#[derive(Debug)]
pub struct Line {
    /// What happens on the line, in order. Closed after [`LineEvent::Ended`].
    pub events: mpsc::Receiver<LineEvent>,
    /// What we want of the line.
    pub commands: mpsc::Sender<LineCommand>,
}

/// The road's end of a [`Line`].
#[derive(Debug)]
pub struct LineDriver {
    /// Towards the call loop.
    pub events: mpsc::Sender<LineEvent>,
    /// From the call loop.
    pub commands: mpsc::Receiver<LineCommand>,
}

/// Events or commands that may wait; a sender that finds the channel full waits, nothing is dropped.
pub const CHANNEL_BOUND: usize = 64;

impl Line {
    /// A line and its road's end.
    #[must_use]
    pub fn pair() -> (Self, LineDriver) {
        let (event_tx, events) = mpsc::channel(CHANNEL_BOUND);
        let (commands, command_rx) = mpsc::channel(CHANNEL_BOUND);
        (Self { events, commands }, LineDriver { events: event_tx, commands: command_rx })
    }
}

#[cfg(test)]
mod tests {
    use super::Digit;

    #[test]
    fn a_digit_survives_the_way_through_its_code_and_its_character() {
        for code in 0..16 {
            let digit = Digit::from_code(code).expect("0 to 15 are keys");
            assert_eq!(Digit::from_char(digit.as_char()), Some(digit));
            assert_eq!(digit.code(), code);
        }
        assert_eq!(Digit::from_code(16), None);
        assert_eq!(Digit::from_char('x'), None);
        assert_eq!(Digit::from_char('a'), Digit::from_char('A'));
    }
}
