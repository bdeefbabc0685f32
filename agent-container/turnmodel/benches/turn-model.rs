//! What the end-of-turn model says of human telephone prompts, whole and cut off at 60 % of their length, and what
//! an answer costs.
//!
//! 150 prompts (Debian `asterisk-core-sounds-en-wav`), through the telephone's band, 250 ms of silence behind: what
//! the ear has heard when speech counts as ended. "Complete" is a probability of at least 0.5. The wait is that of
//! the phone's defaults from the last sound: 400 ms when the model says complete, 2500 ms when it does not; without
//! it 500 ms after a full stop, 600 ms otherwise.
//!
//! `cargo xtask bench turn-model [--sounds DIR] [--json]`; with `--json` the last line on stdout is one JSON object.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints a table")]

#[path = "../../audio/benches/vad/prompts.rs"]
mod prompts;

use std::path::Path;
use std::process::ExitCode;

use audio::{PIPELINE_HZ, Resampler, mulaw};
use serde_json::{Value, json};
use turnmodel::{LogMel, SmartTurn};

const WEIGHTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/models/smart-turn-v3.2-cpu.onnx");
const PROMPTS: usize = 150;
const CUT: f64 = 0.6;
const THRESHOLD: f32 = 0.5;
/// Silence after which speech has ended, in samples at 8 kHz: 250 ms.
const SILENCE: usize = mulaw::MULAW_HZ as usize / 4;
const COMPLETE_MS: f64 = 400.0;
const INCOMPLETE_MS: f64 = 2500.0;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let sounds = args.iter().position(|arg| arg == "--sounds").and_then(|at| args.get(at + 1));
    match run(sounds.map(Path::new)) {
        Ok(report) => {
            if args.iter().any(|arg| arg == "--json") {
                println!("{report}");
            }
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::from(2)
        }
    }
}

fn run(sounds: Option<&Path>) -> Result<Value, String> {
    let onnx =
        std::fs::read(WEIGHTS).map_err(|error| format!("{WEIGHTS}: {error}; cargo xtask turn-model"))?;
    let mut model = SmartTurn::load(onnx).map_err(|error| error.to_string())?;
    let prompts = prompts::load(sounds)?;
    let step = prompts.len() / PROMPTS;
    let prompts: Vec<&Vec<i16>> = prompts.iter().step_by(step.max(1)).take(PROMPTS).collect();
    println!("prompts      complete   median   wait with it (mean)");
    let whole = judged(&mut model, &prompts, 1.0)?;
    let cut = judged(&mut model, &prompts, CUT)?;
    let features_ms = features_ms(&prompts);
    println!("cost: {:.0} ms of one core a pause, {features_ms:.1} ms of it for the features", whole.cost_ms);
    println!("the text rules wait 500 ms after a full stop, 600 ms otherwise");
    Ok(json!({
        "prompts": PROMPTS, "whole": whole.json(), "cut_at_60_percent": cut.json(),
        "cost_ms": whole.cost_ms, "features_ms": features_ms,
    }))
}

/// What became of some prompts.
struct Judged {
    complete: f64,
    median: f32,
    wait_ms: f64,
    cost_ms: f64,
}

impl Judged {
    fn json(&self) -> Value {
        json!({"complete": self.complete, "median": self.median, "wait_ms": self.wait_ms, "cost_ms": self.cost_ms})
    }
}

fn judged(model: &mut SmartTurn, prompts: &[&Vec<i16>], share: f64) -> Result<Judged, String> {
    let (mut answers, mut cost_ms) = (Vec::new(), 0.0);
    for prompt in prompts {
        let heard = heard(&prompt[..(prompt.len() as f64 * share) as usize]);
        let before = model.on_its_thread(on_core_ms);
        answers.push(model.probability(&heard).map_err(|error| error.to_string())?);
        cost_ms += model.on_its_thread(on_core_ms) - before;
    }
    answers.sort_by(f32::total_cmp);
    let count = answers.len() as f64;
    let complete = answers.iter().filter(|&&p| p >= THRESHOLD).count() as f64 / count;
    let median = answers[answers.len() / 2];
    let wait_ms = complete * COMPLETE_MS + (1.0 - complete) * INCOMPLETE_MS;
    let name = if share < 1.0 { "cut at 60 %" } else { "whole" };
    println!("{name:<12} {:>6.1} %   {median:.3}   {wait_ms:.0} ms", complete * 100.0);
    Ok(Judged { complete, median, wait_ms, cost_ms: cost_ms / count })
}

/// Through the telephone, and a quarter second of silence.
fn heard(prompt: &[i16]) -> Vec<i16> {
    let line: Vec<i16> = prompt.iter().copied().chain(std::iter::repeat_n(0, SILENCE)).collect();
    let (mut bytes, mut coded, mut out) = (Vec::new(), Vec::new(), Vec::new());
    mulaw::encode(&line, &mut bytes);
    mulaw::decode(&bytes, &mut coded);
    if let Ok(mut resampler) = Resampler::new(mulaw::MULAW_HZ, PIPELINE_HZ) {
        resampler.push(&coded, &mut out);
        resampler.finish(&mut out);
    }
    out
}

fn features_ms(prompts: &[&Vec<i16>]) -> f64 {
    let mut features = LogMel::default();
    let before = on_core_ms();
    for prompt in prompts {
        std::hint::black_box(features.of(&heard(prompt)));
    }
    (on_core_ms() - before) / prompts.len() as f64
}

/// Processor time of this thread in milliseconds; 0 where there is no procfs.
fn on_core_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).map_or(0.0, |ns| ns / 1e6)
}
