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

/// Sets up, and builds every function as `target/lambda/NAME/bootstrap.zip`, with a template that names the zips.
pub(crate) fn all(quick: bool) -> Result<()> {
    setup::all()?;
    ensure_target()?;
    build(quick)
}

/// The same for the tests, quick, where set-up was done: where the compiler's part for that processor is not to be
/// had they say so and go on.
pub(crate) fn quick_if_possible() -> Result<()> {
    match ensure_target() {
        Ok(()) => build(true),
        Err(error) => {
            say(&format!("SKIPPED: no zips for arm64, Rust's standard library for it is missing: {error:#}"));
            Ok(())
        }
    }
}

/// Rust's standard library for that processor, by rustup where it is missing.
fn ensure_target() -> Result<()> {
    let asked = command("rustc", ["--print", "target-libdir", "--target", TARGET]).output();
    let asked = asked.context("cannot start rustc")?;
    if Path::new(String::from_utf8_lossy(&asked.stdout).trim()).is_dir() {
        return Ok(());
    }
    // A network that swallows everything must not hold the tests up.
    quietly("rust target aarch64", &mut command("timeout", ["180", "rustup", "target", "add", TARGET]))
}

fn build(quick: bool) -> Result<()> {
    let profile = if quick { "draft" } else { "release" };
    let arguments = ["lambda", "build", "--arm64", "--output-format", "zip", "--profile", profile];
    let mut build = command(TOOLS.program("cargo-lambda"), arguments);
    openly("functions for arm64", build.env("PATH", TOOLS.path()?))?;
    let functions = std::fs::read_dir(root().join("functions")).context("there are no functions")?;
    let mut names: Vec<String> = functions
        .map(|function| Ok(function?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    names.sort();
    names.iter().try_for_each(|name| check(name, profile))?;
    write_template(&names)
}

/// Says how large a function's zip is, and looks whether Lambda can run what is in it.
fn check(name: &str, profile: &str) -> Result<()> {
    let zip = target("lambda").join(name).join("bootstrap.zip");
    let Ok(file) = zip.metadata() else { bail!("{} was not built", zip.display()) };
    let newest =
        runs_on_lambda(&unzipped(&zip)?).with_context(|| format!("{} is no function", zip.display()))?;
    let size = file.len();
    say(&format!("  {name:<18} {:>8.2} MB, glibc 2.{newest}", size as f64 / 1e6));
    ensure!(profile != "release" || size <= MAX_ZIP, "{name}: the zip has more than {MAX_ZIP} bytes");
    Ok(())
}

/// The one program that is in a zip.
fn unzipped(zip: &Path) -> Result<Vec<u8>> {
    let mut unzip = command(TOOLS.program("python"), ["xtask/python/bootstrap_of.py"]);
    let output = unzip.arg(zip).output().context("cannot start python")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim_end());
    Ok(output.stdout)
}

/// Whether a program is one for Lambda's processor and C library; the newest symbols it needs of that.
fn runs_on_lambda(program: &[u8]) -> Result<u32> {
    ensure!(program.starts_with(b"\x7fELF"), "it is no program");
    let machine = program.get(18..20).map_or(0, |bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
    ensure!(machine == EM_AARCH64, "it is for another processor, {machine}");
    let newest = newest_glibc(program);
    ensure!(newest <= NEWEST_GLIBC, "it needs glibc 2.{newest}, Lambda has 2.{NEWEST_GLIBC}");
    Ok(newest)
}

/// Writes the template that deploys the zips as they are, beside them.
fn write_template(names: &[String]) -> Result<()> {
    let source = std::fs::read_to_string(root().join("template.yaml")).context("there is no template")?;
    let template = packaged(&source);
    for name in names {
        ensure!(template.contains(&code_uri(name)), "{name} is not in template.yaml");
    }
    let file = target("lambda/template.yaml");
    std::fs::write(&file, template).with_context(|| format!("cannot write {}", file.display()))
}

/// The template with each function's zip in place of how it is built.
fn packaged(template: &str) -> String {
    let mut function = "";
    let mut lines = Vec::new();
    for line in template.lines() {
        match line.trim().strip_prefix(BUILD) {
            Some(name) => function = name.trim_end_matches([' ', '}']),
            None if line.trim() == "CodeUri: ." => lines.push(format!("      {}", code_uri(function))),
            None => lines.push(line.to_owned()),
        }
    }
    lines.join("\n") + "\n"
}

/// How the template says what a function is built from; its name follows.
const BUILD: &str = "Metadata: { BuildMethod: rust-cargolambda, BuildProperties: { Binary: ";

fn code_uri(name: &str) -> String {
    format!("CodeUri: {name}/bootstrap.zip")
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
            let program = [b"\x7fELF".as_slice(), &[0; 14], &[machine, 0], glibc.as_bytes()].concat();
            assert_eq!(runs_on_lambda(&program).is_ok(), runs, "{machine} {glibc}");
        };
        check(183, "GLIBC_2.30", true);
        check(183, "GLIBC_2.4 GLIBC_2.38", false);
        check(62, "GLIBC_2.30", false);
    }

    #[test]
    fn the_packaged_template_takes_every_zip_and_builds_nothing() {
        let source = std::fs::read_to_string(root().join("template.yaml")).unwrap();
        let template = packaged(&source);
        for function in std::fs::read_dir(root().join("functions")).unwrap() {
            let name = function.unwrap().file_name();
            let uri = code_uri(&name.to_string_lossy());
            assert_eq!(template.matches(&uri).count(), 1, "{uri}");
        }
        assert!(!template.contains("BuildMethod") && !template.contains("CodeUri: .\n"));
        assert_eq!(source.lines().count() - template.lines().count(), template.matches("CodeUri").count());
    }
}
