//! `ringdown calls message`: the message a caller left, fetched from the carrier.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use carrier::rest::Outcome;
use carrier_api::{Accounts, CarrierApi};
use domain::CallId;
use serde_json::json;
use store::Store;

use crate::calls::now;
use crate::failure::Failure;
use crate::output::Output;

/// Where a message is written, and whether the carrier is to forget it.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) file: Option<PathBuf>,
    pub(crate) delete: bool,
}

/// Fetches a call's message. Only its id is taken from what the carrier posted, never an address.
pub(crate) async fn fetch(store: &Store, call: &CallId, wish: Wish, output: &Output) -> Result<(), Failure> {
    let stored = store.call(call, now()).await?;
    let record = stored.ok_or_else(|| Failure::NotFound { kind: "call", id: call.to_string() })?.record;
    let no_message = || Failure::NotFound { kind: "message of call", id: call.to_string() };
    let recording = record.recording.ok_or_else(no_message)?;
    let accounts = Accounts::read(|name| env::var(name).ok());
    let account = record.provider.and_then(|provider| accounts.at(provider)).ok_or(Failure::NoAccount)?;
    let carrier = CarrierApi::default();
    let sound = carrier.download(&account.fetch_recording(&recording)?).await?;
    let file = wish.file.unwrap_or_else(|| PathBuf::from(format!("{recording}.{}", ending(&sound))));
    write(&file, &sound)?;
    if wish.delete {
        match carrier.send(&account.delete_recording(&recording)?).await {
            Outcome::Done(_) | Outcome::NotFound => {}
            _ => return Err(Failure::NotDeleted(recording)),
        }
    }
    let name = file.display().to_string();
    let told = json!({
        "call_id": call, "recording": recording, "file": name, "bytes": sound.len(), "deleted": wish.delete,
    });
    output.done(&format!("the message is in {name}"), &told)
}

/// WAV, but Telnyx may hand out MP3.
fn ending(sound: &[u8]) -> &'static str {
    if sound.starts_with(b"ID3") || sound.starts_with(&[0xFF, 0xFB]) { "mp3" } else { "wav" }
}

fn write(file: &Path, sound: &[u8]) -> Result<(), Failure> {
    fs::write(file, sound).map_err(|error| Failure::File { file: file.display().to_string(), error })
}
