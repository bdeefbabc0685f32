//! Numbers, agents, voices, users: versions, and nothing that names nothing.

use domain::{User, Voice};
use store::{Store, StoreError};
use tokio::task::JoinSet;

use crate::sample::{agent, number, number_config, seed, voice};

pub(crate) async fn configurations_are_stored_listed_and_removed(store: Store) {
    seed(&store).await;
    let stored = store.number(&number()).await.unwrap().unwrap();
    assert_eq!((stored.version, &stored.agent), (1, &agent().id));
    assert_eq!(store.numbers().await.unwrap(), vec![stored]);
    let agents = store.agents().await.unwrap();
    assert_eq!(agents.iter().map(|agent| agent.id.as_str()).collect::<Vec<_>>(), ["reception"]);
    assert_eq!(store.voices().await.unwrap().len(), 1);
    store.remove_number(&number()).await.unwrap();
    store.remove_agent(&agent().id).await.unwrap();
    store.remove_voice(&voice().id).await.unwrap();
    assert_eq!(store.number(&number()).await.unwrap(), None);
    assert_eq!(store.agents().await.unwrap(), Vec::new());
    let gone = store.remove_number(&number()).await.unwrap_err();
    assert_eq!(gone, StoreError::NotFound { kind: "number", id: number().as_str().to_owned() });
}

pub(crate) async fn a_stale_version_is_refused(store: Store) {
    seed(&store).await;
    let mut read = store.agent(&agent().id).await.unwrap().unwrap();
    read.greeting = "Good evening.".to_owned();
    assert_eq!(store.put_agent(read.clone()).await.unwrap().version, 2);
    let stale = Err(StoreError::Stale { kind: "agent", id: "reception".to_owned() });
    assert_eq!(store.put_agent(read).await, stale);
    assert_eq!(store.put_agent(agent()).await, stale, "0 means new");
}

pub(crate) async fn of_simultaneous_changes_one_wins(store: Store) {
    seed(&store).await;
    let mut tasks = JoinSet::new();
    for n in 0..10 {
        let store = store.clone();
        tasks.spawn(async move {
            let mut changed = number_config();
            (changed.version, changed.busy_text) = (1, format!("Busy {n}"));
            store.put_number(changed).await
        });
    }
    let results = tasks.join_all().await;
    let won: Vec<_> = results.iter().filter_map(|result| result.as_ref().ok()).collect();
    assert_eq!(won.len(), 1);
    assert!(
        results.iter().all(|r| matches!(r, Ok(_) | Err(StoreError::Stale { .. } | StoreError::Contended)))
    );
    assert_eq!(store.number(&number()).await.unwrap().as_ref(), Some(won[0]));
}

pub(crate) async fn a_name_of_nothing_is_refused_by_its_field(store: Store) {
    let field = |error: StoreError| match error {
        StoreError::Invalid(invalid) => invalid.field,
        other => panic!("{other:?}"),
    };
    assert_eq!(field(store.put_number(number_config()).await.unwrap_err()), "agent");
    assert_eq!(field(store.put_agent(agent()).await.unwrap_err()), "voice");
    let owned = Voice { user: Some("nobody".parse().unwrap()), ..voice() };
    assert_eq!(field(store.put_voice(owned).await.unwrap_err()), "user");
    let odd = Voice { stability: Some(2.0), ..voice() };
    assert_eq!(field(store.put_voice(odd).await.unwrap_err()), "stability");
    assert_eq!(store.numbers().await.unwrap(), Vec::new());
}

pub(crate) async fn what_is_used_stays(store: Store) {
    seed(&store).await;
    let by = |error: StoreError| match error {
        StoreError::InUse { by, .. } => by,
        other => panic!("{other:?}"),
    };
    assert_eq!(by(store.remove_voice(&voice().id).await.unwrap_err()), "agent reception");
    assert_eq!(by(store.remove_agent(&agent().id).await.unwrap_err()), "number +15550100100");
    let user = User { id: "ann".parse().unwrap(), name: "Ann".to_owned(), time_zone: None, version: 0 };
    store.put_user(user.clone()).await.unwrap();
    let mut owned = store.number(&number()).await.unwrap().unwrap();
    owned.user = Some(user.id.clone());
    let mut disowned = store.put_number(owned).await.unwrap();
    assert_eq!(by(store.remove_user(&user.id).await.unwrap_err()), "number +15550100100");
    disowned.user = None;
    store.put_number(disowned).await.unwrap();
    store.remove_user(&user.id).await.unwrap();
    assert_eq!(store.users().await.unwrap(), Vec::new());
}

pub(crate) async fn an_agent_comes_with_its_voice_as_it_is_now(store: Store) {
    seed(&store).await;
    let bundle = store.agent_bundle(&agent().id).await.unwrap().unwrap();
    assert_eq!((bundle.agent.version, bundle.voice.version), (1, 1));
    let slower = Voice { speed: Some(0.8), ..bundle.voice };
    store.put_voice(slower).await.unwrap();
    let bundle = store.agent_bundle(&agent().id).await.unwrap().unwrap();
    assert_eq!((bundle.voice.speed, bundle.voice.version), (Some(0.8), 2));
    let bob = Voice { id: "bob".parse().unwrap(), ..voice() };
    store.put_voice(bob.clone()).await.unwrap();
    let mut agent = bundle.agent;
    agent.voice = bob.id.clone();
    store.put_agent(agent.clone()).await.unwrap();
    assert_eq!(store.agent_bundle(&agent.id).await.unwrap().unwrap().voice.id, bob.id);
    store.remove_voice(&voice().id).await.unwrap();
    assert_eq!(store.agent_bundle(&"nobody".parse().unwrap()).await.unwrap(), None);
}

pub(crate) async fn a_voice_and_its_agents_change_at_the_same_time(store: Store) {
    seed(&store).await;
    let mut tasks = JoinSet::new();
    for n in 0..6 {
        let store = store.clone();
        tasks.spawn(async move {
            let mut another = agent();
            another.id = format!("agent-{n}").parse().unwrap();
            retried(|| store.put_agent(another.clone())).await;
        });
    }
    let changes = store.clone();
    tasks.spawn(async move {
        for step in 0..4 {
            retried(|| async {
                let mut voice = changes.voice(&voice().id).await?.unwrap();
                voice.stability = Some(f64::from(step) / 10.0);
                changes.put_voice(voice).await
            })
            .await;
        }
    });
    tasks.join_all().await;
    let voice = store.voice(&voice().id).await.unwrap().unwrap();
    for agent in store.agents().await.unwrap() {
        assert_eq!(store.agent_bundle(&agent.id).await.unwrap().unwrap().voice, voice, "{}", agent.id);
    }
}

pub(crate) async fn a_number_never_outlives_its_agent(store: Store) {
    store.put_voice(voice()).await.unwrap();
    for _ in 0..5 {
        store.put_agent(agent()).await.unwrap();
        let id = agent().id;
        let (put, removed) = tokio::join!(store.put_number(number_config()), store.remove_agent(&id));
        assert!(put.is_ok() != removed.is_ok(), "{put:?} {removed:?}");
        if put.is_ok() {
            store.remove_number(&number()).await.unwrap();
            store.remove_agent(&id).await.unwrap();
        }
    }
}

async fn retried<T, F: Future<Output = Result<T, StoreError>>>(attempt: impl Fn() -> F) {
    for _ in 0..100 {
        match attempt().await {
            Err(StoreError::Contended | StoreError::Stale { .. }) => {}
            other => return drop(other.unwrap()),
        }
    }
    panic!("contended for ever")
}
