//! A station that says a tone and keeps the last second it heard.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use anyhow::{Result, bail};
use audio::analysis;
use line::{FRAME_SAMPLES, Frame, PIPELINE_HZ, Source, Station};

/// Peak of the tones on both sides: -13.5 dBFS.
pub(crate) const AMPLITUDE: f64 = 0.3 * 32767.0;
/// Its level as measured.
pub(crate) const TONE_DBFS: f64 = -13.5;

pub(crate) struct ToneStation {
    tone: Vec<i16>,
    at: usize,
    heard: Arc<Mutex<VecDeque<i16>>>,
}

impl ToneStation {
    pub(crate) fn new(hz: f64) -> (Self, Heard) {
        let heard = Arc::new(Mutex::new(VecDeque::new()));
        // A whole second of a whole number of Hz begins again without a click.
        let tone = analysis::sine(hz, AMPLITUDE, PIPELINE_HZ, PIPELINE_HZ as usize);
        (Self { tone, at: 0, heard: heard.clone() }, Heard(heard))
    }
}

impl Station for ToneStation {
    fn hear(&mut self, frame: &Frame, _source: Source) {
        let mut heard = self.heard.lock().expect("not poisoned");
        heard.extend(frame);
        let surplus = heard.len().saturating_sub(PIPELINE_HZ as usize);
        heard.drain(..surplus);
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
pub(crate) struct Heard(Arc<Mutex<VecDeque<i16>>>);

impl Heard {
    /// Waits until the last half second is the tone of `hz` at its level, without a gap.
    pub(crate) async fn until_tone(&self, hz: f64) -> Result<()> {
        let deadline = tokio::time::Instant::now() + crate::stage::SOON;
        loop {
            let found = self.measure();
            if let Some((pitch, dbfs, gaps)) = found
                && (pitch - hz).abs() < 2.0
                && (dbfs - TONE_DBFS).abs() < 1.5
                && gaps == 0
            {
                return Ok(());
            }
            if tokio::time::Instant::now() > deadline {
                bail!("no tone of {hz} Hz; last: {found:?} (Hz, dBFS, silent blocks)");
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }

    fn measure(&self) -> Option<(f64, f64, usize)> {
        let heard: Vec<i16> = self.0.lock().expect("not poisoned").iter().copied().collect();
        let last = heard.get(heard.len().checked_sub(PIPELINE_HZ as usize / 2)?..)?;
        let pitch = analysis::pitch_hz(last, PIPELINE_HZ)?;
        Some((pitch, analysis::rms_dbfs(last), analysis::silent_blocks(last, PIPELINE_HZ, TONE_DBFS - 10.0)))
    }
}
