use super::weights::{FILE, Tensors};
use super::{SILERO_SAMPLES, Silero};
use crate::analysis::vowels;

/// What onnxruntime 1.31 gives for the same signal with `silero_vad.onnx` (v6.2): 0.2 s of silence, vowels,
/// silence from 1.5 s on.
const REFERENCE: [f32; 62] = [
    0.0017, 0.0069, 0.0089, 0.0079, 0.0059, 0.006, 0.6714, 0.7781, 0.8377, 0.9813, 0.9926, 0.9926, 0.996,
    0.9965, 0.9965, 0.9624, 0.9279, 0.9926, 0.9982, 0.9997, 0.9994, 0.9997, 0.9987, 0.998, 0.9902, 0.931,
    0.9627, 0.9922, 0.9965, 0.9975, 0.999, 0.9987, 0.9988, 0.9933, 0.975, 0.9762, 0.9982, 0.9985, 0.9991,
    0.9999, 1.0, 0.9999, 0.9991, 0.9971, 0.9981, 0.9997, 0.999, 0.0135, 0.0094, 0.0102, 0.0048, 0.0023,
    0.0016, 0.001, 0.0007, 0.0006, 0.0005, 0.0004, 0.0003, 0.0003, 0.0003, 0.0002,
];

/// Silence until 0.2 s and from 1.5 s on, vowels between.
fn signal() -> Vec<i16> {
    let mut signal = vowels(2 * 16_000);
    signal[..=3_200].fill(0);
    signal[24_000..].fill(0);
    signal
}

#[test]
fn it_hears_what_the_original_hears() {
    let mut silero = Silero::default();
    let signal = signal();
    let (windows, _) = signal.as_chunks::<SILERO_SAMPLES>();
    for (at, (window, expected)) in windows.iter().zip(REFERENCE).enumerate() {
        let heard = silero.predict(window);
        assert!((heard - expected).abs() < 0.002, "window {at}: {heard}, not {expected}");
    }
}

#[test]
fn after_a_reset_it_hears_the_same_again() {
    let signal = signal();
    let (windows, _) = signal.as_chunks::<SILERO_SAMPLES>();
    let mut silero = Silero::default();
    let first: Vec<f32> = windows.iter().map(|window| silero.predict(window)).collect();
    silero.reset();
    let second: Vec<f32> = windows.iter().map(|window| silero.predict(window)).collect();
    assert_eq!(first, second);
}

#[test]
fn the_model_file_holds_the_tensors_in_the_order_they_are_read() {
    let conv = |outputs: usize, inputs: usize| [outputs * inputs * 3, outputs];
    let mut expected = vec![258 * 256];
    expected.extend([conv(128, 129), conv(64, 128), conv(64, 64), conv(128, 64)].concat());
    expected.extend([512 * 128, 512 * 128, 512, 512, 128, 1]);
    assert_eq!(Tensors::of_onnx(FILE).lengths(), expected);
}

#[test]
fn a_file_that_is_no_model_has_no_tensors() {
    for file in [&[][..], &[0xFF; 40], &[0x3A, 0x7F, 1, 2], b"not a model"] {
        assert_eq!(Tensors::of_onnx(file).lengths(), []);
    }
}
