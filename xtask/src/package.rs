//! The arm64 zips that `sam deploy` takes.

use anyhow::{Context, Result, bail};

use crate::python::program;
use crate::setup;
use crate::shell::{command, openly, quietly, root, say, target};

/// The functions' processor on AWS.
const TARGET: &str = "aarch64-unknown-linux-gnu";

/// Builds every function as `target/lambda/NAME/bootstrap.zip`.
pub(crate) fn all(quick: bool) -> Result<()> {
    setup::all()?;
    quietly("rust target aarch64", &mut command("rustup", ["target", "add", TARGET]))?;
    let mut build =
        command(program("cargo-lambda"), ["lambda", "build", "--arm64", "--output-format", "zip"]);
    match quick {
        true => build.args(["--profile", "quick"]),
        false => build.arg("--release"),
    };
    openly("functions for arm64", &mut build)?;
    sizes()
}

/// Prints the size of each zip; every function of the workspace must have one.
fn sizes() -> Result<()> {
    for function in std::fs::read_dir(root().join("functions")).context("there are no functions")? {
        let name = function?.file_name().to_string_lossy().into_owned();
        let zip = target("lambda").join(&name).join("bootstrap.zip");
        let Ok(file) = zip.metadata() else { bail!("{} was not built", zip.display()) };
        say(&format!("  {name:<18} {:>8.2} MB", file.len() as f64 / 1e6));
    }
    Ok(())
}
