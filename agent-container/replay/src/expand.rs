//! `vary` and `repeat`: one text, many scripts; one block, many times.

use crate::script::ScriptError;
use crate::words::{self, Line};

/// All scripts of a text. `vary NAME FROM TO STEP` runs the whole script for each value; `$NAME`, `$NAME+1.5`
/// and `$NAME-0.2` stand for times.
pub(crate) fn variants(text: &str) -> Result<Vec<Vec<Line>>, ScriptError> {
    let lines: Vec<Line> =
        text.lines().enumerate().map(|(i, l)| Line { number: i + 1, text: l.to_owned() }).collect();
    let vary = lines.iter().position(|l| l.text.trim_start().starts_with("vary "));
    let Some(at) = vary else { return Ok(vec![repeated(&lines, "", 0)?]) };
    let mut rest = lines.clone();
    let line = rest.remove(at);
    let fault = |reason: String| ScriptError { line: line.number, reason };
    let tokens = words::tokens(&line.text).map_err(fault)?;
    let [_, name, from, to, step] = tokens.as_slice() else {
        return Err(fault("vary NAME FROM TO STEP".to_owned()));
    };
    let number = |text: &str| words::seconds(text).map_err(fault);
    let (from, to, step) = (number(from)?, number(to)?, number(step)?.max(1));
    let steps = (to.saturating_sub(from) / step).min(MAX_VARIANTS);
    (0..=steps).map(|i| repeated(&rest, name, from + i * step)).collect()
}

/// More variants than this are a slip of the pen.
const MAX_VARIANTS: u64 = 10_000;

/// Copies the blocks between `repeat COUNT STEP` and `end_repeat`, times moved by `STEP` each time.
fn repeated(lines: &[Line], name: &str, value_ms: u64) -> Result<Vec<Line>, ScriptError> {
    let mut out = Vec::new();
    let mut block: Option<(u64, u64, Vec<Line>)> = None;
    for line in lines {
        let fault = |reason: String| ScriptError { line: line.number, reason };
        let text = substitute(&line.text, name, value_ms).map_err(fault)?;
        let first = text.split_whitespace().next().unwrap_or_default();
        match (first, block.as_mut()) {
            ("repeat", None) => {
                let tokens = words::tokens(&text).map_err(fault)?;
                let [_, count, step] = tokens.as_slice() else {
                    return Err(fault("repeat COUNT STEP".to_owned()));
                };
                let count = words::number(count).map_err(fault)?;
                block = Some((count, words::seconds(step).map_err(fault)?, Vec::new()));
            }
            ("end_repeat", Some(_)) => {
                let (count, step, body) = block.take().unwrap_or_default();
                for i in 0..count {
                    out.extend(
                        body.iter().map(|l| Line { number: l.number, text: shifted(&l.text, i * step) }),
                    );
                }
            }
            (_, Some((_, _, body))) => body.push(Line { number: line.number, text }),
            (_, None) => out.push(Line { number: line.number, text }),
        }
    }
    Ok(out)
}

fn substitute(text: &str, name: &str, value_ms: u64) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$').filter(|_| !name.is_empty()) {
        out.push_str(&rest[..at]);
        let Some(tail) = rest[at + 1..].strip_prefix(name) else { return Err("unknown variable".to_owned()) };
        let sign = tail.chars().next().filter(|c| matches!(c, '+' | '-'));
        let digits = sign.map_or(0, |_| {
            tail[1..].find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(tail.len() - 1)
        });
        let by = if digits > 0 { words::seconds(&tail[1..=digits])? } else { 0 };
        let value = if sign == Some('-') && digits > 0 { value_ms.saturating_sub(by) } else { value_ms + by };
        out.push_str(&format!("{}.{:03}", value / 1000, value % 1000));
        rest = if digits > 0 { &tail[1 + digits..] } else { tail };
    }
    out.push_str(rest);
    Ok(out)
}

/// Moves the times at the start of a line, and of an expectation.
fn shifted(text: &str, by_ms: u64) -> String {
    let trimmed = text.trim_start();
    let (head, tail) = match trimmed.split_once(' ') {
        Some((verb @ ("expect" | "refute"), rest)) => (format!("{verb} "), rest.trim_start()),
        _ => (String::new(), trimmed),
    };
    let (times, rest) = tail.split_once(' ').unwrap_or((tail, ""));
    let moved: Result<Vec<String>, String> = times.split('-').map(|t| shift(t, by_ms)).collect();
    match moved {
        Ok(times) => format!("{head}{} {rest}", times.join("-")),
        Err(_) => text.to_owned(),
    }
}

fn shift(time: &str, by_ms: u64) -> Result<String, String> {
    let ms = words::seconds(time)? + by_ms;
    Ok(format!("{}.{:03}", ms / 1000, ms % 1000))
}
