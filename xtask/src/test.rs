//! Every check there is, ending with the line `N passed, N failed`.

use std::io::{BufRead, BufReader, Write, stdout};
use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result};

use crate::python::{LINTERS, VENDORS};
use crate::shell::{cargo, command, openly, quietly, say, target};
use crate::{build, package, setup, turn_model};

/// Cheap checks first; the tests last, since they take longest and print the closing lines.
pub(crate) fn all() -> Result<ExitCode> {
    setup::all()?;
    LINTERS.ensure()?;
    VENDORS.ensure()?;
    turn_model::ensure_if_possible();
    openly("format", &mut cargo(["fmt", "--all", "--check"]))?;
    template()?;
    openly("clippy", &mut cargo(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    package::quick_if_possible()?;
    build::tests()?;
    let counts = tests()?;
    let mut out = stdout();
    writeln!(out, "\n{} passed, {} failed", counts.passed, counts.failed)
        .context("standard output is closed")?;
    Ok(if counts.good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The SAM template as it is, and expanded as CloudFormation does it: each linter finds what the others miss.
fn template() -> Result<()> {
    // A region must be set; nothing is asked of it.
    let lint = |program: &str, arguments: &[&str]| {
        let mut command = command(LINTERS.program(program), arguments);
        command.env("AWS_DEFAULT_REGION", "us-east-1").env("SAM_CLI_TELEMETRY", "0");
        command
    };
    let expanded = target("template.json");
    let mut expand = lint("python", &["xtask/python/expand.py", "template.yaml"]);
    quietly("template: expand", expand.arg(&expanded))?;
    quietly("template: sam validate", &mut lint("sam", &["validate", "--lint"]))?;
    // W3037 is a false alarm about the translator's own policy for queues.
    quietly("template: cfn-lint", lint("cfn-lint", &["-i", "W3037", "--"]).arg(&expanded))?;
    let quick = ["--framework", "cloudformation", "--compact", "--quiet", "--skip-download", "-f"];
    quietly("template: checkov", lint("checkov", &quick).arg(&expanded))
}

#[derive(Default)]
struct Counts {
    passed: u64,
    failed: u64,
    good: bool,
}

/// `cargo test`, with its output shown as it comes and its results added up.
fn tests() -> Result<Counts> {
    say("▸ tests");
    let mut cargo = cargo(["test", "--workspace", "--no-fail-fast"]);
    let mut child = cargo.stdout(Stdio::piped()).spawn().context("cannot start cargo test")?;
    let output = child.stdout.take().context("cargo test has no output")?;
    let mut counts = Counts::default();
    let mut out = stdout();
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        writeln!(out, "{line}").context("standard output is closed")?;
        if let Some((passed, failed)) = result(&line) {
            counts.passed += passed;
            counts.failed += failed;
        }
    }
    counts.good = child.wait()?.success() && counts.failed == 0 && counts.passed > 0;
    Ok(counts)
}

/// `test result: ok. 5 passed; 1 failed; 0 ignored; …`
fn result(line: &str) -> Option<(u64, u64)> {
    let rest = line.strip_prefix("test result: ")?;
    let number = |word: &str| {
        let before = rest.split(word).next()?.trim_end();
        before.rsplit(' ').next()?.parse().ok()
    };
    Some((number("passed;")?, number("failed;")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargos_results_are_read() {
        let line = "test result: FAILED. 5 passed; 12 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.23s";
        assert_eq!(result(line), Some((5, 12)));
        assert_eq!(result("test a ... ok"), None);
    }
}
