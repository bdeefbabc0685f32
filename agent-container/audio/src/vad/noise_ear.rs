use super::floor::NoiseFloor;
use super::{SILERO_SAMPLES, Silero};

/// Below this a window is silence on any line and no network is asked, in dBFS.
const SILENCE_DBFS: f32 = -58.0;
/// Odds beyond this say nothing more (1 in 1000).
const ODDS_LIMIT: f32 = 0.001;
/// Weight of the network's opinion (in log odds) and of each dB above the noise. Fitted on recorded prompts
/// with noise, other ones than the bench's; the constants of the threshold below were chosen on the bench's.
const OPINION_WEIGHT: f32 = 0.5;
const LEVEL_WEIGHT: f32 = 0.1;
/// dB above the noise that still count.
const LEVEL_LIMIT_DB: f32 = 20.0;
/// A window this near to the noise floor shows what the network thinks of the noise, in dB.
const NOISE_NEAR_DB: f32 = 4.0;
/// The opinion of noise is an average over about as many windows: 4 s.
const NOISE_WINDOWS: f32 = 120.0;
/// What is thought of noise before any was heard, and how far it may go, in log odds.
const NOISE_START: f32 = -3.0;
const NOISE_RANGE: std::ops::RangeInclusive<f32> = -5.0..=2.0;
/// Score that is as likely speech as not: it rises with the opinion of the noise (white noise: it does not
/// resemble a voice; a pub: it does), within limits.
const EVEN_AT_ZERO: f32 = 1.12;
const EVEN_SLOPE: f32 = 1.05;
const EVEN_RANGE: std::ops::RangeInclusive<f32> = -0.3..=1.3;
/// Speech without a pause is held against its sound after as many windows (8 s): people breathe, noise does not.
const BREATH_WINDOWS: u32 = 250;
/// By how much the even score then rises a window (0.25 a second), and how far.
const BREATH_RISE: f32 = 0.008;
const BREATH_LIMIT: f32 = 4.0;

/// Hears speech in noise: the Silero network's opinion, weighed with the level above the noise floor and with
/// what the network thinks of this line's noise.
#[derive(Debug, Default)]
pub struct NoiseEar {
    silero: Silero,
    floor: NoiseFloor,
    noise_odds: Option<f32>,
    /// Windows of speech without a pause.
    unbroken: u32,
}

impl NoiseEar {
    /// Probability of speech, 0 to 1, in the next 32 ms. `speaking`: whether speech is held to go on.
    pub fn predict(&mut self, window: &[i16; SILERO_SAMPLES], speaking: bool) -> f32 {
        self.unbroken = if speaking { self.unbroken.saturating_add(1) } else { 0 };
        let above_db = self.floor.above_db(window);
        if self.floor.level_dbfs() < SILENCE_DBFS {
            self.silero.skip(window);
            return 0.0;
        }
        let odds = log_odds(self.silero.predict(window));
        self.learn_noise(odds, above_db);
        let score = OPINION_WEIGHT * odds + LEVEL_WEIGHT * above_db.clamp(0.0, LEVEL_LIMIT_DB);
        // The score is half of log odds.
        1.0 / (1.0 + (-2.0 * (score - self.even())).exp())
    }

    /// Level of the noise in dBFS, −60 at least.
    #[must_use]
    pub fn floor_dbfs(&self) -> f32 {
        self.floor.dbfs()
    }

    fn learn_noise(&mut self, odds: f32, above_db: f32) {
        let noise = self.noise_odds.get_or_insert(NOISE_START);
        if above_db < NOISE_NEAR_DB {
            *noise += (odds.clamp(*NOISE_RANGE.start(), *NOISE_RANGE.end()) - *noise) / NOISE_WINDOWS;
        }
    }

    fn even(&self) -> f32 {
        let noise = self.noise_odds.unwrap_or(NOISE_START);
        let even = (EVEN_AT_ZERO + EVEN_SLOPE * noise).clamp(*EVEN_RANGE.start(), *EVEN_RANGE.end());
        let overdue = self.unbroken.saturating_sub(BREATH_WINDOWS) as f32;
        even + (overdue * BREATH_RISE).min(BREATH_LIMIT)
    }
}

fn log_odds(probability: f32) -> f32 {
    let probability = probability.clamp(ODDS_LIMIT, 1.0 - ODDS_LIMIT);
    (probability / (1.0 - probability)).ln()
}
