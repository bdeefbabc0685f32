use super::{LogMel, MELS, STEPS};

#[path = "signal.rs"]
mod signal;

use signal::signal;

/// `tests/data/*.f32`: every 16th step of the features that transformers 4.57.1 `WhisperFeatureExtractor` gives.
fn reference(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)).collect()
}

#[test]
fn features_are_those_of_whispers_own_extractor() {
    let check = |samples: usize, bytes: &[u8]| {
        let expected = reference(bytes);
        assert_eq!(expected.len(), MELS * STEPS / 16);
        let features = LogMel::default().of(&signal(samples));
        let every = features.chunks_exact(STEPS).flat_map(|band| band.iter().step_by(16));
        let worst = every.zip(&expected).map(|(ours, theirs)| (ours - theirs).abs()).fold(0.0, f32::max);
        assert!(worst < 2e-3, "{samples} samples: differs by {worst}");
    };
    check(128_000, include_bytes!("../../tests/data/whole.f32"));
    // Shorter: silence stands before it.
    check(20_000, include_bytes!("../../tests/data/short.f32"));
    // Longer: the end counts.
    check(150_000, include_bytes!("../../tests/data/long.f32"));
}

#[test]
fn silence_has_features_too() {
    let mut features = LogMel::default();
    for samples in [0, 1, 128_000] {
        let features = features.of(&vec![0; samples]);
        assert!(features.iter().all(|value| (-2.0..=2.0).contains(value)), "{samples}");
    }
}
