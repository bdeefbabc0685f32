//! `ringdown numbers|agents|voices|users list|show|set|remove`.

use std::fs;
use std::io::Read;
use std::path::Path;

use domain::{AgentConfig, AgentId, Config, E164, Invalid, NumberConfig, User, UserId, Voice, VoiceId};
use serde::Serialize;
use serde_json::{Value, json};
use store::{Store, StoreError};

use crate::arguments::Verb;
use crate::assignment::Assignment;
use crate::failure::Failure;
use crate::output::Output;

/// A kind of configuration, as the command line sees it.
pub(crate) trait Kind: Config + Serialize {
    /// Its name.
    const NAME: &'static str;
    /// The field that holds its id.
    const ID_FIELD: &'static str;
    /// The fields a list shows to people.
    const COLUMNS: &'static [&'static str];
    /// What names it.
    type Id: std::str::FromStr<Err = Invalid>;

    /// Checks what neither its types nor its ranges can say.
    async fn check(&self, store: &Store) -> Result<(), Failure>;
    async fn get(store: &Store, id: &Self::Id) -> Result<Option<Self>, StoreError>;
    async fn list(store: &Store) -> Result<Vec<Self>, StoreError>;
    async fn put(self, store: &Store) -> Result<Self, StoreError>;
    async fn remove(store: &Store, id: &Self::Id) -> Result<(), StoreError>;
}

macro_rules! kind {
    ($type:ty, $id:ty, $name:literal, $field:literal, $columns:expr, $check:expr, $get:ident, $list:ident, $put:ident, $remove:ident) => {
        impl Kind for $type {
            const NAME: &'static str = $name;
            const ID_FIELD: &'static str = $field;
            const COLUMNS: &'static [&'static str] = &$columns;
            type Id = $id;

            async fn check(&self, store: &Store) -> Result<(), Failure> {
                $check(self, store).await
            }

            async fn get(store: &Store, id: &$id) -> Result<Option<Self>, StoreError> {
                store.$get(id).await
            }

            async fn list(store: &Store) -> Result<Vec<Self>, StoreError> {
                store.$list().await
            }

            async fn put(self, store: &Store) -> Result<Self, StoreError> {
                store.$put(self).await
            }

            async fn remove(store: &Store, id: &$id) -> Result<(), StoreError> {
                store.$remove(id).await
            }
        }
    };
}

kind!(
    NumberConfig,
    E164,
    "number",
    "number",
    ["number", "agent", "use_livekit", "user", "version"],
    async |_, _| Ok(()),
    number,
    numbers,
    put_number,
    remove_number
);
kind!(
    AgentConfig,
    AgentId,
    "agent",
    "id",
    ["id", "name", "voice", "language", "version"],
    can_take_a_call,
    agent,
    agents,
    put_agent,
    remove_agent
);
kind!(
    Voice,
    VoiceId,
    "voice",
    "id",
    ["id", "name", "vendor", "vendor_voice_id", "version"],
    async |_, _| Ok(()),
    voice,
    voices,
    put_voice,
    remove_voice
);
kind!(
    User,
    UserId,
    "user",
    "id",
    ["id", "name", "time_zone", "version"],
    async |_, _| Ok(()),
    user,
    users,
    put_user,
    remove_user
);

/// Does what the container does with an agent when a call begins: its templates are filled in, too, and each of its vendors
/// has a voice. The call is one of a caller who withholds the number, without any header.
async fn can_take_a_call(agent: &AgentConfig, store: &Store) -> Result<(), Failure> {
    let made = dialogue::Config::for_agent(agent, &dialogue::Variables::default(), dialogue::Road::default());
    made.map_err(|error| Invalid::new(error.field, error.reason))?;
    // One that is not there is refused with the write.
    if let Some(voice) = store.voice(&agent.voice).await? {
        agent.can_speak_with(&voice)?;
    }
    Ok(())
}

/// Does what is asked of one kind.
pub(crate) async fn run<K: Kind>(store: &Store, verb: Verb, output: &Output) -> Result<(), Failure> {
    match verb {
        Verb::List => output.list(&K::list(store).await?, K::COLUMNS),
        Verb::Show { id } => {
            let found = K::get(store, &id.parse()?).await?;
            output.one(&found.ok_or(Failure::NotFound { kind: K::NAME, id })?)
        }
        Verb::Set { id, what } => {
            let stored = set::<K>(store, &id, &what).await?;
            output.done(&format!("{} {id} is set; it holds from the next call on", K::NAME), &stored)
        }
        Verb::Remove { id } => {
            K::remove(store, &id.parse()?).await?;
            output.done(&format!("{} {id} is removed", K::NAME), &json!({ "removed": id }))
        }
    }
}

async fn set<K: Kind>(store: &Store, id: &str, what: &[String]) -> Result<K, Failure> {
    let stored = K::get(store, &id.parse()?).await?;
    let stored = stored.map(|value| serde_json::to_value(value).unwrap_or_default());
    let version = stored.as_ref().map_or(json!(0), |value| value["version"].clone());
    let mut value = match what {
        [file] if is_file(file) => read(file)?,
        _ => stored.unwrap_or_else(|| json!({})),
    };
    if !what.first().is_some_and(|first| what.len() == 1 && is_file(first)) {
        for text in what {
            Assignment::parse(text)?.apply(&mut value)?;
        }
    }
    let fields = value.as_object_mut().ok_or_else(|| Invalid::new("JSON", "must be an object"))?;
    let named = fields.entry(K::ID_FIELD).or_insert_with(|| json!(id));
    if *named != json!(id) {
        return Err(Invalid::new(K::ID_FIELD, format!("must be {id}, as on the command line")).into());
    }
    fields.entry("version").or_insert(version);
    let value = K::from_json(&value.to_string())?;
    value.check(store).await?;
    Ok(value.put(store).await?)
}

/// Whether an argument means a file, not a change of a field.
fn is_file(argument: &str) -> bool {
    argument == "-" || !argument.contains('=') || Path::new(argument).is_file()
}

fn read(file: &str) -> Result<Value, Failure> {
    let fail = |error| Failure::File { file: file.to_owned(), error };
    let json = match file {
        "-" => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map_err(fail)?;
            text
        }
        file => fs::read_to_string(file).map_err(fail)?,
    };
    serde_json::from_str(&json).map_err(|error| Invalid::new("JSON", error.to_string()).into())
}
