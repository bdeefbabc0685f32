//! Builds our programs, always with the same selection: another one would mean other features, and building all twice.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::shell::{cargo, find, hand_over, openly, root, say, target};
use crate::{python, setup, turn_model};

/// Sets up, builds every program, and runs `program word arguments…`.
pub(crate) fn ready_and_run(program: &str, word: &str, arguments: &[String]) -> Result<ExitCode> {
    if !asks_for_help(arguments) {
        setup::all()?;
    }
    run(program, word, arguments)
}

/// Builds every program and runs one.
pub(crate) fn run(program: &str, word: &str, arguments: &[String]) -> Result<ExitCode> {
    programs()?;
    hand_over(Command::new(target("debug").join(program)).arg(word).args(arguments))
}

/// Every program of the workspace, in `target/debug`.
pub(crate) fn programs() -> Result<()> {
    // cargo says nothing with --quiet, and on a terminal it has its own progress bar.
    openly("build", &mut cargo(["build", "--workspace", "--bins"]))
}

/// Every program and every test, with the features that `cargo test` selects: nothing is built twice.
pub(crate) fn tests() -> Result<()> {
    openly("build", &mut cargo(["build", "--workspace", "--bins", "--tests", "--examples"]))
}

/// Runs `name` of the benches, the `[[bench]]` target with this name, with the profile `quick`: whatever has to
/// be measured as it is deployed is built as such by the bench itself.
pub(crate) fn bench(name: Option<&str>, arguments: &[String]) -> Result<ExitCode> {
    let benches = benches()?;
    let Some(name) = name else {
        say(&format!("benches: {}", names(&benches)));
        return Ok(ExitCode::SUCCESS);
    };
    let Some((_, package)) = benches.iter().find(|(bench, _)| bench == name) else {
        bail!("there is no bench `{name}`; there are: {}", names(&benches));
    };
    setup::all()?;
    // `--without-…` leaves out what the bench's own packages are for.
    if !arguments.iter().any(|argument| argument.starts_with("--without-")) {
        python::ensure_for_bench(name)?;
    }
    if name == TURN_MODEL {
        turn_model::ensure()?;
    }
    let selection = ["--workspace", "--profile", BENCH_PROFILE, "--bench", name];
    if package == STACK {
        openly("build, optimised", cargo(["build", "--bins"]).args(selection))?;
    }
    hand_over(cargo(["bench"]).args(selection).arg("--").args(arguments))
}

/// Optimised, without the minutes of link-time optimisation.
const BENCH_PROFILE: &str = "quick";
/// Needs the weights.
const TURN_MODEL: &str = "turn-model";
/// Its benches start the product's own programs.
const STACK: &str = "local";

fn names(benches: &[(String, String)]) -> String {
    benches.iter().map(|(bench, _)| bench.as_str()).collect::<Vec<_>>().join(", ")
}

/// Every bench with its package: `benches/NAME.rs` or `benches/NAME/main.rs` of the workspace's crates.
fn benches() -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for crate_dir in crate_dirs()? {
        let package = package_name(&crate_dir)?;
        let Ok(files) = std::fs::read_dir(crate_dir.join("benches")) else { continue };
        let names = files.filter_map(Result::ok).map(|file| file.path());
        let is_source =
            |path: &std::path::PathBuf| path.extension().is_some_and(|extension| extension == "rs");
        let names = names.filter(|path| is_source(path) || path.join("main.rs").is_file());
        found
            .extend(names.filter_map(|path| {
                Some((path.file_stem()?.to_string_lossy().into_owned(), package.clone()))
            }));
    }
    found.sort();
    Ok(found)
}

/// The name in a crate's `Cargo.toml`; the folder `cli` has another.
fn package_name(crate_dir: &std::path::Path) -> Result<String> {
    let file = crate_dir.join("Cargo.toml");
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    named(&text).with_context(|| format!("{} names no package", file.display()))
}

/// The value of `name` in the section `[package]`.
fn named(manifest: &str) -> Option<String> {
    let package = manifest.split("[package]").nth(1)?;
    let lines = package.lines().take_while(|line| !line.starts_with('['));
    let value =
        |line: &str| Some(line.strip_prefix("name")?.trim_start().strip_prefix('=')?.trim().to_owned());
    lines.filter_map(value).next().map(|name| name.trim_matches('"').to_owned())
}

fn crate_dirs() -> Result<Vec<std::path::PathBuf>> {
    let mut dirs: Vec<_> =
        ["cli", "local", "servers", "xtask"].iter().map(|name| root().join(name)).collect();
    for shelf in ["functions", "shared", "agent-container"] {
        let entries =
            std::fs::read_dir(root().join(shelf)).with_context(|| format!("cannot read {shelf}"))?;
        dirs.extend(
            entries
                .filter_map(Result::ok)
                .map(|entry| entry.path())
                .filter(|path| path.join("Cargo.toml").exists()),
        );
    }
    Ok(dirs)
}

fn asks_for_help(arguments: &[String]) -> bool {
    arguments.iter().any(|word| word == "--help" || word == "-h") && find("cargo").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crate_has_a_name_and_the_functions_a_bench() {
        let packages: Vec<String> =
            crate_dirs().unwrap().iter().map(|dir| package_name(dir).unwrap()).collect();
        for name in ["ringdown", "samples", "incoming-call", "agent", "xtask"] {
            assert!(packages.iter().any(|package| package == name), "{name} is not in {packages:?}");
        }
        assert!(benches().unwrap().contains(&("functions".to_owned(), "samples".to_owned())));
        assert_eq!(named("[lib]\nname = \"x\"\n"), None);
    }
}
