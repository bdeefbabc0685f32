//! The arm64 zips that `sam deploy` takes.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::python::TOOLS;
use crate::setup;
use crate::shell::{command, openly, quietly, root, say, target};

/// The functions' processor on AWS.
const TARGET: &str = "aarch64-unknown-linux-gnu";

/// `e_machine` of that processor (ELF for the Arm 64-bit architecture).
const EM_AARCH64: u16 = 183;

/// Minor version of the C library of `provided.al2023`: 2.34.
const NEWEST_GLIBC: u32 = 34;

/// Largest zip that is deployed, bytes: a cold start begins with fetching it.
const MAX_ZIP: u64 = 3_000_000;

/// Sets up, and builds every function as `target/lambda/NAME/bootstrap.zip`.
pub(crate) fn all(quick: bool) -> Result<()> {
    setup::all()?;
    build(quick)
}

/// Builds every function as `target/lambda/NAME/bootstrap.zip`, where set-up was done.
pub(crate) fn build(quick: bool) -> Result<()> {
    quietly("rust target aarch64", &mut command("rustup", ["target", "add", TARGET]))?;
    let profile = if quick { "quick" } else { "release" };
    let arguments = ["lambda", "build", "--arm64", "--output-format", "zip", "--profile", profile];
    let mut build = command(TOOLS.program("cargo-lambda"), arguments);
    openly("functions for arm64", build.env("PATH", TOOLS.path()?))?;
    let functions = std::fs::read_dir(root().join("functions")).context("there are no functions")?;
    let mut names: Vec<String> = functions
        .map(|function| Ok(function?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    names.sort();
    names.iter().try_for_each(|name| check(name, profile))
}

/// Says how large a function's zip is, and looks whether Lambda can run what is in it.
fn check(name: &str, profile: &str) -> Result<()> {
    let zip = target("lambda").join(name).join("bootstrap.zip");
    let Ok(file) = zip.metadata() else { bail!("{} was not built", zip.display()) };
    let binary = target(TARGET).join(profile).join(name);
    let newest = runs_on_lambda(&binary).with_context(|| format!("{} is no function", binary.display()))?;
    let size = file.len();
    say(&format!("  {name:<18} {:>8.2} MB, glibc 2.{newest}", size as f64 / 1e6));
    ensure!(profile != "release" || size <= MAX_ZIP, "{name}: the zip has more than {MAX_ZIP} bytes");
    Ok(())
}

/// Whether a program is one for Lambda's processor and C library; the newest symbols it needs of that.
fn runs_on_lambda(binary: &Path) -> Result<u32> {
    let program = std::fs::read(binary)?;
    ensure!(program.starts_with(b"\x7fELF"), "it is no program");
    let machine = program.get(18..20).map_or(0, |bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
    ensure!(machine == EM_AARCH64, "it is for another processor, {machine}");
    let newest = newest_glibc(&program);
    ensure!(newest <= NEWEST_GLIBC, "it needs glibc 2.{newest}, Lambda has 2.{NEWEST_GLIBC}");
    Ok(newest)
}

/// The newest of the symbol versions `GLIBC_2.x` that a program names.
fn newest_glibc(program: &[u8]) -> u32 {
    const MARK: &[u8] = b"GLIBC_2.";
    let marks = program.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK);
    let minor = |(at, _): (usize, &[u8])| {
        let digits = program[at + MARK.len()..].iter().take_while(|byte| byte.is_ascii_digit());
        digits.take(4).fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
    };
    marks.map(minor).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_symbols_count() {
        assert_eq!(newest_glibc(b"\0GLIBC_2.17\0GLIBC_2.34\0GLIBC_2.9\0"), 34);
        assert_eq!(newest_glibc(b"GLIBC_2."), 0);
        assert_eq!(newest_glibc(b"static"), 0);
    }

    #[test]
    fn what_lambda_cannot_run_is_refused() {
        let check = |machine: u8, glibc: &str, runs: bool| {
            let file = std::env::temp_dir().join(format!(
                "ringdown-{machine}-{}-{}",
                glibc.len(),
                std::process::id()
            ));
            let head = [b"\x7fELF".as_slice(), &[0; 14], &[machine, 0], glibc.as_bytes()].concat();
            std::fs::write(&file, head).unwrap();
            assert_eq!(runs_on_lambda(&file).is_ok(), runs, "{machine} {glibc}");
            std::fs::remove_file(&file).unwrap();
        };
        check(183, "GLIBC_2.30", true);
        check(183, "GLIBC_2.4 GLIBC_2.38", false);
        check(62, "GLIBC_2.30", false);
    }
}
