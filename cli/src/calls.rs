//! `ringdown calls list|show|message`.

use std::time::{SystemTime, UNIX_EPOCH};

use domain::WallTime;
use store::Store;

use crate::arguments::CallVerb;
use crate::call_view::CallView;
use crate::failure::Failure;
use crate::message::{self, Wish};
use crate::output::Output;

/// The fields a list shows to people.
const COLUMNS: [&str; 8] =
    ["call_id", "state", "end_reason", "road", "caller", "number", "opened_at", "duration_s"];

/// Does what is asked.
pub(crate) async fn run(store: &Store, verb: CallVerb, output: &Output) -> Result<(), Failure> {
    let now = now();
    match verb {
        CallVerb::List { open, since, limit } => {
            // A list has to show the call that came in while it was asked for.
            let until = now.plus_secs(60);
            let from = now.minus_secs(since);
            let mut found = match open {
                true => store.open_calls(until, limit).await?,
                false => store.calls(from, until, limit).await?,
            };
            found.retain(|listed| listed.record.opened_at >= from);
            let views = found.into_iter().map(|listed| CallView::new(listed.record, listed.has_slot));
            output.list(&views.collect::<Vec<_>>(), &COLUMNS)
        }
        CallVerb::Show { call } => {
            let (stored, sessions) = tokio::join!(store.call(&call, now), store.sessions(&call));
            let not_found = || Failure::NotFound { kind: "call", id: call.to_string() };
            let stored = stored?.ok_or_else(not_found)?;
            let view = CallView::new(stored.record, stored.has_slot);
            output.one(&view.with_story(&stored.facts, &sessions?))
        }
        CallVerb::Message { call, out, delete } => {
            message::fetch(store, &call, Wish { file: out, delete }, output).await
        }
    }
}

/// The wall clock.
pub(crate) fn now() -> WallTime {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime::from_millis(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
}

/// Reads an age: a whole number and s, m, h or d. At most as long as calls are kept.
pub(crate) fn age_s(text: &str) -> Result<u64, String> {
    let units = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400)];
    let seconds = units.iter().find_map(|(unit, seconds)| {
        let count: u64 = text.strip_suffix(*unit)?.parse().ok()?;
        count.checked_mul(*seconds)
    });
    let wrong = "must be a number and s, m, h or d, as 24h; at most 90d";
    seconds.filter(|seconds| *seconds <= 90 * 86_400).ok_or_else(|| wrong.to_owned())
}

#[cfg(test)]
mod tests {
    use super::age_s;

    #[test]
    fn ages_have_a_unit_and_a_bound() {
        assert_eq!(age_s("90s"), Ok(90));
        assert_eq!(age_s("24h"), Ok(86_400));
        assert_eq!(age_s("2d"), Ok(172_800));
        for bad in ["", "h", "24", "-1h", "1.5h", "91d", "99999999999999999999d"] {
            assert!(age_s(bad).is_err(), "{bad}");
        }
    }
}
