//! What the tests of this crate have in common.

use std::path::PathBuf;
use std::time::Duration;

use domain::{CallId, CallRecord, WallTime};
use local::{Layout, StackFile, StackOptions, script};
use store::Store;

/// Long enough for a busy machine; nothing is expected to take so long.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// A fresh directory of this test run.
pub(crate) fn dir(name: &str) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

pub(crate) fn options(name: &str) -> StackOptions {
    StackOptions { simulator_config: Some(script::path()), ..StackOptions::new(Layout::at(dir(name))) }
}

/// The record of a call once `wanted` holds.
pub(crate) async fn record(
    stack: &StackFile,
    call_sid: &str,
    wanted: impl Fn(&CallRecord) -> bool,
) -> CallRecord {
    let store = Store::new(store::client::local(&stack.dynamodb_url), &stack.table);
    let call: CallId = call_sid.parse().unwrap();
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    let deadline = tokio::time::Instant::now() + SOON;
    loop {
        ticks.tick().await;
        let record = store.call(&call, WallTime::from_millis(0)).await.unwrap().map(|stored| stored.record);
        match record {
            Some(record) if wanted(&record) => return record,
            record if tokio::time::Instant::now() > deadline => panic!("the record is {record:?}"),
            _ => {}
        }
    }
}

/// The closed record of a call.
pub(crate) async fn closed(stack: &StackFile, call_sid: &str) -> CallRecord {
    record(stack, call_sid, CallRecord::is_over).await
}
