//! `replay <journal>`: the same outputs, or the first difference. `replay scenario <file>…`: runs scripts.

mod options;

use std::path::Path;
use std::process::ExitCode;

use replay::{journal, redact, scenario};

use options::Asked;

const USAGE: &str = "usage:
  replay <journal> [--timeline] [--explain]     same outputs as recorded, or the first difference
  replay <journal> --script                     a redacted .call scenario on stdout
  replay <journal> --set KEY=VALUE …            which turns other settings would have changed
  replay scenario [--explain] <file.call> …     run scripts; exit code 1 when an expectation fails
  replay fuzz FROM TO                           random scripts by seed; prints those that break a rule";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.iter().any(|a| a == "--help" || a == "-h") {
        say(&mut std::io::stdout(), USAGE);
        return ExitCode::SUCCESS;
    }
    let result = match args.split_first() {
        Some((verb, rest)) if verb == "scenario" => scenarios(rest),
        Some((verb, rest)) if verb == "fuzz" => fuzz(rest),
        Some((verb, rest)) if verb == "replay" && rest.first().is_some_and(|r| !r.starts_with('-')) => {
            on_journal(&rest[0], &rest[1..])
        }
        Some((path, rest)) if !path.starts_with('-') && path != "replay" => on_journal(path, rest),
        _ => Err(USAGE.to_owned()),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(text) => {
            say(&mut std::io::stderr(), &text);
            ExitCode::from(2)
        }
    }
}

fn scenarios(args: &[String]) -> Result<bool, String> {
    let (files, flags) = options::names(args, &["--explain"])?;
    let explained = !flags.is_empty();
    if files.is_empty() {
        return Err(USAGE.to_owned());
    }
    let mut good = true;
    for file in files {
        let reports = scenario::run_file(Path::new(file), explained)?;
        let failed = reports.iter().filter(|r| !r.failures.is_empty()).count();
        good &= failed == 0;
        // Of many variants, those that failed are shown; of one, it.
        for report in reports.iter().filter(|r| reports.len() == 1 || !r.failures.is_empty()) {
            say(&mut std::io::stdout(), report.text().trim_end());
        }
        say(&mut std::io::stdout(), &format!("{file}: {} run, {failed} failed", reports.len()));
    }
    Ok(good)
}

fn fuzz(args: &[String]) -> Result<bool, String> {
    let seeds: Result<Vec<u64>, _> = args.iter().map(|a| a.parse()).collect();
    let Ok(&[from, to]) = seeds.as_deref() else { return Err(USAGE.to_owned()) };
    let mut broken = 0;
    for seed in from..to {
        let text = replay::fuzz::script(seed);
        for script in replay::script::Script::parse_all(&text).map_err(|e| format!("seed {seed}: {e}"))? {
            let report = scenario::run(&script, to - from == 1)?;
            broken += u64::from(!report.failures.is_empty());
            if to - from == 1 {
                say(&mut std::io::stdout(), &format!("{text}\n{}", report.text()));
            }
            for failure in &report.failures {
                say(&mut std::io::stdout(), &format!("seed {seed}: {failure}"));
            }
        }
    }
    say(&mut std::io::stdout(), &format!("{} scripts, {broken} broke a rule", to - from));
    Ok(broken == 0)
}

fn on_journal(path: &str, args: &[String]) -> Result<bool, String> {
    let asked = Asked::parse(args)?;
    let text = std::fs::read_to_string(path).map_err(|e| format!("{path}: {e}"))?;
    let lines = journal::parse(&text).map_err(|e| format!("{path}: {e}"))?;
    match asked {
        Asked::Script => {
            say(&mut std::io::stdout(), redact::script(&lines)?.trim_end());
            Ok(true)
        }
        Asked::WhatIf(changes) => what_if(&lines, &changes),
        Asked::Replay { timeline, explained } => {
            if timeline {
                for event in journal::timeline(&lines, explained) {
                    say(&mut std::io::stdout(), &event.to_string());
                }
            }
            Ok(replayed(path, &lines))
        }
    }
}

/// Whether the outputs are the recorded ones; says so.
fn replayed(path: &str, lines: &[dialogue::JournalLine]) -> bool {
    match journal::replay(lines) {
        Ok(()) => {
            say(&mut std::io::stdout(), &format!("{path}: {} lines, the same outputs", lines.len()));
            true
        }
        Err(difference) => {
            say(&mut std::io::stdout(), &format!("{path}: first difference at {difference}"));
            false
        }
    }
}

fn what_if(lines: &[dialogue::JournalLine], changes: &[(String, String)]) -> Result<bool, String> {
    let turns = journal::what_if(lines, changes)?;
    let side = |t: &Option<(u64, String)>| {
        t.as_ref().map_or("no turn".to_owned(), |(ms, text)| format!("{}.{:03} {text}", ms / 1000, ms % 1000))
    };
    for turn in &turns {
        say(
            &mut std::io::stdout(),
            &format!("turn {}: {} -> {}", turn.turn, side(&turn.before), side(&turn.after)),
        );
    }
    say(&mut std::io::stdout(), &format!("{} turns change", turns.len()));
    Ok(true)
}

/// Prints a line; a closed pipe is no error.
fn say(to: &mut impl std::io::Write, text: &str) {
    let _ = writeln!(to, "{text}");
}
