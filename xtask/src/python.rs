//! Python environments under `target/`, each made from its own pins: cargo-lambda and LiveKit's SDK, the template's linters, the
//! vendors' SDKs, and one for each bench that needs packages of its own.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::shell::{command, find, quietly, root, target};

/// A Python environment.
pub(crate) struct Environment<'a> {
    /// Its folder under `target/`.
    dir: &'a str,
    /// Where its versions are pinned, from the checkout's root.
    requirements: &'a str,
    /// What it is for.
    what: &'a str,
}

/// cargo-lambda with zig, LiveKit's SDK.
pub(crate) const TOOLS: Environment<'_> =
    Environment { dir: "venv", requirements: "xtask/requirements.txt", what: "cargo-lambda, livekit" };

/// The template's linters. Apart from the others: they pin what those have newer.
pub(crate) const LINTERS: Environment<'_> =
    Environment { dir: "venv-lint", requirements: "xtask/requirements-lint.txt", what: "template linters" };

/// The vendors' SDKs, for the simulator's test. It looks for the same folder and mark.
pub(crate) const VENDORS: Environment<'_> =
    Environment { dir: "venv-sdk", requirements: "xtask/requirements-sdk.txt", what: "vendors' SDKs" };

/// The packages of `xtask/requirements-bench-NAME.txt`, in `target/venv-bench-NAME`, for a bench that has some.
pub(crate) fn ensure_for_bench(name: &str) -> Result<()> {
    let requirements = format!("xtask/requirements-bench-{name}.txt");
    if !root().join(&requirements).exists() {
        return Ok(());
    }
    let (dir, what) = (format!("venv-bench-{name}"), format!("of bench {name}"));
    Environment { dir: &dir, requirements: &requirements, what: &what }.ensure()
}

impl Environment<'_> {
    /// Creates the environment and installs its packages, when the pins changed since the last time.
    pub(crate) fn ensure(&self) -> Result<()> {
        let requirements = self.requirements;
        let wanted = std::fs::read_to_string(root().join(requirements))
            .with_context(|| format!("cannot read {requirements}"))?;
        let dir = target(self.dir);
        let mark = dir.join("installed");
        if std::fs::read_to_string(&mark).is_ok_and(|installed| installed == wanted) {
            return Ok(());
        }
        let Some(python) = find("python3") else { bail!("python3 is missing") };
        if !self.program("python").exists() {
            let venv = ["-m".as_ref(), "venv".as_ref(), dir.as_os_str()];
            quietly(&format!("python environment {}", self.dir), &mut command(python, venv))?;
        }
        quietly(
            &format!("python packages ({})", self.what),
            &mut command(self.program("python"), ["-m", "pip", "install", "-q", "-r", requirements]),
        )?;
        std::fs::write(&mark, wanted).with_context(|| format!("cannot write {}", mark.display()))
    }

    /// A program of the environment.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        target(self.dir).join("bin").join(name)
    }

    /// `PATH` with the environment's programs first: cargo-lambda looks there for zig.
    pub(crate) fn path(&self) -> Result<OsString> {
        let rest = std::env::var_os("PATH").unwrap_or_default();
        let dirs = std::iter::once(target(self.dir).join("bin")).chain(std::env::split_paths(&rest));
        std::env::join_paths(dirs).context("the path of the checkout has a colon in it")
    }
}
