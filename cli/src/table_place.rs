//! Which table is meant.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use store::{Store, client};

use crate::failure::Failure;

/// Where the local stack describes itself, from the project's root.
const STACK_FILE: &str = "target/local/stack.json";

/// Which table is meant.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TablePlace {
    /// That of the local stack.
    Local(Stack),
    /// One on AWS, or wherever the SDK's environment points.
    Aws(String),
}

/// What is needed of the local stack's description.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Stack {
    dynamodb_url: String,
    table: String,
}

impl TablePlace {
    /// The local stack when asked for; else the table that is named; else the local stack, if it runs.
    pub(crate) fn find(local: bool, stack: Option<PathBuf>, table: Option<String>) -> Result<Self, Failure> {
        match table {
            Some(table) if !local => Ok(Self::Aws(table)),
            _ => {
                let file = stack.or_else(search).ok_or(Failure::NoTable)?;
                read(&file).map(Self::Local)
            }
        }
    }

    /// The store on it.
    pub(crate) async fn store(self) -> Store {
        match self {
            Self::Local(stack) => Store::new(client::local(&stack.dynamodb_url), stack.table),
            Self::Aws(table) => Store::new(client::connect().await, table),
        }
    }
}

/// The local stack's description, here or in a directory above.
fn search() -> Option<PathBuf> {
    let here = env::current_dir().ok()?;
    here.ancestors().map(|directory| directory.join(STACK_FILE)).find(|file| file.exists())
}

fn read(file: &Path) -> Result<Stack, Failure> {
    let name = file.display().to_string();
    let json = fs::read_to_string(file).map_err(|error| Failure::File { file: name.clone(), error })?;
    serde_json::from_str(&json).map_err(|_| Failure::NoStack(name))
}
