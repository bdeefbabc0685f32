//! What the weights of the ear for noise are fitted on.

use audio::vad::{NOISE_FEATURES, NoiseEar, SILERO_SAMPLES};

use crate::Material;

/// More noises than the table has, so that the weights are not made for its seven.
const CONDITIONS: [(&str, i32); 13] = [
    ("none", 0),
    ("white", 20),
    ("white", 10),
    ("white", 5),
    ("white", 0),
    ("rumble", 10),
    ("rumble", 5),
    ("babble", 20),
    ("babble", 15),
    ("babble", 10),
    ("babble", 5),
    ("four", 12),
    ("eight", 8),
];

/// Rows of inputs, labels of speech, labels of silence: one for each window that is not silent.
pub(crate) fn rows(material: &Material) -> Vec<u8> {
    let mut rows = Vec::new();
    for (noise, snr_db) in CONDITIONS {
        let signal = material.telephone(noise, snr_db);
        let mut ear = NoiseEar::default();
        let (windows, _) = signal.as_chunks::<SILERO_SAMPLES>();
        for (at, window) in windows.iter().enumerate() {
            let Some(features) = ear.listen(window) else { continue };
            let [speech, silence] = labels(&material.labels, at);
            let row: [&[f32]; 2] = [&features, &[speech, silence]];
            rows.extend(row.concat().iter().flat_map(|value| value.to_le_bytes()));
        }
    }
    debug_assert!(rows.len().is_multiple_of(4 * (NOISE_FEATURES + 2)));
    rows
}

/// How many of the labels whose middle the window holds are speech and silence.
fn labels(labels: &[bool], window: usize) -> [f32; 2] {
    // The middle of label n is at 10 n + 5 ms.
    let first = |window: usize| (window * 32).saturating_sub(5).div_ceil(10);
    let held = first(window).min(labels.len())..first(window + 1).min(labels.len());
    let speech = labels[held.clone()].iter().filter(|&&speech| speech).count();
    [speech as f32, (held.len() - speech) as f32]
}
