//! When to send: silence is not sent, and speech begins with several frames at once.
//!
//! livekit-sip mixes each track with a buffer of its own (`media-sdk`, `mixer.go`: five frames, and a track sounds from the moment
//! three of them wait, at its start and whenever it ran dry). A track that sends silence all the time keeps those three frames in
//! there, and everything said is 40 to 60 ms late for the whole call. One that rests between speeches and then begins with three
//! frames is heard at the mixer's next tick, with the same two frames in hand against jitter. Resting also costs nothing, here and
//! at the server. Up to the first speech silence is sent: subscribers see a track only once it has packets. The first speech begins
//! with three frames like any other, because it begins when livekit-sip has just subscribed and its buffer is empty.

/// Frames at once at the begin of a speech: what livekit-sip waits for (`DefaultInputBufferMin`).
pub(crate) const BURST: u32 = 3;
/// Silent ticks that are still sent after a speech: receivers come to rest with silence, not in the middle of a word.
const TAIL_TICKS: u32 = 5;
/// Ticks without a packet after which livekit-sip's buffer has certainly run dry: the five frames it holds at most.
const DRY_TICKS: u32 = 5;

/// The pace of one track.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// Whether anything was said on this track.
    spoken: bool,
    /// Ticks since the last frame of speech.
    silent_ticks: u32,
    /// Frames that were sent ahead of their time.
    ahead: u32,
}

impl Pace {
    /// The next speech begins with a burst, and at once: nothing was said yet, or nothing sent for long enough.
    pub(crate) fn is_resting(&self) -> bool {
        !self.spoken || self.silent_ticks >= TAIL_TICKS + DRY_TICKS
    }

    /// 20 ms passed, with a frame of speech or without. Whether a frame is to be sent.
    pub(crate) fn tick(&mut self, speaks: bool) -> bool {
        if speaks {
            (self.spoken, self.silent_ticks) = (true, 0);
            return true;
        }
        self.silent_ticks = self.silent_ticks.saturating_add(1);
        !self.spoken || self.silent_ticks <= TAIL_TICKS
    }

    /// A speech begins after a rest.
    pub(crate) fn begin(&mut self) {
        (self.spoken, self.silent_ticks, self.ahead) = (true, 0, 0);
    }

    /// One more frame was sent ahead of its time.
    pub(crate) fn run_ahead(&mut self) {
        self.ahead += 1;
    }

    /// By how many frames the next one is ahead of its time.
    pub(crate) fn ahead(&self) -> u32 {
        self.ahead
    }

    /// Another track takes over: nothing was said on it.
    pub(crate) fn restart(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::Pace;

    /// What becomes of each tick: `s` has speech, `.` has none; `1` is sent, `0` is not, `r` would be a burst.
    #[track_caller]
    fn check(ticks: &str, expected: &str) {
        let mut pace = Pace::default();
        let sent: String = ticks
            .chars()
            .map(|tick| match (pace.is_resting(), tick == 's') {
                (true, true) => {
                    pace.begin();
                    'r'
                }
                (_, speaks) => {
                    if pace.tick(speaks) {
                        '1'
                    } else {
                        '0'
                    }
                }
            })
            .collect();
        assert_eq!(sent, expected);
    }

    #[test]
    fn silence_is_sent_until_the_first_word() {
        check("....................ss", "11111111111111111111r1");
    }

    #[test]
    fn after_a_speech_the_track_rests_and_the_next_one_bursts() {
        check("ss............s.", "r1111110000000r1");
    }

    #[test]
    fn a_short_pause_is_no_rest() {
        check("ss...s......s", "r111111111101");
    }
}
