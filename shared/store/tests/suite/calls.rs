//! Calls: opened once, facts in any order, ended once.

use domain::{
    AgentId, CallState, Callback, Caller, CarrierStatus, RateLimit, RateScope, Session, WallTime, Write,
};
use store::{Applied, CALL_RETENTION_DAYS, Query, Refusal, Store, StoreError};
use tokio::task::JoinSet;

use crate::sample::{
    add, arrived, at, call, caller, completed, done, heartbeat, life_of_a_call, number, opening, patiently,
    refused, seed, status, take,
};

pub(crate) async fn a_repeated_webhook_finds_the_call_open(store: Store) {
    let id = call(1);
    let mut writes = opening(&id, at(0));
    writes.push(take(&id, 10));
    writes.push(Write::CountRate(to_number(5, at(0))));
    let first = done(&store, writes.clone(), at(0)).await;
    assert_eq!(first.change(&id).unwrap().before, None);
    let Refusal::AlreadyOpen(stored) = refused(&store, writes, at(1)).await else { panic!("not open") };
    assert_eq!(stored.plan.as_deref(), Some("sip"));
    assert_eq!(stored.record.state, CallState::Ringing);
    assert!(stored.has_slot);
    assert_eq!(store.active_calls().await.unwrap(), 1);
    let seen = store.incoming(&query(&id), at(2)).await.unwrap();
    assert_eq!(seen.calls_to_number, 1);
}

pub(crate) async fn of_simultaneous_webhooks_one_opens_the_call(store: Store) {
    let mut tasks = JoinSet::new();
    for _ in 0..12 {
        let store = store.clone();
        tasks.spawn(async move {
            let mut writes = opening(&call(1), at(0));
            writes.push(take(&call(1), 1));
            patiently(&store, writes, at(0)).await
        });
    }
    let (mut opened, mut repeated) = (0, 0);
    while let Some(applied) = tasks.join_next().await {
        match applied.unwrap() {
            Applied::Done(_) => opened += 1,
            Applied::Refused(Refusal::AlreadyOpen(_)) => repeated += 1,
            Applied::Refused(other) => panic!("{other:?}"),
        }
    }
    assert_eq!((opened, repeated), (1, 11));
    assert_eq!(store.active_calls().await.unwrap(), 1);
}

pub(crate) async fn a_callback_may_come_before_the_call_is_opened(store: Store) {
    let id = call(1);
    done(&store, add(&id, status(at(0), 1, CarrierStatus::InProgress)), at(0)).await;
    let stub = store.call(&id, at(0)).await.unwrap().unwrap();
    assert_eq!((stub.record.state, stub.plan), (CallState::Active, None));
    let opened = done(&store, opening(&id, at(1)), at(1)).await;
    let change = opened.change(&id).unwrap();
    assert!(change.before.is_some());
    assert_eq!(change.after.caller, Some(caller()));
    assert!(matches!(refused(&store, opening(&id, at(2)), at(2)).await, Refusal::AlreadyOpen(_)));
}

pub(crate) async fn facts_make_one_record_in_any_order(store: Store) {
    let mut records = Vec::new();
    for n in 0..8 {
        let mut facts = life_of_a_call();
        facts.rotate_left(n);
        if n % 2 == 1 {
            facts.reverse();
        }
        let mut ends = 0;
        for fact in facts.iter().chain(&facts) {
            let applied = done(&store, add(&call(n), fact.clone()), at(100)).await;
            ends += usize::from(applied.change(&call(n)).unwrap().ended_now());
        }
        assert_eq!(ends, 1);
        let mut stored = store.call(&call(n), at(100)).await.unwrap().unwrap();
        stored.record.call_id = call(0);
        records.push((stored.record, stored.facts));
    }
    assert!(records.iter().all(|record| *record == records[0]));
}

pub(crate) async fn facts_learnt_at_the_same_time_all_count(store: Store) {
    let mut tasks = JoinSet::new();
    for fact in life_of_a_call() {
        for _ in 0..2 {
            let (store, fact) = (store.clone(), fact.clone());
            tasks.spawn(async move { patiently(&store, add(&call(1), fact), at(100)).await });
        }
    }
    let mut ends = 0;
    while let Some(applied) = tasks.join_next().await {
        ends += usize::from(applied.unwrap().change(&call(1)).unwrap().ended_now());
    }
    let stored = store.call(&call(1), at(100)).await.unwrap().unwrap();
    assert_eq!(ends, 1);
    assert_eq!(stored.facts, life_of_a_call().into_iter().collect());
}

pub(crate) async fn a_known_fact_is_not_written_again(store: Store) {
    let id = call(1);
    done(&store, add(&id, arrived(at(0))), at(0)).await;
    let again = done(&store, add(&id, arrived(at(5))), at(5)).await;
    let change = again.change(&id).unwrap();
    assert_eq!((change.new_facts, change.before.as_ref()), (0, Some(&change.after)));
    assert_eq!(change.after.opened_at, at(0));
}

pub(crate) async fn a_refusal_stores_nothing_at_all(store: Store) {
    let id = call(1);
    let mut writes = opening(&id, at(0));
    writes.push(take(&id, 0));
    assert_eq!(refused(&store, writes, at(0)).await, Refusal::CapacityFull);
    let mut writes = opening(&id, at(0));
    writes.extend([take(&id, 5), Write::CountRate(to_number(0, at(0)))]);
    assert!(matches!(refused(&store, writes, at(0)).await, Refusal::RateExceeded(_)));
    assert_eq!(store.call(&id, at(0)).await.unwrap(), None);
    assert_eq!(store.active_calls().await.unwrap(), 0);
}

pub(crate) async fn a_call_needs_its_agent(store: Store) {
    let id = call(1);
    let agent: AgentId = "reception".parse().unwrap();
    let mut writes = opening(&id, at(0));
    writes.extend([take(&id, 5), Write::NeedAgent { agent: agent.clone() }]);
    assert_eq!(refused(&store, writes.clone(), at(0)).await, Refusal::UnknownAgent(agent));
    assert_eq!(store.call(&id, at(0)).await.unwrap(), None);
    assert_eq!(store.active_calls().await.unwrap(), 0);
    seed(&store).await;
    done(&store, writes.clone(), at(0)).await;
    assert_eq!(store.active_calls().await.unwrap(), 1);
    assert!(
        matches!(refused(&store, writes, at(1)).await, Refusal::AlreadyOpen(_)),
        "once opened, it is open"
    );
}

pub(crate) async fn late_events_do_not_bring_a_forgotten_call_back(store: Store) {
    let id = call(1);
    done(&store, opening(&id, at(0)), at(0)).await;
    let last_second = at(CALL_RETENTION_DAYS * 86_400 - 1);
    let over = at(CALL_RETENTION_DAYS * 86_400);
    assert!(store.call(&id, last_second).await.unwrap().is_some());
    done(&store, add(&id, status(last_second, 0, CarrierStatus::Ringing)), last_second).await;
    assert_eq!(store.call(&id, over).await.unwrap(), None);
    let refusal = refused(&store, add(&id, completed(over)), over).await;
    assert_eq!(refusal, Refusal::Forgotten(id));
}

pub(crate) async fn a_storm_of_callbacks_does_not_fill_the_call(store: Store) {
    let id = call(1);
    let storm = |from: u64| -> Vec<Write> {
        (from..from + 400).flat_map(|n| add(&id, status(at(n), n, CarrierStatus::Ringing))).collect()
    };
    done(&store, storm(10), at(0)).await;
    done(&store, storm(410), at(0)).await;
    let ended = done(&store, add(&id, completed(at(9000))), at(9000)).await;
    assert!(ended.change(&id).unwrap().ended_now());
    assert_eq!(store.call(&id, at(9000)).await.unwrap().unwrap().facts.len(), 513);
}

pub(crate) async fn writes_without_a_fact_about_the_call_are_refused(store: Store) {
    let open = vec![Write::OpenCall { call: call(1), plan: String::new() }];
    assert!(matches!(store.apply(open, at(0)).await, Err(StoreError::Invalid(_))));
    let take = store.apply(vec![take(&call(1), 5)], at(0)).await;
    assert!(matches!(take, Err(StoreError::NotFound { kind: "call", .. })));
    assert_eq!(store.apply(Vec::new(), at(0)).await, Ok(Applied::Done(Vec::new())));
}

pub(crate) async fn an_incoming_call_is_answered_from_one_load(store: Store) {
    seed(&store).await;
    let (id, other) = (call(1), call(2));
    let beats = [heartbeat("w1", 150, at(0)), heartbeat("w2", 100, at(40)), heartbeat("w3", 50, at(60))];
    done(&store, beats.map(Write::PutHeartbeat).to_vec(), at(60)).await;
    let mut writes = opening(&other, at(59));
    writes.extend([take(&other, 9), Write::CountRate(to_number(9, at(59)))]);
    writes.push(Write::CountRate(by_caller(caller(), 9, at(59))));
    done(&store, writes, at(59)).await;

    let seen = store.incoming(&query(&id), at(59)).await.unwrap();
    assert_eq!((seen.number.map(|n| n.version), seen.call), (Some(1), None));
    assert_eq!((seen.active_calls, seen.calls_by_caller, seen.calls_to_number), (1, 1, 1));
    let next_minute = store.incoming(&query(&id), at(60)).await.unwrap();
    assert_eq!((next_minute.calls_by_caller, next_minute.calls_to_number), (0, 0));
    assert_eq!(next_minute.capacity(), 150, "w1 has not beaten for a minute");

    let unknown = domain::E164::new("+15550100999").unwrap();
    let query = Query { call: &id, caller: &Caller::Withheld, number: Some(&unknown) };
    assert_eq!(store.incoming(&query, at(59)).await.unwrap().number, None);
    let query = Query { call: &other, caller: &Caller::Withheld, number: None };
    assert!(store.incoming(&query, at(59)).await.unwrap().call.unwrap().has_slot);
}

pub(crate) async fn rates_are_limited_exactly_within_a_window(store: Store) {
    let count = |rate: RateLimit| vec![Write::CountRate(rate)];
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let (store, writes) = (store.clone(), count(by_caller(caller(), 7, at(3))));
        tasks.spawn(async move { matches!(patiently(&store, writes, at(3)).await, Applied::Done(_)) });
    }
    let counted = tasks.join_all().await.into_iter().filter(|counted| *counted).count();
    assert_eq!(counted, 7);
    let scope = by_caller(caller(), 7, at(3)).scope;
    let full = refused(&store, count(by_caller(caller(), 7, at(59))), at(59)).await;
    assert_eq!(full, Refusal::RateExceeded(scope));
    done(&store, count(by_caller(caller(), 7, at(60))), at(60)).await;
    done(&store, count(by_caller(Caller::parse("anonymous"), 1, at(3))), at(3)).await;
    let withheld = refused(&store, count(by_caller(Caller::parse("+266696687"), 1, at(3))), at(3)).await;
    assert!(matches!(withheld, Refusal::RateExceeded(_)), "those who withhold their number are one");
    done(&store, count(to_number(1, at(3))), at(3)).await;
}

pub(crate) async fn calls_are_listed_by_age_and_by_day(store: Store) {
    let day = 86_400;
    for (n, opened) in [(1, 0), (2, 10), (3, 20), (4, day), (5, day + 5)] {
        done(&store, opening(&call(n), at(opened)), at(opened)).await;
    }
    for n in [2, 4] {
        done(&store, add(&call(n), completed(at(day + 60))), at(day + 60)).await;
    }
    let ids =
        |listed: Vec<store::Listed>| -> Vec<_> { listed.into_iter().map(|l| l.record.call_id).collect() };
    let calls = |numbers: &[usize]| -> Vec<_> { numbers.iter().map(|n| call(*n)).collect() };
    assert_eq!(ids(store.open_calls(at(20), 10).await.unwrap()), calls(&[1]), "opened before, not at");
    assert_eq!(ids(store.open_calls(at(2 * day), 2).await.unwrap()), calls(&[1, 3]));
    let all = store.calls(at(0), at(2 * day), 10).await.unwrap();
    assert_eq!(ids(all), calls(&[5, 3, 1, 4, 2]));
    assert_eq!(ids(store.calls(at(0), at(day), 10).await.unwrap()), calls(&[3, 1, 2]));
    assert_eq!(ids(store.calls(at(0), at(2 * day), 4).await.unwrap()), calls(&[5, 3, 1, 4]));
}

pub(crate) async fn a_session_that_ended_is_not_opened_again(store: Store) {
    let begun = Session {
        job: "AJ_1".parse().unwrap(),
        call: call(1),
        room: domain::RoomName::for_call(&call(1)),
        worker: "w1".parse().unwrap(),
        identity: "agent-AJ_1".to_owned(),
        started_at: at(0),
        ended_at: None,
    };
    let ended = Session { ended_at: Some(at(60)), ..begun.clone() };
    for session in [&begun, &ended, &begun] {
        done(&store, vec![Write::PutSession(session.clone())], at(60)).await;
    }
    assert_eq!(store.sessions(&call(1)).await.unwrap(), vec![ended]);
    assert_eq!(store.sessions(&call(2)).await.unwrap(), Vec::new());
}

fn query(id: &domain::CallId) -> Query<'_> {
    static CALLER: std::sync::LazyLock<Caller> = std::sync::LazyLock::new(caller);
    static NUMBER: std::sync::LazyLock<domain::E164> = std::sync::LazyLock::new(number);
    Query { call: id, caller: &CALLER, number: Some(&NUMBER) }
}

fn to_number(limit: u32, at: WallTime) -> RateLimit {
    RateLimit::per_minute(RateScope::Number { number: number() }, limit, at)
}

fn by_caller(caller: Caller, limit: u32, at: WallTime) -> RateLimit {
    RateLimit::per_minute(RateScope::Caller { caller, number: number() }, limit, at)
}

pub(crate) async fn a_callback_promised_twice_is_stored_once(store: Store) {
    let promise = |n, key: &str, secs, reason: &str| Callback {
        call: call(n),
        key: key.to_owned(),
        agent: "reception".parse().unwrap(),
        number: number(),
        at: at(secs),
        agreed: at(secs).to_string(),
        reason: reason.to_owned(),
        promised_at: at(0),
    };
    let kept =
        [promise(1, "a", 100, "a table"), promise(1, "b", 50, "a bill"), promise(2, "a", 200, "a table")];
    for promise in &kept {
        done(&store, vec![Write::ScheduleCallback(promise.clone())], at(0)).await;
    }
    done(&store, vec![Write::ScheduleCallback(promise(1, "a", 999, "again"))], at(1)).await;
    let [first, second, _] = kept;
    assert_eq!(
        store.callbacks(at(101), 10).await.unwrap(),
        [second, first],
        "what is due, the earliest first"
    );
    assert_eq!(store.sessions(&call(1)).await.unwrap(), [], "a callback is no session");
}
