//! The words behind a journal's name on the command line.

/// What is to be done with a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Replay it; the timeline first, with or without decisions.
    Replay { timeline: bool, explained: bool },
    /// Make a redacted script of it.
    Script,
    /// Tell which turns other settings would have changed: names and values.
    WhatIf(Vec<(String, String)>),
}

impl Asked {
    /// Reads the options.
    ///
    /// # Errors
    ///
    /// The first one nobody knows, that lacks its value or that another one excludes.
    pub(crate) fn parse(args: &[String]) -> Result<Self, String> {
        let (mut timeline, mut explained, mut script) = (false, false, false);
        let mut changes = Vec::new();
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            match arg.as_str() {
                "--timeline" => timeline = true,
                "--explain" => explained = true,
                "--script" => script = true,
                "--set" => changes.push(change(rest.next())?),
                other => return Err(format!("unknown option `{other}`")),
            }
        }
        match (script, changes.is_empty(), timeline || explained) {
            (true, true, false) => Ok(Self::Script),
            (false, false, false) => Ok(Self::WhatIf(changes)),
            (false, true, _) => Ok(Self::Replay { timeline: timeline || explained, explained }),
            _ => Err("--script, --set and --timeline or --explain exclude each other".to_owned()),
        }
    }
}

fn change(pair: Option<&String>) -> Result<(String, String), String> {
    let pair = pair.ok_or("--set wants KEY=VALUE")?;
    let (key, value) = pair.split_once('=').ok_or(format!("--set wants KEY=VALUE, not `{pair}`"))?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Of a verb that takes names and only these flags: the names, and which flags are there.
///
/// # Errors
///
/// The first option nobody knows.
pub(crate) fn names<'a>(
    args: &'a [String],
    flags: &[&str],
) -> Result<(Vec<&'a String>, Vec<&'a str>), String> {
    let (given, names): (Vec<&String>, Vec<&String>) = args.iter().partition(|arg| arg.starts_with("--"));
    match given.iter().find(|flag| !flags.contains(&flag.as_str())) {
        Some(unknown) => Err(format!("unknown option `{unknown}`")),
        None => Ok((names, given.into_iter().map(String::as_str).collect())),
    }
}
