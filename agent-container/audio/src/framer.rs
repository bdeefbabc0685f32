use crate::{FRAME_SAMPLES, Frame};

/// Samples in pieces of any size in, whole 20 ms frames out, nothing lost between them.
#[derive(Debug)]
pub struct Framer {
    frame: Frame,
    filled: usize,
}

impl Default for Framer {
    fn default() -> Self {
        Self { frame: [0; FRAME_SAMPLES], filled: 0 }
    }
}

impl Framer {
    /// Takes samples at the pipeline's rate and hands on every frame they complete.
    pub fn push(&mut self, mut samples: &[i16], mut each: impl FnMut(&Frame)) {
        while !samples.is_empty() {
            let taken = samples.len().min(FRAME_SAMPLES - self.filled);
            self.frame[self.filled..self.filled + taken].copy_from_slice(&samples[..taken]);
            self.filled += taken;
            samples = &samples[taken..];
            if self.filled == FRAME_SAMPLES {
                self.filled = 0;
                each(&self.frame);
            }
        }
    }

    /// Samples waiting for their frame to be whole.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.filled
    }

    /// The unfinished frame padded with silence, if there is one.
    pub fn finish(&mut self) -> Option<Frame> {
        let filled = std::mem::take(&mut self.filled);
        if filled == 0 {
            return None;
        }
        self.frame[filled..].fill(0);
        Some(self.frame)
    }
}
