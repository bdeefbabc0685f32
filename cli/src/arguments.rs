//! What can be asked on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use domain::{AgentConfig, CallId, NumberConfig, User, Voice};

use crate::call_view::FIELDS;
use crate::calls;
use crate::configurations;
use crate::failure::Failure;
use crate::output::Output;
use crate::table_place::TablePlace;

/// Numbers, agents, voices, users and calls of ringdown.
#[derive(Debug, Parser)]
#[command(name = "ringdown", version, propagate_version = true)]
pub(crate) struct Arguments {
    /// Write one JSON value with stable field names.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(flatten)]
    place: PlaceArguments,
    #[command(subcommand)]
    command: Command,
}

/// Which table: that of the local stack with `--local`, and when TABLE_NAME is not set; else TABLE_NAME on
/// AWS.
#[derive(Debug, Args)]
struct PlaceArguments {
    /// Use the local stack.
    #[arg(long, global = true)]
    local: bool,
    /// Where the local stack says what it is. Default: target/local/stack.json, here or above.
    #[arg(long, global = true, value_name = "FILE", env = "RINGDOWN_STACK")]
    stack: Option<PathBuf>,
    /// The table on AWS, or wherever AWS_ENDPOINT_URL_DYNAMODB points.
    #[arg(long, global = true, value_name = "NAME", env = "TABLE_NAME")]
    table: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Our telephone numbers, and what happens to their calls.
    #[command(subcommand)]
    Numbers(Verb),
    /// Agents: words, voice, tools, vendors, limits.
    #[command(subcommand)]
    Agents(Verb),
    /// Voices agents speak with.
    #[command(subcommand)]
    Voices(Verb),
    /// Owners of numbers, agents and voices.
    #[command(subcommand)]
    Users(Verb),
    /// Calls and what became of them.
    #[command(subcommand, after_help = FIELDS)]
    Calls(CallVerb),
}

/// What can be done with configurations.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List all.
    List,
    /// Show one.
    Show {
        /// Its id; for numbers the number.
        id: String,
    },
    /// Create one, or change it: from a JSON file, or field by field.
    Set {
        /// Its id; for numbers the number.
        id: String,
        /// A JSON file (`-`: standard input) that replaces it, or changes of single fields as
        /// `limits.max_duration_s=600`, `tools[0].url=https://…`. A value is read as JSON, else as text;
        /// `field=null` removes the field.
        #[arg(required = true, value_name = "FILE | FIELD=VALUE")]
        what: Vec<String>,
    },
    /// Remove one that nothing uses.
    Remove {
        /// Its id; for numbers the number.
        id: String,
    },
}

/// What can be asked about calls.
#[derive(Debug, Subcommand)]
pub(crate) enum CallVerb {
    /// List calls, the newest first; those that are not over come first.
    List {
        /// Only those that are not over.
        #[arg(long)]
        open: bool,
        /// Opened at most so long ago: a number and s, m, h or d.
        #[arg(long, value_name = "AGE", default_value = "24h", value_parser = calls::age_s)]
        since: u64,
        /// At most so many.
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: usize,
    },
    /// Show one with all its events.
    Show {
        /// The carrier's id of the call (`CallSid`).
        call: CallId,
    },
    /// Fetch the message that the caller left. Needs the carrier's account in the environment:
    /// TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKENS; TELNYX_ACCOUNT_SID and TELNYX_API_KEY; or SIGNALWIRE_PROJECT_ID,
    /// SIGNALWIRE_API_TOKEN and SIGNALWIRE_API_BASE_URL.
    Message {
        /// The carrier's id of the call (`CallSid`).
        call: CallId,
        /// Where to write it. Default: the recording's id and `.wav` (`.mp3`, where that is what came), here.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Delete it at the carrier when it is written.
        #[arg(long)]
        delete: bool,
    },
}

impl Arguments {
    /// Does what is asked.
    pub(crate) async fn run(self, output: &Output) -> Result<(), Failure> {
        let PlaceArguments { local, stack, table } = self.place;
        let store = TablePlace::find(local, stack, table)?.store().await;
        match self.command {
            Command::Numbers(verb) => configurations::run::<NumberConfig>(&store, verb, output).await,
            Command::Agents(verb) => configurations::run::<AgentConfig>(&store, verb, output).await,
            Command::Voices(verb) => configurations::run::<Voice>(&store, verb, output).await,
            Command::Users(verb) => configurations::run::<User>(&store, verb, output).await,
            Command::Calls(verb) => calls::run(&store, verb, output).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }
}
