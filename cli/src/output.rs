//! What the operator gets to see.

use std::io::{ErrorKind, Write, stderr, stdout};
use std::process::ExitCode;

use serde::Serialize;
use serde_json::{Value, json};

use crate::failure::Failure;

/// Standard output, for people or for programs.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// For programs with `json`, else for people.
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// A list: for people its columns, for programs all of it.
    pub(crate) fn list<T: Serialize>(&self, items: &[T], columns: &[&str]) -> Result<(), Failure> {
        let value = as_json(&items);
        if self.json {
            return print(&pretty(&value));
        }
        let rows = value.as_array().into_iter().flatten();
        let rows: Vec<Vec<String>> =
            rows.map(|row| columns.iter().map(|column| cell(row.get(*column))).collect()).collect();
        print(&table(columns, &rows))
    }

    /// One thing: for people a line for each field, for programs JSON.
    pub(crate) fn one<T: Serialize>(&self, item: &T) -> Result<(), Failure> {
        let value = as_json(item);
        if self.json {
            return print(&pretty(&value));
        }
        let mut lines = Vec::new();
        flatten("", &value, &mut lines);
        let width = lines.iter().map(|(path, _)| path.chars().count()).max().unwrap_or(0);
        let text: String = lines.iter().map(|(path, value)| format!("{path:width$}  {value}\n")).collect();
        print(&text)
    }

    /// Something is done.
    pub(crate) fn done<T: Serialize>(&self, words: &str, item: &T) -> Result<(), Failure> {
        if self.json { print(&pretty(&as_json(item))) } else { print(&format!("{words}\n")) }
    }

    /// Something failed.
    pub(crate) fn failure(&self, failure: &Failure) -> ExitCode {
        if let Failure::Output(error) = failure
            && error.kind() == ErrorKind::BrokenPipe
        {
            return ExitCode::SUCCESS;
        }
        // Nobody is left to tell when these fail.
        let _ = if self.json {
            let value = json!({ "error": failure.to_string(), "field": failure.field() });
            stdout().write_all(pretty(&value).as_bytes())
        } else {
            writeln!(stderr(), "error: {failure}")
        };
        ExitCode::FAILURE
    }
}

fn as_json<T: Serialize>(item: &T) -> Value {
    // Everything shown here was read from JSON or is a structure of strings and numbers.
    serde_json::to_value(item).unwrap_or_default()
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// A value as one cell: text without quotes, absence as `-`.
fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn table(columns: &[&str], rows: &[Vec<String>]) -> String {
    let heads: Vec<String> = columns.iter().map(|column| column.to_uppercase()).collect();
    let lines: Vec<&Vec<String>> = std::iter::once(&heads).chain(rows).collect();
    let width = |i: usize| lines.iter().map(|line| line[i].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// `tools[0].url` and its value, for every leaf.
fn flatten(path: &str, value: &Value, lines: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                flatten(&format!("{path}{dot}{name}"), value, lines);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (i, item) in items.iter().enumerate() {
                flatten(&format!("{path}[{i}]"), item, lines);
            }
        }
        leaf => lines.push((path.to_owned(), cell(Some(leaf)))),
    }
}
