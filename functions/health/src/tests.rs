//! What is told, by what is known.

use domain::{Heartbeat, WallTime, WorkerId};

use crate::decide::{Known, judge};

fn workers(capacities: &[u32]) -> Option<Vec<Heartbeat>> {
    let beat = |capacity: &u32| Heartbeat {
        worker: WorkerId::new("w").unwrap(),
        version: "1".to_owned(),
        capacity: *capacity,
        active: 0,
        seat: None,
        at: WallTime::from_secs(0),
    };
    Some(capacities.iter().map(beat).collect())
}

#[track_caller]
fn check(active_calls: Option<u32>, workers: Option<Vec<Heartbeat>>, status: u16, body: &str) {
    let verdict = judge(&Known { active_calls, workers, max_calls: 150 });
    assert_eq!((verdict.status, verdict.body.to_string().as_str()), (status, body));
}

#[test]
fn ok_says_how_many_calls_there_are() {
    check(
        Some(3),
        workers(&[100, 100]),
        200,
        r#"{"active_calls":3,"agents":2,"capacity":150,"status":"ok"}"#,
    );
}

#[test]
fn degraded_says_what() {
    check(
        Some(0),
        workers(&[]),
        200,
        r#"{"active_calls":0,"agents":0,"capacity":0,"problems":["no agent container gives a sign of life"],"status":"degraded"}"#,
    );
    check(
        Some(2),
        workers(&[0]),
        200,
        r#"{"active_calls":2,"agents":1,"capacity":0,"problems":["every agent container is draining"],"status":"degraded"}"#,
    );
    check(
        Some(2),
        workers(&[2]),
        200,
        r#"{"active_calls":2,"agents":1,"capacity":2,"problems":["every place is taken"],"status":"degraded"}"#,
    );
}

#[test]
fn a_silent_table_is_a_503() {
    check(
        None,
        None,
        503,
        r#"{"active_calls":null,"agents":0,"capacity":0,"problems":["the table does not answer"],"status":"degraded"}"#,
    );
}
