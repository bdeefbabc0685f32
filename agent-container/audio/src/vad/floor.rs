/// Lowest floor: below is no noise that matters, in dBFS.
const LOWEST_DBFS: f32 = -60.0;
/// Windows of 32 ms over which level is smoothed before its minimum is taken.
const SMOOTHING: f32 = 3.0;
/// The minimum is taken over six parts of half a second: longer than speech goes without a gap.
const PARTS: usize = 6;
const PART_WINDOWS: u32 = 15;

/// The level of a line's noise: the minimum of the smoothed level over the last three seconds.
#[derive(Debug, Default)]
pub(super) struct NoiseFloor {
    smoothed: Option<f32>,
    level: f32,
    /// Minimum of each finished part, and of the one that runs.
    parts: [Option<f32>; PARTS],
    running: Option<f32>,
    windows: u32,
}

impl NoiseFloor {
    /// Hears a window of 32 ms; its level above the floor in dB.
    pub(super) fn above_db(&mut self, window: &[i16]) -> f32 {
        let energy: f32 = window.iter().map(|&s| f32::from(s) * f32::from(s)).sum();
        self.level = energy / window.len().max(1) as f32 / (32_768.0 * 32_768.0);
        let smoothed = self.smoothed.get_or_insert(self.level);
        *smoothed += (self.level - *smoothed) / SMOOTHING;
        let smoothed = *smoothed;
        self.running = Some(self.running.map_or(smoothed, |least| least.min(smoothed)));
        self.windows += 1;
        if self.windows == PART_WINDOWS {
            self.windows = 0;
            self.parts.rotate_left(1);
            self.parts[PARTS - 1] = self.running.take();
        }
        self.level_dbfs() - self.dbfs()
    }

    /// Level of the last window in dBFS.
    pub(super) fn level_dbfs(&self) -> f32 {
        dbfs(self.level)
    }

    /// The floor in dBFS.
    pub(super) fn dbfs(&self) -> f32 {
        let least = self.parts.iter().flatten().chain(&self.running).copied().fold(f32::INFINITY, f32::min);
        if least.is_finite() { dbfs(least).max(LOWEST_DBFS) } else { LOWEST_DBFS }
    }
}

fn dbfs(mean_square: f32) -> f32 {
    10.0 * mean_square.max(1e-9).log10()
}
