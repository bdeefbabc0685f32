//! Places among the agents: exact, and given back once.

use domain::Write;
use store::{Applied, Refusal, Store};
use tokio::task::JoinSet;

use crate::sample::{add, at, call, completed, done, opening, patiently, refused, take};

/// Arrivals, each of its own call, all at once. Gives how many got a place.
async fn arrive(store: &Store, calls: std::ops::Range<usize>, limit: u32) -> Vec<usize> {
    let mut tasks = JoinSet::new();
    for n in calls {
        let store = store.clone();
        tasks.spawn(async move {
            let mut writes = opening(&call(n), at(0));
            writes.push(take(&call(n), limit));
            match patiently(&store, writes, at(0)).await {
                Applied::Done(_) => Some(n),
                Applied::Refused(Refusal::CapacityFull) => None,
                Applied::Refused(other) => panic!("call {n}: {other:?}"),
            }
        });
    }
    tasks.join_all().await.into_iter().flatten().collect()
}

/// Departures, all at once. Gives how many places were given back.
async fn depart(store: &Store, calls: Vec<usize>) -> usize {
    let mut tasks = JoinSet::new();
    for n in calls {
        let store = store.clone();
        tasks.spawn(async move {
            let applied = patiently(&store, add(&call(n), completed(at(60))), at(60)).await;
            usize::from(applied.change(&call(n)).unwrap().gave_slot_back)
        });
    }
    tasks.join_all().await.into_iter().sum()
}

pub(crate) async fn two_hundred_simultaneous_arrivals_and_departures_are_counted_exactly(store: Store) {
    let inside = arrive(&store, 0..200, 150).await;
    assert_eq!(inside.len(), 150);
    assert_eq!(store.active_calls().await.unwrap(), 150);

    let (left, came) = tokio::join!(depart(&store, inside), arrive(&store, 200..250, 1000));
    assert_eq!((left, came.len()), (150, 50));
    assert_eq!(store.active_calls().await.unwrap(), 50);

    let twice = [came.clone(), came].concat();
    assert_eq!(depart(&store, twice).await, 50);
    assert_eq!(store.active_calls().await.unwrap(), 0);
}

pub(crate) async fn a_place_is_taken_and_given_back_once(store: Store) {
    let id = call(1);
    done(&store, opening(&id, at(0)), at(0)).await;
    for _ in 0..2 {
        done(&store, vec![take(&id, 1)], at(1)).await;
        assert_eq!(store.active_calls().await.unwrap(), 1);
    }
    let mut other = opening(&call(2), at(1));
    other.push(take(&call(2), 1));
    assert_eq!(refused(&store, other, at(1)).await, Refusal::CapacityFull);
    for expected in [true, false] {
        let applied = done(&store, vec![Write::ReleaseSlot { call: id.clone() }], at(2)).await;
        assert_eq!(applied.change(&id).unwrap().gave_slot_back, expected);
        assert_eq!(store.active_calls().await.unwrap(), 0);
    }
    done(&store, vec![take(&id, 1)], at(3)).await;
    assert_eq!(store.active_calls().await.unwrap(), 1, "an agent is sent for again");
    let ended = done(&store, add(&id, completed(at(4))), at(4)).await;
    assert!(ended.change(&id).unwrap().gave_slot_back);
    done(&store, vec![take(&id, 1)], at(5)).await;
    assert_eq!(store.active_calls().await.unwrap(), 0, "a call that is over takes no place");
}
