//! The caller's last seconds, so that a broken recogniser loses no speech.

use std::collections::VecDeque;

use line::{FRAME_MS, Frame, PIPELINE_HZ};

/// Audio kept at most: vendors.md proposes 10 s; the oldest is dropped beyond it.
const KEPT_MS: u64 = 10_000;

/// Audio since the recogniser's last final words, in the time of the current session.
#[derive(Debug, Default)]
pub struct KeptAudio {
    frames: VecDeque<Frame>,
    /// Session time of the first frame kept, in milliseconds.
    start_ms: u64,
    /// Frames dropped because nothing became final for too long.
    dropped: u64,
}

impl KeptAudio {
    /// Appends a frame; the oldest goes when it is too much.
    pub fn push(&mut self, frame: Frame) {
        if self.len_ms() >= KEPT_MS {
            self.frames.pop_front();
            self.start_ms += u64::from(FRAME_MS);
            self.dropped += 1;
        }
        self.frames.push_back(frame);
    }

    /// The words up to here are final: their audio is no longer needed.
    pub fn settle(&mut self, end_ms: u64) {
        while self.start_ms + u64::from(FRAME_MS) <= end_ms && self.frames.pop_front().is_some() {
            self.start_ms += u64::from(FRAME_MS);
        }
    }

    /// A new session begins: its time zero is the first frame kept. Gives what has to be sent again.
    pub fn restart(&mut self) -> Vec<i16> {
        self.start_ms = 0;
        self.frames.iter().flatten().copied().collect()
    }

    /// Length of what is kept in milliseconds.
    #[must_use]
    pub fn len_ms(&self) -> u64 {
        self.frames.len() as u64 * u64::from(FRAME_MS)
    }

    /// Frames dropped so far because nothing became final for too long.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

/// Samples of 100 ms: the size in which kept audio is sent again.
pub const REPLAY_SAMPLES: usize = PIPELINE_HZ as usize / 10;

#[cfg(test)]
mod tests {
    use line::{FRAME_SAMPLES, Frame};

    use super::KeptAudio;

    fn frame(value: i16) -> Frame {
        [value; FRAME_SAMPLES]
    }

    #[test]
    fn only_audio_without_final_words_is_sent_again() {
        let mut kept = KeptAudio::default();
        (0..50).for_each(|n| kept.push(frame(n)));
        kept.settle(610);
        assert_eq!(kept.restart().first(), Some(&30));
        assert_eq!(kept.len_ms(), 400);
        kept.settle(20);
        assert_eq!(kept.restart().first(), Some(&31), "times of the new session start at its first frame");
    }

    #[test]
    fn the_oldest_audio_goes_first() {
        let mut kept = KeptAudio::default();
        (0..510).for_each(|n| kept.push(frame(n)));
        assert_eq!((kept.len_ms(), kept.dropped()), (10_000, 10));
        assert_eq!(kept.restart().first(), Some(&10));
    }
}
