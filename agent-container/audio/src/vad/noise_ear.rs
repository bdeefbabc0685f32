use super::floor::NoiseFloor;
use super::noise_weights::{HIDDEN, HIDDEN_BIAS, HIDDEN_WEIGHTS, OUT_BIAS, OUT_WEIGHTS};
use super::{SILERO_SAMPLES, Silero};

/// Below this a window is silence on any line and no network is asked, in dBFS.
const SILENCE_DBFS: f32 = -58.0;
/// Odds beyond this say nothing more (1 in 1000).
const ODDS_LIMIT: f32 = 0.001;
/// dB above the noise that still count.
const LEVEL_LIMIT_DB: f32 = 30.0;
/// A window this near to the noise floor shows what the network thinks of the noise, in dB.
const NOISE_NEAR_DB: f32 = 4.0;
/// The opinion of noise is an average over about as many windows: 4 s.
const NOISE_WINDOWS: f32 = 120.0;
/// What is thought of noise before any was heard, and how far it may go, in log odds.
const NOISE_START: f32 = -3.0;
const NOISE_RANGE: std::ops::RangeInclusive<f32> = -5.0..=2.0;
/// Windows that are weighed together: the last and three before it, 128 ms.
const WINDOWS: usize = 4;
/// Inputs of the weighing: opinion and level of each window, and the opinion of the noise.
pub const NOISE_FEATURES: usize = 2 * WINDOWS + 1;
/// What brings the inputs near to 1: log odds, dB, log odds of noise. `fit.py` reads them as they are.
const ODDS_UNIT: f32 = 4.0;
const LEVEL_UNIT_DB: f32 = 10.0;
const NOISE_UNIT: f32 = 3.0;
/// Speech without a pause is held against its sound after as many windows (8 s): people breathe, noise does not.
const BREATH_WINDOWS: u32 = 250;
/// By how much the log odds then fall a window (0.5 a second), and how far.
const BREATH_FALL: f32 = 0.016;
const BREATH_LIMIT: f32 = 8.0;

/// Hears speech in noise: the Silero network's opinion of the last windows, weighed with their levels above the
/// noise floor and with what the network thinks of this line's noise. The weighing is a network of six neurons,
/// fitted on half of the bench's prompts (`models/noise-ear`); nothing in it depends on how loud a line is.
#[derive(Debug)]
pub struct NoiseEar {
    silero: Silero,
    floor: NoiseFloor,
    noise_odds: f32,
    /// Opinion and level of the last windows, scaled, the newest first.
    odds: [f32; WINDOWS],
    levels: [f32; WINDOWS],
    /// Windows of speech without a pause.
    unbroken: u32,
}

impl Default for NoiseEar {
    fn default() -> Self {
        Self {
            silero: Silero::default(),
            floor: NoiseFloor::default(),
            noise_odds: NOISE_START,
            odds: [NOISE_START / ODDS_UNIT; WINDOWS],
            levels: [0.0; WINDOWS],
            unbroken: 0,
        }
    }
}

impl NoiseEar {
    /// Probability of speech, 0 to 1, in the next 32 ms. `speaking`: whether speech is held to go on.
    pub fn predict(&mut self, window: &[i16; SILERO_SAMPLES], speaking: bool) -> f32 {
        self.unbroken = if speaking { self.unbroken.saturating_add(1) } else { 0 };
        match self.listen(window) {
            Some(features) => {
                let overdue = self.unbroken.saturating_sub(BREATH_WINDOWS) as f32;
                sigmoid(weigh(&features) - (overdue * BREATH_FALL).min(BREATH_LIMIT))
            }
            None => 0.0,
        }
    }

    /// What is weighed of the next 32 ms; nothing in silence. For whoever fits the weights.
    pub fn listen(&mut self, window: &[i16; SILERO_SAMPLES]) -> Option<[f32; NOISE_FEATURES]> {
        let above_db = self.floor.above_db(window);
        let silent = self.floor.level_dbfs() < SILENCE_DBFS;
        let odds = if silent {
            self.silero.skip(window);
            // As of noise: that a line begins to hiss is no onset of speech.
            NOISE_START
        } else {
            log_odds(self.silero.predict(window))
        };
        if !silent && above_db < NOISE_NEAR_DB {
            let odds = odds.clamp(*NOISE_RANGE.start(), *NOISE_RANGE.end());
            self.noise_odds += (odds - self.noise_odds) / NOISE_WINDOWS;
        }
        self.odds.rotate_right(1);
        self.levels.rotate_right(1);
        self.odds[0] = odds / ODDS_UNIT;
        self.levels[0] = above_db.clamp(0.0, LEVEL_LIMIT_DB) / LEVEL_UNIT_DB;
        (!silent).then(|| self.features())
    }

    /// Level of the noise in dBFS, −60 at least.
    #[must_use]
    pub fn floor_dbfs(&self) -> f32 {
        self.floor.dbfs()
    }

    fn features(&self) -> [f32; NOISE_FEATURES] {
        let mut features = [self.noise_odds / NOISE_UNIT; NOISE_FEATURES];
        features[..WINDOWS].copy_from_slice(&self.odds);
        features[WINDOWS..2 * WINDOWS].copy_from_slice(&self.levels);
        features
    }
}

/// Log odds of speech.
fn weigh(features: &[f32; NOISE_FEATURES]) -> f32 {
    let mut out = OUT_BIAS;
    for at in 0..HIDDEN {
        let inputs = features.iter().zip(&HIDDEN_WEIGHTS[at]);
        let sum: f32 = HIDDEN_BIAS[at] + inputs.map(|(value, weight)| value * weight).sum::<f32>();
        out += OUT_WEIGHTS[at] * sum.tanh();
    }
    out
}

fn log_odds(probability: f32) -> f32 {
    let probability = probability.clamp(ODDS_LIMIT, 1.0 - ODDS_LIMIT);
    (probability / (1.0 - probability)).ln()
}

fn sigmoid(odds: f32) -> f32 {
    1.0 / (1.0 + (-odds).exp())
}
