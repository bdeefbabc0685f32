//! `ringdown`, the operator's command: numbers, agents, voices, users and calls, on the local stack or on
//! AWS.
//!
//! * `ringdown numbers|agents|voices|users list|show|set|remove`
//! * `ringdown calls list|show|message <CALL>`
//!
//! With `--json` one JSON value is written to standard output; its field names are stable. A
//! configuration's are those of the `domain` crate's types, a call's are told by
//! `ringdown calls --help`. A failure is `{"error": "…", "field": "…"}`, the field being the one a
//! refusal is about, or `null`.
//! The exit code is 0, 1 for a failure, 2 for a command that cannot be understood.

mod arguments;
mod assignment;
mod call_view;
mod calls;
mod configurations;
mod failure;
mod message;
mod output;
mod table_place;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = arguments::Arguments::parse();
    let output = output::Output::new(arguments.json);
    match arguments.run(&output).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => output.failure(&failure),
    }
}
