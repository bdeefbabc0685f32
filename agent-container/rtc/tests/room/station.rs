//! A station that says a tone and keeps the last second it heard.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result};
use audio::analysis;
use line::{FRAME_SAMPLES, Frame, PIPELINE_HZ, Source, Station};
use tokio::sync::Notify;
use tokio::time::timeout;

/// Peak of the tones on both sides: -13.5 dBFS.
pub(crate) const AMPLITUDE: f64 = 0.3 * 32767.0;
/// Its level as measured.
pub(crate) const TONE_DBFS: f64 = -13.5;

pub(crate) struct ToneStation {
    tone: Vec<i16>,
    at: usize,
    heard: Heard,
}

impl ToneStation {
    pub(crate) fn new(hz: f64) -> (Self, Heard) {
        let heard = Heard::default();
        // A whole second of a whole number of Hz begins again without a click.
        let tone = analysis::sine(hz, AMPLITUDE, PIPELINE_HZ, PIPELINE_HZ as usize);
        (Self { tone, at: 0, heard: heard.clone() }, heard)
    }
}

impl Station for ToneStation {
    fn hear(&mut self, frame: &Frame, _source: Source) {
        let mut heard = self.heard.last.lock().expect("not poisoned");
        heard.extend(frame);
        let surplus = heard.len().saturating_sub(PIPELINE_HZ as usize);
        heard.drain(..surplus);
        self.heard.more.notify_one();
    }

    fn speak(&mut self, frame: &mut Frame) -> bool {
        frame.copy_from_slice(&self.tone[self.at..self.at + FRAME_SAMPLES]);
        self.at = (self.at + FRAME_SAMPLES) % self.tone.len();
        true
    }
}

/// Panics on the first frame it is asked for.
pub(crate) struct PanickingStation;

impl Station for PanickingStation {
    fn hear(&mut self, _frame: &Frame, _source: Source) {}

    fn speak(&mut self, _frame: &mut Frame) -> bool {
        panic!("a station that is meant to panic");
    }
}

/// The last second a station heard.
#[derive(Clone, Default)]
pub(crate) struct Heard {
    last: Arc<Mutex<VecDeque<i16>>>,
    more: Arc<Notify>,
}

impl Heard {
    /// Waits until the last half second is the tone of `hz` at its level, without a gap.
    pub(crate) async fn until_tone(&self, hz: f64) -> Result<()> {
        let mut found = None;
        let listening = async {
            loop {
                self.more.notified().await;
                found = self.measure();
                if let Some((pitch, dbfs, 0)) = found
                    && (pitch - hz).abs() < 2.0
                    && (dbfs - TONE_DBFS).abs() < 1.5
                {
                    return;
                }
            }
        };
        let heard = timeout(crate::stage::SOON, listening).await;
        heard.with_context(|| format!("no tone of {hz} Hz; last: {found:?} (Hz, dBFS, silent blocks)"))
    }

    fn measure(&self) -> Option<(f64, f64, usize)> {
        let heard: Vec<i16> = self.last.lock().expect("not poisoned").iter().copied().collect();
        let last = heard.get(heard.len().checked_sub(PIPELINE_HZ as usize / 2)?..)?;
        let pitch = analysis::pitch_hz(last, PIPELINE_HZ)?;
        Some((pitch, analysis::rms_dbfs(last), analysis::silent_blocks(last, PIPELINE_HZ, TONE_DBFS - 10.0)))
    }
}
