//! Hears whether somebody speaks: energy over a tracked noise floor, with hysteresis.

/// Block of audio decided on at once.
pub(crate) const BLOCK_MS: u64 = 10;
/// Quieter than this is never speech (dB of full scale): line noise and comfort noise lie below.
const QUIETEST_DB: f32 = -45.0;
/// Speech is this much louder than the noise floor.
const ABOVE_FLOOR_DB: f32 = 10.0;
/// The floor rises this slowly, dB a block (6 dB a second), and falls at once: speech does not lift it much.
const FLOOR_RISE_DB: f32 = 0.06;
/// The floor never counts as louder than this, or the second half of a long monologue would be silence.
const LOUDEST_FLOOR_DB: f32 = -35.0;
/// Loud blocks in a row that make an onset.
const ONSET_BLOCKS: u64 = 4;
/// Silence inside speech that still belongs to it.
const HANGOVER_BLOCKS: u64 = 15;

/// What was noticed in a block; times are milliseconds of audio heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Nobody spoke, nobody speaks.
    Nothing,
    /// Speech began here.
    Onset { at_ms: u64 },
    /// Speech goes on, or has paused too briefly to tell.
    Speech { loud: bool },
    /// Speech stopped here, some blocks ago.
    Offset { at_ms: u64 },
}

/// Energy detector for one stream of samples.
#[derive(Debug)]
pub(crate) struct Ears {
    block: Vec<i16>,
    block_len: usize,
    blocks: u64,
    floor_db: f32,
    loud_in_a_row: u64,
    quiet_in_a_row: u64,
    speaking: bool,
}

impl Ears {
    pub(crate) fn new(sample_rate: u32) -> Self {
        let block_len = (u64::from(sample_rate) * BLOCK_MS / 1000).max(1) as usize;
        Self {
            block: Vec::with_capacity(block_len),
            block_len,
            blocks: 0,
            floor_db: QUIETEST_DB,
            loud_in_a_row: 0,
            quiet_in_a_row: 0,
            speaking: false,
        }
    }

    /// One entry per completed block.
    pub(crate) fn hear(&mut self, samples: &[i16]) -> Vec<Heard> {
        let mut heard = Vec::new();
        for &sample in samples {
            self.block.push(sample);
            if self.block.len() == self.block_len {
                let level = level_db(&self.block);
                self.block.clear();
                heard.push(self.judge(level));
            }
        }
        heard
    }

    /// Samples in a block.
    pub(crate) fn block_len(&self) -> usize {
        self.block_len
    }

    /// Audio heard so far.
    pub(crate) fn now_ms(&self) -> u64 {
        self.blocks * BLOCK_MS
    }

    fn judge(&mut self, level_db: f32) -> Heard {
        self.blocks += 1;
        self.floor_db = (self.floor_db + FLOOR_RISE_DB).min(level_db).clamp(-90.0, LOUDEST_FLOOR_DB);
        let loud = level_db > QUIETEST_DB.max(self.floor_db + ABOVE_FLOOR_DB);
        (self.loud_in_a_row, self.quiet_in_a_row) =
            if loud { (self.loud_in_a_row + 1, 0) } else { (0, self.quiet_in_a_row + 1) };
        if !self.speaking && self.loud_in_a_row == ONSET_BLOCKS {
            self.speaking = true;
            return Heard::Onset { at_ms: (self.blocks - ONSET_BLOCKS) * BLOCK_MS };
        }
        if self.speaking && self.quiet_in_a_row == HANGOVER_BLOCKS {
            self.speaking = false;
            return Heard::Offset { at_ms: (self.blocks - HANGOVER_BLOCKS) * BLOCK_MS };
        }
        if self.speaking { Heard::Speech { loud } } else { Heard::Nothing }
    }
}

fn level_db(block: &[i16]) -> f32 {
    let power = block.iter().map(|&s| f32::from(s).powi(2)).sum::<f32>() / block.len() as f32;
    20.0 * (power.sqrt().max(1.0) / 32768.0).log10()
}
