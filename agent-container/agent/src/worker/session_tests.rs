//! The worker protocol as scripts: what is told, at which second, and what follows from it.

use std::time::Duration;

use livekit_protocol as proto;
use proto::server_message::Message as FromServer;
use proto::worker_message::Message as ToServer;

use super::*;

/// A step of a script.
enum Told {
    Tick,
    Connected,
    Lost,
    Registered,
    /// Job id.
    Offer(&'static str),
    /// Job id and room.
    OfferOf(&'static str, &'static str),
    /// Our id and room.
    Announced(&'static str, &'static str),
    Running(&'static str),
    /// Job id and room.
    Assigned(&'static str, &'static str),
    Ended(&'static str),
    Terminated(&'static str),
    Cpu(f32),
    Drain,
}

fn input(told: &Told) -> Input {
    let job = |id: &str, room: &str| proto::Job {
        id: id.into(),
        room: Some(proto::Room { name: room.into(), ..Default::default() }),
        ..Default::default()
    };
    Input::Message(Box::new(match told {
        Told::Tick => return Input::Tick,
        Told::Connected => return Input::Connected,
        Told::Lost => return Input::Lost,
        Told::Ended(id) => return Input::JobEnded((*id).into(), JobEnd::Success),
        Told::Cpu(share) => return Input::Cpu(*share),
        Told::Drain => return Input::Drain,
        Told::Registered => FromServer::Register(proto::RegisterWorkerResponse::default()),
        Told::Running(id) => return Input::JobRunning((*id).into()),
        Told::Announced(id, room) => {
            return Input::Announced(Assignment {
                job_id: (*id).into(),
                room: (*room).into(),
                metadata: String::new(),
                url: None,
                token: String::new(),
            });
        }
        Told::OfferOf(id, room) => FromServer::Availability(proto::AvailabilityRequest {
            job: Some(job(id, room)),
            ..Default::default()
        }),
        Told::Offer(id) => FromServer::Availability(proto::AvailabilityRequest {
            job: Some(job(id, "r")),
            ..Default::default()
        }),
        Told::Assigned(id, room) => {
            FromServer::Assignment(proto::JobAssignment { job: Some(job(id, room)), ..Default::default() })
        }
        Told::Terminated(id) => FromServer::Termination(proto::JobTermination { job_id: (*id).into() }),
    }))
}

fn short(output: Output) -> String {
    match output {
        Output::Connect => "connect".into(),
        Output::Disconnect => "disconnect".into(),
        Output::Registered { .. } => "registered".into(),
        Output::Start(assignment) => format!("start {} in {}", assignment.job_id, assignment.room),
        Output::Terminate { job_id } => format!("terminate {job_id}"),
        Output::Declined { job_id } => format!("decline {job_id}"),
        Output::OfferLapsed { job_id } => format!("lapsed {job_id}"),
        Output::Send(message) => short_message(*message),
    }
}

fn short_message(message: ToServer) -> String {
    match message {
        ToServer::Register(register) => format!("register {}", register.agent_name),
        ToServer::Availability(answer) => {
            let verdict = if answer.available { "accept" } else { "refuse" };
            match answer.participant_identity.strip_prefix("agent-") {
                Some(own) if own == answer.job_id => format!("{verdict} {own}"),
                other => format!("{verdict} {} as {other:?}", answer.job_id),
            }
        }
        ToServer::UpdateWorker(status) => {
            let full = status.status == Some(proto::WorkerStatus::WsFull as i32);
            format!("{} {:.2} {}", if full { "full" } else { "free" }, status.load, status.job_count)
        }
        ToServer::UpdateJob(update) => format!("{} {}", update.status().as_str_name(), update.job_id),
        other => format!("{other:?}"),
    }
}

/// Runs a script of (second, what is told, what follows).
#[track_caller]
fn check(slots: usize, script: &[(f32, Told, &[&str])]) {
    let settings = Settings { agent_name: "a".into(), version: "1".into(), slots };
    let mut session = Session::new(settings);
    for (step, (second, told, expected)) in script.iter().enumerate() {
        session.handle(Duration::from_secs_f32(*second), input(told));
        let followed: Vec<String> = std::iter::from_fn(|| session.poll()).map(short).collect();
        assert_eq!(followed, *expected, "step {step} at {second} s");
    }
}

#[test]
fn a_worker_registers_and_reports() {
    check(
        4,
        &[
            (0.0, Told::Tick, &["connect"]),
            (0.1, Told::Connected, &["register a"]),
            (0.2, Told::Registered, &["registered", "free 0.00 0"]),
            (0.3, Told::Cpu(0.5), &[]),
            (2.6, Told::Tick, &[]),
            (2.7, Told::Tick, &["free 0.34 0"]),
        ],
    );
}

const UP: [(f32, Told, &[&str]); 3] = [
    (0.0, Told::Tick, &["connect"]),
    (0.0, Told::Connected, &["register a"]),
    (0.0, Told::Registered, &["registered", "free 0.00 0"]),
];

#[track_caller]
fn check_registered(slots: usize, script: Vec<(f32, Told, &'static [&'static str])>) {
    let script: Vec<_> = UP.into_iter().chain(script).collect();
    check(slots, &script);
}

#[test]
fn an_offer_takes_a_slot_and_the_end_gives_it_back() {
    check_registered(
        2,
        vec![
            (1.0, Told::Offer("j1"), &["accept j1", "free 0.34 1"]),
            (1.1, Told::Assigned("j1", "r1"), &["start j1 in r1"]),
            (1.2, Told::Offer("j2"), &["accept j2", "full 0.69 2"]),
            (1.3, Told::Assigned("j2", "r2"), &["start j2 in r2"]),
            (1.4, Told::Offer("j3"), &["refuse j3"]),
            (9.0, Told::Ended("j1"), &["JS_SUCCESS j1", "free 0.34 1"]),
            (9.0, Told::Ended("j1"), &[]),
            (9.1, Told::Offer("j3"), &["accept j3", "full 0.69 2"]),
        ],
    );
}

#[test]
fn an_offer_without_assignment_gives_its_slot_back() {
    check_registered(
        1,
        vec![
            (1.0, Told::Offer("j1"), &["accept j1", "full 0.69 1"]),
            (1.5, Told::Offer("j1"), &["accept j1"]),
            (3.6, Told::Tick, &["full 0.69 1"]),
            (8.5, Told::Tick, &["full 0.69 1", "lapsed j1", "free 0.00 0"]),
            // Late, but the server counts on us: served all the same.
            (9.0, Told::Assigned("j1", "r1"), &["start j1 in r1"]),
        ],
    );
}

#[test]
fn a_second_agent_for_the_same_room_is_done_without_a_word() {
    check_registered(
        4,
        vec![
            (1.0, Told::Offer("j1"), &["accept j1", "free 0.17 1"]),
            (1.0, Told::Assigned("j1", "r1"), &["start j1 in r1"]),
            (2.0, Told::Offer("j2"), &["accept j2", "free 0.34 2"]),
            (2.0, Told::Assigned("j2", "r1"), &["JS_SUCCESS j2", "free 0.17 1"]),
            (2.0, Told::Assigned("j1", "r1"), &[]),
        ],
    );
}

#[test]
fn calls_outlive_a_lost_connection() {
    check_registered(
        4,
        vec![
            (1.0, Told::Offer("j1"), &["accept j1", "free 0.17 1"]),
            (1.0, Told::Assigned("j1", "r1"), &["start j1 in r1"]),
            (1.5, Told::Offer("j2"), &["accept j2", "free 0.34 2"]),
            (2.0, Told::Lost, &[]),
            (2.0, Told::Tick, &["connect"]),
            (2.0, Told::Lost, &[]),
            (2.1, Told::Tick, &[]),
            (2.2, Told::Tick, &["connect"]),
            (2.3, Told::Connected, &["register a"]),
            (2.4, Told::Registered, &["registered", "free 0.17 1"]),
            (3.0, Told::Ended("j1"), &["JS_SUCCESS j1", "free 0.00 0"]),
        ],
    );
}

#[test]
fn a_server_that_does_not_answer_the_registration_is_left() {
    check(
        1,
        &[
            (0.0, Told::Tick, &["connect"]),
            (0.0, Told::Connected, &["register a"]),
            (9.9, Told::Tick, &[]),
            (10.0, Told::Tick, &["disconnect"]),
            (10.0, Told::Lost, &[]),
            (10.1, Told::Tick, &[]),
            (10.3, Told::Tick, &["connect"]),
        ],
    );
}

#[test]
fn a_draining_worker_is_full() {
    check_registered(
        4,
        vec![
            (1.0, Told::Offer("j1"), &["accept j1", "free 0.17 1"]),
            (1.0, Told::Assigned("j1", "r1"), &["start j1 in r1"]),
            (2.0, Told::Drain, &["full 0.17 1"]),
            (2.1, Told::Offer("j2"), &["refuse j2"]),
            (3.0, Told::Terminated("j1"), &["terminate j1"]),
            (3.1, Told::Ended("j1"), &["JS_SUCCESS j1", "full 0.00 0"]),
            (3.2, Told::Terminated("j1"), &[]),
        ],
    );
}

#[test]
fn the_job_of_an_announced_call_is_bound_to_it() {
    check_registered(
        1,
        vec![
            (1.0, Told::Announced("AN_r1", "r1"), &["start AN_r1 in r1", "full 0.69 1"]),
            (1.1, Told::Running("AN_r1"), &[]),
            (1.2, Told::OfferOf("j1", "r1"), &["accept j1 as Some(\"AN_r1\")", "full 0.69 1"]),
            (1.2, Told::Assigned("j1", "r1"), &["JS_RUNNING j1"]),
            (1.2, Told::Assigned("j1", "r1"), &[]),
            (2.0, Told::Terminated("j1"), &["terminate AN_r1"]),
            (2.1, Told::Ended("AN_r1"), &["JS_SUCCESS j1", "free 0.00 0"]),
            (2.2, Told::Terminated("j1"), &[]),
        ],
    );
}

#[test]
fn a_job_that_comes_before_its_announced_call_can_be_heard_waits_for_it() {
    check_registered(
        2,
        vec![
            (1.0, Told::Announced("AN_r1", "r1"), &["start AN_r1 in r1", "free 0.34 1"]),
            (1.2, Told::OfferOf("j1", "r1"), &["accept j1 as Some(\"AN_r1\")", "free 0.34 1"]),
            (1.2, Told::Assigned("j1", "r1"), &[]),
            (1.3, Told::Running("AN_r1"), &["JS_RUNNING j1"]),
            (2.0, Told::Ended("AN_r1"), &["JS_SUCCESS j1", "free 0.00 0"]),
        ],
    );
}

#[test]
fn an_announcement_is_taken_once_and_within_the_slots() {
    check_registered(
        1,
        vec![
            (1.0, Told::Announced("AN_r1", "r1"), &["start AN_r1 in r1", "full 0.69 1"]),
            (1.0, Told::Announced("AN_r1", "r1"), &["decline AN_r1"]),
            (1.1, Told::Announced("AN_r2", "r2"), &["decline AN_r2"]),
            (1.2, Told::Running("AN_r1"), &[]),
            (2.0, Told::Ended("AN_r1"), &["free 0.00 0"]),
            // Late repetitions, and LiveKit's job for what is over.
            (2.1, Told::Announced("AN_r1", "r1"), &["decline AN_r1"]),
            (2.2, Told::OfferOf("j1", "r1"), &["accept j1", "full 0.69 1"]),
            (2.2, Told::Assigned("j1", "r1"), &["JS_SUCCESS j1", "free 0.00 0"]),
            (2.3, Told::Announced("AN_r2", "r2"), &["start AN_r2 in r2", "full 0.69 1"]),
        ],
    );
}

#[test]
fn a_late_announcement_of_a_served_call_changes_nothing() {
    check_registered(
        4,
        vec![
            (1.0, Told::OfferOf("j1", "r1"), &["accept j1", "free 0.17 1"]),
            (1.0, Told::Assigned("j1", "r1"), &["start j1 in r1"]),
            (1.1, Told::Announced("AN_r1", "r1"), &["decline AN_r1"]),
        ],
    );
}

#[test]
fn an_announced_agent_that_never_got_into_the_room_leaves_the_call_to_livekits_job() {
    check_registered(
        1,
        vec![
            (1.0, Told::Announced("AN_r1", "r1"), &["start AN_r1 in r1", "full 0.69 1"]),
            (1.1, Told::Ended("AN_r1"), &["free 0.00 0"]),
            (1.2, Told::OfferOf("j1", "r1"), &["accept j1", "full 0.69 1"]),
            (1.2, Told::Assigned("j1", "r1"), &["start j1 in r1"]),
        ],
    );
}

#[test]
fn a_draining_worker_takes_no_announcements() {
    check_registered(
        4,
        vec![(1.0, Told::Drain, &["full 0.00 0"]), (1.1, Told::Announced("AN_r1", "r1"), &["decline AN_r1"])],
    );
}

#[test]
fn an_announced_call_outlives_a_lost_connection() {
    check_registered(
        4,
        vec![
            (1.0, Told::Announced("AN_r1", "r1"), &["start AN_r1 in r1", "free 0.17 1"]),
            (1.1, Told::Running("AN_r1"), &[]),
            (1.2, Told::Lost, &[]),
            (1.2, Told::Tick, &["connect"]),
            (1.3, Told::Connected, &["register a"]),
            (1.4, Told::Registered, &["registered", "free 0.17 1"]),
            (1.5, Told::Ended("AN_r1"), &["free 0.00 0"]),
        ],
    );
}
