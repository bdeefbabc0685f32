//! `schedule_callback`: a promise becomes an item of the table, once.

use std::sync::Arc;
use std::time::Duration;

use dialogue::{ToolResult, ToolRun};
use domain::{AgentId, CallId, Callback, E164, WallTime, Write};
use serde::Deserialize;
use tokio::time::timeout;
use tracing::warn;

use crate::call::records::Records;
use crate::call::reports::wall_now;

/// Times a promise is written before it counts as lost; it is stored once all the same.
const TRIES: usize = 2;

/// Who promises to whom.
#[derive(Debug, Clone)]
pub struct Callbacks {
    /// Where promises go.
    pub records: Arc<dyn Records>,
    /// The call.
    pub call: CallId,
    /// Who is to call back.
    pub agent: AgentId,
    /// The caller's own number, where it is known.
    pub caller: Option<E164>,
}

/// What the model says.
#[derive(Debug, Deserialize)]
struct Promise {
    at: String,
    reason: String,
    #[serde(default)]
    number: Option<String>,
}

impl Callbacks {
    /// Stores a promise; what the model is told.
    pub async fn schedule(&self, run: &ToolRun) -> ToolResult {
        let callback = match self.read(&run.arguments, wall_now()) {
            Ok(callback) => callback,
            Err(why) => return ToolResult::Error(why),
        };
        let agreed = callback.agreed.clone();
        match timeout(Duration::from_millis(run.timeout_ms), self.store(callback)).await {
            Ok(true) => ToolResult::Ok(format!("The callback is arranged for {agreed}.")),
            _ => ToolResult::Error("The callback could not be arranged.".to_owned()),
        }
    }

    async fn store(&self, callback: Callback) -> bool {
        for _ in 0..TRIES {
            match self.records.write(vec![Write::ScheduleCallback(callback.clone())]).await {
                Ok(()) => return true,
                Err(error) => warn!(%error, "callback not stored"),
            }
        }
        false
    }

    /// The promise, or what the model has to mend.
    fn read(&self, arguments: &serde_json::Value, now: WallTime) -> Result<Callback, String> {
        let promise: Promise =
            serde_json::from_value(arguments.clone()).map_err(|error| error.to_string())?;
        let unclear =
            |_| "`at` must be an RFC 3339 time with its offset, as 2026-11-22T10:00:00+01:00.".to_owned();
        let time: jiff::Timestamp = promise.at.trim().parse().map_err(unclear)?;
        let at = WallTime::from_millis(u64::try_from(time.as_millisecond()).unwrap_or(0));
        if at <= now {
            return Err(format!("That time is over: it is {now} now."));
        }
        if at > now.plus_secs(Callback::FARTHEST_S) {
            return Err("That is more than a year from now.".to_owned());
        }
        let number = match promise.number.as_deref().map(str::trim).filter(|number| !number.is_empty()) {
            Some(number) => {
                E164::new(number).map_err(|_| "`number` must be E.164, as +15550100123.".to_owned())?
            }
            None => self.caller.clone().ok_or("The caller's number is not known: ask for it.")?,
        };
        Ok(Callback {
            call: self.call.clone(),
            // The same person at the same time is the same promise, in whatever words.
            key: format!("{}-{}", at.as_secs(), number.as_str()),
            agent: self.agent.clone(),
            number,
            at,
            agreed: promise.at.trim().to_owned(),
            reason: promise.reason,
            promised_at: now,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use domain::NumberConfig;
    use serde_json::{Value, json};

    use super::*;
    use crate::call::records::{Asked, Bundle};

    #[derive(Debug, Default)]
    struct Kept(Mutex<Vec<Write>>);

    impl Records for Kept {
        fn bundle<'a>(&'a self, _: &'a AgentId) -> Asked<'a, Option<Bundle>> {
            Box::pin(async { Ok(None) })
        }
        fn agents(&self) -> Asked<'_, Vec<AgentId>> {
            Box::pin(async { Ok(Vec::new()) })
        }
        fn number<'a>(&'a self, _: &'a E164) -> Asked<'a, Option<NumberConfig>> {
            Box::pin(async { Ok(None) })
        }
        fn write(&self, writes: Vec<Write>) -> Asked<'_, ()> {
            self.0.lock().unwrap().extend(writes);
            Box::pin(async { Ok(()) })
        }
    }

    fn callbacks(caller: Option<&str>) -> Callbacks {
        Callbacks {
            records: Arc::new(Kept::default()),
            call: "CA1".parse().unwrap(),
            agent: "reception".parse().unwrap(),
            caller: caller.map(|number| E164::new(number).unwrap()),
        }
    }

    /// 2026-11-21 07:34:36 UTC.
    const NOW: WallTime = WallTime::from_secs(1_795_246_476);

    #[test]
    fn a_promise_keeps_number_moment_and_the_time_as_it_was_agreed() {
        let said = json!({"at": "2026-11-22T10:00:00+01:00", "reason": "a table"});
        let callback = callbacks(Some("+15550100123")).read(&said, NOW).unwrap();
        assert_eq!(callback.at.to_string(), "2026-11-22T09:00:00.000Z");
        assert_eq!(callback.agreed, "2026-11-22T10:00:00+01:00");
        assert_eq!(callback.number.as_str(), "+15550100123");
        let again = json!({"at": "2026-11-22T09:00:00Z", "reason": "the table", "number": "+15550100123"});
        assert_eq!(callbacks(None).read(&again, NOW).unwrap().key, callback.key, "the same promise");
    }

    #[test]
    fn a_promise_nobody_could_keep_is_sent_back() {
        let check = |caller, said: Value, why: &str| {
            let refused = callbacks(caller).read(&said, NOW).unwrap_err();
            assert!(refused.contains(why), "{said}: {refused}");
        };
        let known = Some("+15550100123");
        check(known, json!({"at": "tomorrow at ten", "reason": "r"}), "RFC 3339");
        check(known, json!({"at": "2026-11-22T10:00:00", "reason": "r"}), "offset");
        check(known, json!({"at": "2026-11-21T07:34:35Z", "reason": "r"}), "over");
        check(known, json!({"at": "2062-11-22T10:00:00Z", "reason": "r"}), "year");
        check(known, json!({"at": "2026-11-22T10:00:00Z"}), "reason");
        check(known, json!({"at": "2026-11-22T10:00:00Z", "reason": "r", "number": "911"}), "E.164");
        check(None, json!({"at": "2026-11-22T10:00:00Z", "reason": "r"}), "not known");
    }
}
