use super::{SAMPLES_PER_MS, VadEdge};
use crate::analysis::rms_dbfs;

/// Level is judged in blocks of as many samples: 8 ms.
const BLOCK: usize = 8 * SAMPLES_PER_MS;
/// Below this much above the line's noise nothing is said any more, in dB.
const ABOVE_NOISE_DB: f64 = 10.0;
/// By how much a silence may be longer than the network says: it is that late by two windows at most.
const MOST_MS: u32 = 64;

/// How long the line has been quiet, by its level alone.
#[derive(Debug, Default)]
pub(super) struct Hush {
    quiet_ms: u32,
}

impl Hush {
    /// Hears the next samples, a whole number of blocks, on a line with noise of `floor_dbfs`.
    pub(super) fn hear(&mut self, samples: &[i16], floor_dbfs: f32) {
        let quiet = |block: &&[i16]| rms_dbfs(block) < f64::from(floor_dbfs) + ABOVE_NOISE_DB;
        let blocks = samples.len() / BLOCK;
        let at_the_end = samples.rchunks_exact(BLOCK).take_while(quiet).count();
        let ms = u32::try_from(at_the_end * BLOCK / SAMPLES_PER_MS).unwrap_or(0);
        self.quiet_ms = if at_the_end == blocks { self.quiet_ms.saturating_add(ms) } else { ms };
    }

    /// The edge with its silence counted from where the level fell.
    pub(super) fn correct(&self, edge: VadEdge) -> VadEdge {
        let longer = |silence_ms: u32| self.quiet_ms.clamp(silence_ms, silence_ms + MOST_MS);
        match edge {
            VadEdge::Hushed { silence_ms } => VadEdge::Hushed { silence_ms: longer(silence_ms) },
            VadEdge::Ended { silence_ms } => VadEdge::Ended { silence_ms: longer(silence_ms) },
            VadEdge::Started { .. } | VadEdge::Resumed { .. } => edge,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Hush, VadEdge};

    /// Loud and quiet blocks of 8 ms (`#`, `.`), four a window; then what becomes of a silence of 32 ms.
    #[track_caller]
    fn check(blocks: &str, expected_ms: u32) {
        let mut hush = Hush::default();
        let samples: Vec<i16> =
            blocks.chars().flat_map(|block| [if block == '#' { 3000 } else { 20 }; 128]).collect();
        samples.chunks(512).for_each(|window| hush.hear(window, -60.0));
        let edge = hush.correct(VadEdge::Ended { silence_ms: 32 });
        assert_eq!(edge, VadEdge::Ended { silence_ms: expected_ms });
    }

    #[test]
    fn silence_counts_from_where_the_level_fell() {
        check("#####.......", 56);
        check("######..........", 80);
    }

    #[test]
    fn a_line_that_stays_loud_leaves_the_networks_word() {
        check("################", 32);
        check("###########.", 32);
    }

    #[test]
    fn two_windows_are_the_most() {
        check("#.......................", 96);
    }
}
