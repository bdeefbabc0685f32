//! Python environments: `target/venv` for everybody (cargo-lambda, LiveKit's SDK, the template's linters), and one for each bench
//! that needs packages of its own.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::shell::{command, find, quietly, root, target};

/// Creates the environment and installs the pinned packages, when they changed since the last time.
pub(crate) fn ensure() -> Result<()> {
    let what = "python packages (cargo-lambda, livekit, cfn-lint)";
    install("venv", "xtask/requirements.txt", what)
}

/// The same for a bench with packages of its own: those of `xtask/requirements-bench-NAME.txt`, in `target/venv-bench-NAME`.
pub(crate) fn ensure_for_bench(name: &str) -> Result<()> {
    let requirements = format!("xtask/requirements-bench-{name}.txt");
    if !root().join(&requirements).exists() {
        return Ok(());
    }
    install(&format!("venv-bench-{name}"), &requirements, &format!("python packages of bench {name}"))
}

/// A program of the environment for everybody.
pub(crate) fn program(name: &str) -> PathBuf {
    target("venv/bin").join(name)
}

fn install(environment: &str, requirements: &str, what: &str) -> Result<()> {
    let dir = target(environment);
    let wanted = std::fs::read_to_string(root().join(requirements))
        .with_context(|| format!("cannot read {requirements}"))?;
    let stamp = dir.join("installed.txt");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let Some(python) = find("python3") else { bail!("python3 is missing") };
    if !dir.join("bin/python").exists() {
        quietly(
            "python environment",
            &mut command(python, ["-m".as_ref(), "venv".as_ref(), dir.as_os_str()]),
        )?;
    }
    quietly(what, &mut command(dir.join("bin/pip"), ["install", "-q", "-r", requirements]))?;
    std::fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))
}
