//! Calls are announced to an agent ahead of LiveKit's job, and end well when they are not.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::time::Duration;

use domain::WallTime;
use livekit_api::services::agent_dispatch::AgentDispatchClient;
use livekit_api::services::room::RoomClient;
use livekit_protocol::JobStatus;
use local::{IncomingCall, Report, Stack, StackFile, StackOptions};
use store::Store;
use support::{SOON, closed, dir, options};

const CALLER: &str = "+15550100200";

/// Waits until `looked` finds something.
async fn until<T>(what: &str, mut looked: impl AsyncFnMut() -> Option<T>) -> T {
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    let looking = async {
        loop {
            ticks.tick().await;
            if let Some(found) = looked().await {
                return found;
            }
        }
    };
    tokio::time::timeout(SOON, looking).await.unwrap_or_else(|_| panic!("not in time: {what}"))
}

/// Identities of everybody in a room.
async fn present(stack: &StackFile, room: &str) -> Vec<String> {
    let url = stack.livekit_url.replacen("ws", "http", 1);
    let rooms = RoomClient::with_api_key(&url, &stack.livekit_api_key, &stack.livekit_api_secret);
    let there = rooms.list_participants(room).await.unwrap_or_default();
    there.into_iter().map(|participant| participant.identity).collect()
}

async fn delete(stack: &StackFile, room: &str) {
    let url = stack.livekit_url.replacen("ws", "http", 1);
    let rooms = RoomClient::with_api_key(&url, &stack.livekit_api_key, &stack.livekit_api_secret);
    rooms.delete_room(room).await.unwrap();
}

fn dispatches(stack: &StackFile) -> AgentDispatchClient {
    let url = stack.livekit_url.replacen("ws", "http", 1);
    AgentDispatchClient::with_api_key(&url, &stack.livekit_api_key, &stack.livekit_api_secret)
}

/// The job of the room's dispatch: which participant it has, and how it stands.
async fn job(stack: &StackFile, room: &str) -> Option<(String, JobStatus)> {
    let dispatch = dispatches(stack).list_dispatch(room).await.unwrap_or_default().into_iter().next()?;
    let state = dispatch.state?.jobs.into_iter().next()?.state?;
    Some((state.participant_identity.clone(), state.status()))
}

/// Containers to whom calls can be announced.
async fn seats(stack: &StackFile) -> usize {
    let store = Store::new(store::client::local(&stack.dynamodb_url), &stack.table);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let workers = store.workers(WallTime::from_secs(now.as_secs())).await.unwrap();
    workers.iter().filter(|worker| worker.seat.is_some()).count()
}

async fn active_calls(stack: &StackFile) -> u64 {
    let ready = reqwest::get(format!("{}/readyz", stack.extra.agent_url)).await.unwrap();
    let ready: serde_json::Value = serde_json::from_str(&ready.text().await.unwrap()).unwrap();
    ready["active_calls"].as_u64().unwrap()
}

/// Answers, hangs up, and waits for the record.
async fn talk_and_leave(stack: &StackFile, mut call: IncomingCall, name: &str) {
    let mut leg = call.until_dial().await.unwrap().unwrap();
    let mut phone = IncomingCall::phone(&leg, &dir(name), CALLER, Vec::new()).await.unwrap();
    assert_eq!(call.dial(&mut leg, &mut phone).await.unwrap(), None);
    phone.hang_up().await.unwrap();
    phone.until_closed(SOON).await.unwrap();
    let end = IncomingCall::end_of(&phone);
    assert!(call.leg_ended(&mut leg, &end, true).await.unwrap().is_none());
    let call_sid = call.call_sid.clone();
    assert_eq!(call.over(end.duration).await, Vec::<String>::new());
    assert_eq!(closed(stack, &call_sid).await.end_reason.unwrap().as_str(), "caller_hangup");
}

#[tokio::test]
async fn an_announced_agent_is_there_before_its_job_and_stays_the_only_one() {
    let mut stack = Stack::start(options("announced"), Report::quiet()).await.unwrap();
    // LiveKit gives its jobs to the less busy of two containers, which is not the one that was told.
    for (containers, name) in [(1, "announced-1"), (2, "announced-2")] {
        if containers == 2 {
            stack.start_agent().await.unwrap();
        }
        let file = stack.file();
        until("seats", async || (seats(file).await == containers).then_some(())).await;
        let call = IncomingCall::arrive(file, CALLER).await.unwrap();
        let (room, ours) = (format!("call-{}", call.call_sid), format!("agent-AN_{}", call.call_sid));
        let there = async || present(file, &room).await.contains(&ours).then_some(());
        until("the announced agent", there).await;
        // LiveKit goes on listing the job of an agent that left for the other as running.
        let settled = async || match job(file, &room).await? {
            (identity, status) if identity == ours => (status == JobStatus::JsRunning).then_some(()),
            (elsewhere, _) => (!present(file, &room).await.contains(&elsewhere)).then_some(()),
        };
        until("the job is bound to the agent, or done elsewhere", settled).await;
        assert_eq!(present(file, &room).await, [ours]);
        talk_and_leave(file, call, name).await;
    }
    stack.stop().await;
}

#[tokio::test]
async fn without_announcements_livekits_job_brings_the_agent() {
    let stack = Stack::start(StackOptions { lobby: false, ..options("no-lobby") }, Report::quiet());
    let stack = stack.await.unwrap();
    let call = IncomingCall::arrive(stack.file(), CALLER).await.unwrap();
    let room = format!("call-{}", call.call_sid);
    let agent = until("the agent", async || present(stack.file(), &room).await.pop()).await;
    assert!(agent.starts_with("agent-AJ_"), "{agent}");
    talk_and_leave(stack.file(), call, "no-lobby-call").await;
    stack.stop().await;
}

#[tokio::test]
async fn an_announced_agent_whose_room_goes_gives_its_place_back() {
    let stack = Stack::start(options("room-goes"), Report::quiet()).await.unwrap();
    let call = IncomingCall::arrive(stack.file(), CALLER).await.unwrap();
    let room = format!("call-{}", call.call_sid);
    until("the agent", async || (active_calls(stack.file()).await == 1).then_some(())).await;
    until("it is in the room", async || present(stack.file(), &room).await.pop()).await;
    delete(stack.file(), &room).await;
    until("its place is free", async || (active_calls(stack.file()).await == 0).then_some(())).await;
    stack.stop().await;
}

#[tokio::test]
async fn a_caller_in_a_room_nobody_was_sent_to_gets_an_agent_all_the_same() {
    let mut stack = Stack::start(options("nobody-sent"), Report::quiet()).await.unwrap();
    // Nobody is there to take the job, or to hear the announcement.
    stack.kill_agents();
    let call = IncomingCall::arrive(stack.file(), CALLER).await.unwrap();
    let room = format!("call-{}", call.call_sid);
    // What a dispatch that is lost half-way leaves behind: the room alone.
    let api = dispatches(stack.file());
    for dispatch in api.list_dispatch(&room).await.unwrap() {
        api.delete_dispatch(&dispatch.id, &room).await.unwrap();
    }
    stack.start_agent().await.unwrap();
    talk_and_leave(stack.file(), call, "nobody-sent-call").await;
    stack.stop().await;
}
