//! Start, memory, speed and size of every function, beside an equal Python function.
//!
//!     cargo xtask bench functions [quick] [--json]
//!
//! An emulated Runtime API measures from the start of the process to its first poll, and from handing an event
//! out to taking the answer. On Lambda the platform's own time is added to both sides. Every answer has to be a
//! success, so that no refusal is measured.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program that prints, and stops where it cannot go on"
)]

#[path = "functions/deployment.rs"]
mod deployment;
#[path = "functions/events.rs"]
mod events;
#[path = "functions/measured.rs"]
mod measured;

use std::path::{Path, PathBuf};
use std::process::Command;

use measured::{Measured, zip_mb};
use serde_json::{Value, json};

/// Starts of each function.
const STARTS: usize = 15;
/// Starts of each Python function, which take fifty times as long.
const PYTHON_STARTS: usize = 5;
/// The functions. The sweeper first, while no calls are left over by the others for it to close.
const FUNCTIONS: [&str; 8] =
    ["sweeper", "incoming-call", "call-status", "dial-result", "livekit-webhook", "health", "token", "rooms"];

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let environment = runtime.block_on(deployment::start());
    let asked = |word: &str| std::env::args().any(|argument| argument == word);
    let profile = if asked("quick") { "quick" } else { "release" };
    build(profile);
    let python = target().join("venv-bench-functions/bin/python");
    assert!(python.exists(), "no Python to compare with: `cargo xtask bench functions` installs it");
    let python_zip = measured::python_zip_mb(&python, &handler());
    println!("{}", Measured::HEADER);
    let mut rows = Vec::new();
    for (number, function) in FUNCTIONS.into_iter().enumerate() {
        let binary = target().join(profile).join(function);
        let ours = Measured::of(function, number * 2, STARTS, &environment, &mut || Command::new(&binary));
        println!("{}", ours.row(function, zip_mb(&binary)));
        let theirs = Measured::of(function, number * 2 + 1, PYTHON_STARTS, &environment, &mut || {
            let mut command = Command::new(&python);
            command.args(["-m", "awslambdaric", "handler.handler"]).env("FUNCTION", function);
            command.current_dir(handler().parent().unwrap());
            command
        });
        println!("{}", theirs.row("  in Python", python_zip));
        rows.push(row(function, &ours, &theirs, zip_mb(&binary), python_zip));
    }
    if asked("--json") {
        println!("{}", json!({"bench": "functions", "profile": profile, "functions": rows}));
    }
}

/// One function's figures, for programs.
fn row(function: &str, ours: &Measured, theirs: &Measured, zip: f64, python_zip: f64) -> Value {
    let packaged = target().join("lambda").join(function).join("bootstrap.zip");
    json!({
        "function": function,
        "rust": ours.json(zip),
        "python": theirs.json(python_zip),
        "init_times_faster": theirs.init_ms() / ours.init_ms(),
        "arm64_zip_mb": std::fs::metadata(packaged).ok().map(|file| file.len() as f64 / 1e6),
    })
}

fn build(profile: &str) {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--profile", profile, "--quiet"]);
    for function in FUNCTIONS {
        cargo.args(["-p", function]);
    }
    println!("building the functions with the profile {profile}; release is what is deployed");
    assert!(cargo.status().unwrap().success(), "the functions do not build");
}

fn handler() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/handler.py")
}

fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => PathBuf::from(dir),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"),
    }
}
