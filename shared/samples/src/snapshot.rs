//! Sends every event of a function's folder to it and compares what came of it with what did before.

use std::fs;
use std::path::{Path, PathBuf};

use domain::CallId;
use lambda::{Function, Reply};
use serde_json::Value;

use crate::cases;
use crate::log::Log;
use crate::world::World;

/// Set to write the events and snapshots instead of comparing with them.
const WRITE: &str = "RINGDOWN_WRITE_SAMPLES";

/// Sends each event of `events/<function>/` to a function in a world of its own, prepared by `prepare`, and
/// compares its reply and what is then known of `calls` with `<dir>/src/snapshots/<case>.txt`. Looks through the log too:
/// no key, token or full number may be in it.
///
/// # Panics
/// On the first difference, and when an event or snapshot is one too many.
pub async fn check<F: Function>(
    function: &'static str,
    dir: &str,
    calls: &[&str],
    prepare: impl AsyncFn(&World),
) {
    let events = event_files(function);
    let snapshots = Path::new(dir).join("src/snapshots");
    for (name, event) in &events {
        let world = World::start().await;
        prepare(&world).await;
        let log = Log::keep();
        let reply = world.send(&world.function::<F>(), event).await;
        log.hides_what_it_must(name);
        let mut text = shown(&reply);
        for call in calls {
            text.push_str(&world.shown(&CallId::new(*call).expect("an id")).await);
        }
        text.push_str(&format!("places taken: {}\n", world.store.active_calls().await.expect("read")));
        text.push_str(&format!("LiveKit was asked: {:?}\n", world.livekit.asked()));
        compare(&snapshots.join(format!("{name}.txt")), &text);
    }
    let kept = fs::read_dir(&snapshots).map(Iterator::count).unwrap_or_default();
    assert_eq!(kept, events.len(), "{} has snapshots of no event", snapshots.display());
}

/// Compares `events/` with the cases of this crate, file by file.
///
/// # Panics
/// On the first difference, and when a file is one too many.
pub fn check_event_files() {
    let cases = cases::all();
    for case in &cases {
        let text = serde_json::to_string_pretty(&case.event).expect("JSON") + "\n";
        compare(&events_dir().join(case.function).join(format!("{}.json", case.name)), &text);
    }
    for function in fs::read_dir(events_dir()).expect("events").filter_map(Result::ok) {
        let function = function.file_name().to_string_lossy().into_owned();
        if !cases.iter().any(|case| case.function == function) {
            continue;
        }
        for (name, _) in event_files(&function) {
            let used = cases.iter().any(|case| case.function == function && case.name == name);
            assert!(used, "events/{function}/{name}.json is used by no test");
        }
    }
}

fn shown(reply: &Reply) -> String {
    let kind = reply.header("content-type").unwrap_or("-");
    let code = reply.error_code().unwrap_or("-");
    format!("{} {kind} error={code}\n{}\n", reply.status, masked(&reply.body))
}

/// Tokens carry the time they were made at.
fn masked(body: &str) -> String {
    match serde_json::from_str::<Value>(body) {
        Ok(mut value) if value.get("token").is_some() => {
            value["token"] = Value::from("(token)");
            value["url"] = Value::from("(url)");
            value.to_string()
        }
        _ => body.to_owned(),
    }
}

fn compare(path: &Path, text: &str) {
    if std::env::var_os(WRITE).is_some() {
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("written");
        return;
    }
    let kept = fs::read_to_string(path).unwrap_or_default();
    assert_eq!(text, kept, "{} differs; {WRITE}=1 writes it anew", path.display());
}

fn event_files(function: &str) -> Vec<(String, Value)> {
    let files = fs::read_dir(events_dir().join(function)).expect("events of the function");
    let mut events: Vec<(String, Value)> = files
        .filter_map(|file| {
            let path = file.expect("a file").path();
            let name = path.file_name()?.to_str()?.strip_suffix(".json")?.to_owned();
            let text = fs::read_to_string(&path).expect("read");
            Some((name, serde_json::from_str(&text).expect("JSON")))
        })
        .collect();
    events.sort_by(|(a, _), (b, _)| a.cmp(b));
    events
}

fn events_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events")
}
