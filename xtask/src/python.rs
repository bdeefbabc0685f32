//! The Python environment in `target/venv`: cargo-lambda, LiveKit's SDK, the template's linters.

use anyhow::{Context, Result, bail};

use crate::shell::{command, find, quietly, root, target};

/// Where the versions are pinned.
const REQUIREMENTS: &str = "xtask/requirements.txt";

/// Creates the environment and installs the pinned packages, when they changed since the last time.
pub(crate) fn ensure() -> Result<()> {
    let wanted = std::fs::read_to_string(root().join(REQUIREMENTS))
        .with_context(|| format!("cannot read {REQUIREMENTS}"))?;
    let stamp = target("venv/installed.txt");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let Some(python) = find("python3") else { bail!("python3 is missing") };
    if !target("venv/bin/python").exists() {
        quietly(
            "python environment",
            &mut command(python, ["-m".as_ref(), "venv".as_ref(), target("venv").as_os_str()]),
        )?;
    }
    let pip = target("venv/bin/pip");
    quietly(
        "python packages (cargo-lambda, livekit, cfn-lint)",
        &mut command(pip, ["install", "-q", "-r", REQUIREMENTS]),
    )?;
    std::fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))
}

/// A program of the environment.
pub(crate) fn program(name: &str) -> std::path::PathBuf {
    target("venv/bin").join(name)
}
