//! What line and ear say, in the dialogue's words.

use audio::{VadConfig, VadEdge};
use dialogue::{Input, LineChange, Vad};
use line::{LineEnd, LineEvent};

/// An event of the line; nothing when the dialogue has no use for it.
#[must_use]
pub fn line(event: LineEvent) -> Option<Input> {
    let change = match event {
        LineEvent::Answered => return Some(Input::Answered),
        LineEvent::Dtmf(digit) => return Some(Input::Digit(digit.as_char())),
        LineEvent::Lost => LineChange::Lost,
        LineEvent::Restored => LineChange::Restored,
        LineEvent::Ended(LineEnd::CallerLeft) => LineChange::CallerLeft,
        LineEvent::Ended(_) => LineChange::Gone,
        LineEvent::Published
        | LineEvent::CallerJoined { .. }
        | LineEvent::Attribute { .. }
        | LineEvent::Data { .. } => return None,
    };
    Some(Input::Line(change))
}

/// An edge of the voice activity detector.
#[must_use]
pub fn vad(edge: VadEdge) -> Input {
    Input::Vad(match edge {
        VadEdge::Started { speech_ms } => Vad::Started { speech_ms: speech_ms.into() },
        VadEdge::Hushed { silence_ms } => Vad::Hushed { silence_ms: silence_ms.into() },
        VadEdge::Resumed { speech_ms } => Vad::Resumed { speech_ms: speech_ms.into() },
        VadEdge::Ended { silence_ms } => Vad::Ended { silence_ms: silence_ms.into() },
    })
}

/// The agent's way of hearing.
#[must_use]
pub fn vad_config(config: &dialogue::VadConfig) -> VadConfig {
    let narrow = |ms: u64| u32::try_from(ms).unwrap_or(u32::MAX);
    VadConfig {
        activation: config.activation,
        deactivation: config.deactivation,
        min_speech_ms: narrow(config.min_speech_ms),
        min_silence_ms: narrow(config.min_silence_ms),
        ..VadConfig::default()
    }
}
