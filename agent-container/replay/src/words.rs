//! Words of a `.call` line.

use dialogue::FailureKind;

/// A line with its number, from 1.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) number: usize,
    pub(crate) text: String,
}

/// Cuts a line at spaces; quotes hold a word together, also inside `key="…"`; `\"` is a quote.
pub(crate) fn tokens(line: &str) -> Result<Vec<String>, String> {
    let mut tokens = Vec::new();
    let mut token = String::new();
    let (mut quoted, mut open) = (false, false);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if quoted => token.push(chars.next().ok_or("a backslash at the end")?),
            '"' => {
                quoted = !quoted;
                open = true;
            }
            '#' if !quoted && !open => break,
            c if c.is_whitespace() && !quoted => {
                if std::mem::take(&mut open) {
                    tokens.push(std::mem::take(&mut token));
                }
            }
            c => {
                token.push(c);
                open = true;
            }
        }
    }
    if quoted {
        return Err("a quote is not closed".to_owned());
    }
    if open {
        tokens.push(token);
    }
    Ok(tokens)
}

pub(crate) fn one(args: &[String]) -> Result<&str, String> {
    match args {
        [one] => Ok(one),
        _ => Err(format!("one word is wanted here, not {} (quote texts)", args.len())),
    }
}

pub(crate) fn pairs(args: &[String]) -> Result<Vec<(&str, &str)>, String> {
    args.iter().map(|a| a.split_once('=').ok_or(format!("`{a}` is not key=value"))).collect()
}

/// Seconds with up to three decimals, as milliseconds.
pub(crate) fn seconds(text: &str) -> Result<u64, String> {
    let bad = || format!("`{text}` is no time in seconds");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || whole.is_empty() && fraction.is_empty() {
        return Err(bad());
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| bad())? };
    let fraction: u64 = format!("{fraction:0<3}").parse().map_err(|_| bad())?;
    whole.checked_mul(1000).and_then(|ms| ms.checked_add(fraction)).ok_or_else(bad)
}

pub(crate) fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{text}` is no such number"))
}

pub(crate) fn switch(text: &str) -> Result<bool, String> {
    match text {
        "on" | "yes" | "true" => Ok(true),
        "off" | "no" | "false" => Ok(false),
        other => Err(format!("`{other}` is neither on nor off")),
    }
}

pub(crate) fn failure(text: &str) -> Result<FailureKind, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(|_| {
        format!("`{text}` is no failure: timeout, disconnected, rate_limited, refused, bad_answer, expired")
    })
}
