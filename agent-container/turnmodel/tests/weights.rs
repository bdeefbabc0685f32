//! The network itself, where its weights are (`cargo xtask turn-model`).

use std::path::Path;

use turnmodel::{SmartTurn, TurnModelError};

const WEIGHTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/models/smart-turn-v3.2-cpu.onnx");

#[path = "../src/log_mel/signal.rs"]
mod signal;

#[expect(clippy::print_stderr, reason = "a test that is passed over says so")]
#[test]
fn answers_are_those_of_the_networks_own_runtime() {
    if !Path::new(WEIGHTS).exists() {
        eprintln!("no weights: cargo xtask turn-model fetches them");
        return;
    }
    let mut model = SmartTurn::load(std::fs::read(WEIGHTS).unwrap()).unwrap();
    // What onnxruntime 1.31.1 says of the same signals (tests/data/reference.py); its int8 kernels round otherwise.
    for (samples, theirs) in [(128_000, 0.949), (20_000, 0.976), (150_000, 0.963)] {
        let ours = model.probability(&signal::signal(samples)).unwrap();
        assert!((ours - theirs).abs() < 0.05, "{samples} samples: {ours}, not {theirs}");
    }
}

#[test]
fn another_file_is_refused() {
    for bytes in [Vec::new(), b"not a network".to_vec(), vec![0; 4096]] {
        assert!(matches!(SmartTurn::load(bytes), Err(TurnModelError::Load(_))));
    }
}
