//! Heartbeats, and requests that come twice.

use domain::{Heartbeat, IdempotencyKey, Write};
use store::{Begin, Refusal, Store};

use crate::sample::{at, done, heartbeat, refused};

pub(crate) async fn only_containers_that_beat_lately_count(store: Store) {
    let beat = |worker, capacity, secs| vec![Write::PutHeartbeat(heartbeat(worker, capacity, at(secs)))];
    done(&store, beat("w1", 150, 10), at(10)).await;
    done(&store, beat("w1", 999, 5), at(11)).await;
    done(&store, beat("w2", 100, 0), at(11)).await;
    let last = at(Heartbeat::FRESH_S);
    let capacities = |beats: Vec<Heartbeat>| -> Vec<u32> { beats.iter().map(|beat| beat.capacity).collect() };
    assert_eq!(capacities(store.workers(last).await.unwrap()), [150, 100], "a late beat is not a new one");
    assert_eq!(capacities(store.workers(last.plus_millis(1)).await.unwrap()), [150]);
    done(&store, vec![Write::RemoveHeartbeat { worker: "w1".parse().unwrap() }], at(12)).await;
    assert_eq!(store.workers(last.plus_millis(1)).await.unwrap(), Vec::new());
}

pub(crate) async fn a_request_is_worked_on_once_and_answered_alike(store: Store) {
    let key = IdempotencyKey::new("call-status", "CA1/3");
    let begin = |secs| store.begin(&key, at(secs), at(secs + 10), at(3600));
    let answer = |response: &str| {
        vec![Write::MarkSeen { key: key.clone(), response: response.to_owned(), expires_at: at(100) }]
    };
    assert_eq!(begin(0).await.unwrap(), Begin::Started);
    assert_eq!(begin(9).await.unwrap(), Begin::InProgress);
    assert_eq!(begin(10).await.unwrap(), Begin::Started, "the first one's lease has run out");
    done(&store, answer("204"), at(11)).await;
    let seen = Refusal::AlreadySeen { key: key.clone(), response: "204".to_owned() };
    assert_eq!(refused(&store, answer("500"), at(12)).await, seen);
    assert_eq!(begin(99).await.unwrap(), Begin::Done("204".to_owned()));
    assert_eq!(begin(100).await.unwrap(), Begin::Started, "the answer has expired");
    assert_eq!(
        store.begin(&IdempotencyKey::new("call-status", "CA2/3"), at(0), at(1), at(2)).await,
        Ok(Begin::Started)
    );
}

pub(crate) async fn of_simultaneous_requests_one_is_worked_on(store: Store) {
    let key = IdempotencyKey::new("token", "r1");
    let begins = (0..10).map(|_| store.begin(&key, at(0), at(10), at(60)));
    let begun = futures_util::future::join_all(begins).await;
    let started = begun.iter().filter(|begin| **begin == Ok(Begin::Started)).count();
    assert_eq!(started, 1, "{begun:?}");
}
