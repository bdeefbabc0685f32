//! One media thread: many calls, one clock, two poll sets.
//!
//! A call ticks every 20 ms, in one of four phases that are 5 ms apart. A few calls share one phase, because a
//! wake-up costs more than what it does for one call; many are spread over the four. The thread wakes for
//! phases that have calls. Sockets of connections that are up are in the *quiet* set, which is only looked at
//! then: packets of many calls are read in one wake-up, for at most 20 ms of delay with few calls and 5 with
//! many. Sockets of connections that are being made are in the *eager* set, which wakes the thread at once: a
//! handshake has many round trips. So does a station that begins to speak.

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token, Waker};
use tokio::sync::mpsc::{self, error::TryRecvError};

use crate::call::{Action, Call};
use crate::connection::Connection;
use crate::negotiation::Role;
use crate::stats::Lateness;

/// Names a call inside its thread.
pub(crate) type CallId = usize;

/// Phases of one tick of 20 ms.
const PHASES: u64 = 4;
const STEP_MS: u64 = line::FRAME_MS as u64 / PHASES;
/// Calls that share a phase before the next one is used.
const TOGETHER: usize = 12;
/// A tick that is later than this is skipped, not made good: livekit-sip buffers 100 ms towards the
/// telephone and drops what comes in a burst beyond it.
const MAX_LATE: Duration = Duration::from_millis(60);
/// How often an idle thread looks whether anybody still holds it.
const IDLE_POLL: Duration = Duration::from_millis(100);
/// Ready sockets taken from the system at once; the rest comes with the next look.
const EVENTS_AT_ONCE: usize = 512;
/// Commands that may wait for the thread; a sender that finds no room waits.
pub(crate) const COMMAND_BOUND: usize = 1024;

const WAKER: Token = Token(usize::MAX);

/// What the rest of the program asks of a media thread.
pub(crate) enum Command {
    Open(CallId, Box<Call>),
    Act(CallId, Action),
    Close(CallId),
}

/// A media thread's state.
pub(crate) struct Shard {
    commands: mpsc::Receiver<Command>,
    orphaned: bool,
    eager: Poll,
    quiet: Poll,
    calls: BTreeMap<CallId, Box<Call>>,
    phases: [Vec<CallId>; PHASES as usize],
    /// Calls with a connection in the eager set.
    connecting: Vec<CallId>,
    lateness: Arc<Lateness>,
    start: Instant,
    /// The next step of 5 ms; one whose phase has no calls is passed over.
    step: u64,
}

impl Shard {
    /// The thread's state, and what wakes it after a command.
    pub(crate) fn new(
        commands: mpsc::Receiver<Command>,
        lateness: Arc<Lateness>,
    ) -> io::Result<(Self, Waker)> {
        let (eager, quiet) = (Poll::new()?, Poll::new()?);
        let waker = Waker::new(eager.registry(), WAKER)?;
        let shard = Self {
            commands,
            orphaned: false,
            eager,
            quiet,
            calls: BTreeMap::new(),
            phases: Default::default(),
            connecting: Vec::new(),
            lateness,
            start: Instant::now(),
            step: 0,
        };
        Ok((shard, waker))
    }

    /// Runs until nobody can send commands any more and all calls are over.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS_AT_ONCE);
        while !(self.orphaned && self.calls.is_empty()) {
            self.pass_over();
            let wait = self.next_wake_up().saturating_duration_since(Instant::now());
            if let Err(error) = self.eager.poll(&mut events, Some(wait))
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "poll failed");
            }
            self.take_commands();
            self.receive(&events);
            self.wake_connecting();
            if events.iter().any(|event| event.token() == WAKER) {
                self.begin_speeches_now();
            }
            if self.due() <= Instant::now() {
                self.step_on(&mut events);
            }
        }
    }

    fn due(&self) -> Instant {
        self.due_of(self.step)
    }

    fn due_of(&self, step: u64) -> Instant {
        self.start + Duration::from_millis(STEP_MS * step)
    }

    fn next_wake_up(&self) -> Instant {
        if self.calls.is_empty() {
            return Instant::now() + IDLE_POLL;
        }
        let timers =
            self.connecting.iter().filter_map(|id| self.calls.get(id)).flat_map(|call| connections(call));
        timers.map(|connection| connection.due).min().map_or(self.due(), |timer| timer.min(self.due()))
    }

    /// On to the next phase that has calls.
    fn pass_over(&mut self) {
        let populated = |step: &u64| !self.phases[phase_of(*step)].is_empty();
        self.step = (self.step..self.step + PHASES).find(populated).unwrap_or(self.step);
    }

    fn take_commands(&mut self) {
        loop {
            match self.commands.try_recv() {
                Ok(Command::Open(id, call)) => self.open(id, call),
                Ok(Command::Act(id, Action::Attach(connection))) => self.attach(id, connection),
                Ok(Command::Act(id, Action::Detach)) => self.detach(id),
                Ok(Command::Act(id, action)) => self.guard(id, |call| call.act(action)),
                Ok(Command::Close(id)) => self.close(id),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {
                    self.orphaned = true;
                    return;
                }
            }
        }
    }

    fn open(&mut self, id: CallId, call: Box<Call>) {
        if self.calls.is_empty() {
            self.restart_clock();
        }
        self.phases[place(self.phases.each_ref().map(Vec::len))].push(id);
        self.calls.insert(id, call);
    }

    /// An idle thread let its clock stand; it starts again at the present.
    fn restart_clock(&mut self) {
        let elapsed_ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(0);
        self.step = elapsed_ms / STEP_MS + 1;
    }

    fn attach(&mut self, id: CallId, mut connection: Box<Connection>) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let role = connection.role;
        if let Some(mut old) = call.connections[role as usize].take() {
            let _ = self.eager.registry().deregister(&mut old.socket);
            let _ = self.quiet.registry().deregister(&mut old.socket);
            let _ = catch_unwind(AssertUnwindSafe(|| old.close()));
        }
        if let Err(error) =
            self.eager.registry().register(&mut connection.socket, token(id, role), Interest::READABLE)
        {
            // The join then fails for want of a connection, and says so.
            tracing::error!(%error, "a media socket could not be watched");
            return;
        }
        connection.watched_eagerly = true;
        call.adopt(connection);
        if !self.connecting.contains(&id) {
            self.connecting.push(id);
        }
    }

    fn detach(&mut self, id: CallId) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        for slot in &mut call.connections {
            if let Some(mut old) = slot.take() {
                // The set that does not watch it refuses; so it is in neither.
                let _ = self.eager.registry().deregister(&mut old.socket);
                let _ = self.quiet.registry().deregister(&mut old.socket);
                let _ = catch_unwind(AssertUnwindSafe(|| old.close()));
            }
        }
        self.connecting.retain(|other| *other != id);
    }

    fn close(&mut self, id: CallId) {
        self.detach(id);
        self.phases.iter_mut().for_each(|phase| phase.retain(|other| *other != id));
        if let Some(call) = self.calls.remove(&id) {
            // A station that panics when dropped is as contained as one that panics when called.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(call)));
        }
    }

    /// Runs a call's code; a panic in it ends this call only.
    fn guard(&mut self, id: CallId, run: impl FnOnce(&mut Call)) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        if catch_unwind(AssertUnwindSafe(|| run(call))).is_err() {
            tracing::error!("a call panicked in its media thread and is ended");
            call.panicked();
            self.close(id);
        }
    }

    fn receive(&mut self, events: &Events) {
        for event in events.iter().filter(|event| event.token() != WAKER) {
            let (id, role) = call_of(event.token());
            self.guard(id, |call| call.receive(role));
        }
    }

    fn wake_connecting(&mut self) {
        let now = Instant::now();
        for index in (0..self.connecting.len()).rev() {
            let Some(&id) = self.connecting.get(index) else { continue };
            self.wake(id, now);
            self.quieten(id);
        }
    }

    fn wake(&mut self, id: CallId, now: Instant) {
        self.guard(id, |call| {
            call.wake(Role::Publisher, now);
            call.wake(Role::Subscriber, now);
        });
    }

    /// Moves what is no longer being made to the quiet set.
    fn quieten(&mut self, id: CallId) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        for connection in
            call.connections.iter_mut().flatten().filter(|c| c.watched_eagerly && !c.is_connecting())
        {
            let token = token(id, connection.role);
            let _ = self.eager.registry().deregister(&mut connection.socket);
            if let Err(error) =
                self.quiet.registry().register(&mut connection.socket, token, Interest::READABLE)
            {
                tracing::error!(%error, "a media socket could not be watched");
            }
            connection.watched_eagerly = false;
        }
        if !connections(call).any(|connection| connection.watched_eagerly) {
            self.connecting.retain(|other| *other != id);
        }
    }

    /// One step of the grid, and those that were missed.
    fn step_on(&mut self, events: &mut Events) {
        // A look without waiting cannot be interrupted; other errors were told by the eager set.
        if self.quiet.poll(events, Some(Duration::ZERO)).is_ok() {
            self.receive(events);
        }
        let now = Instant::now();
        let is_due = |call: &Call| connections(call).any(|connection| connection.due <= now);
        let due: Vec<CallId> =
            self.calls.iter().filter(|(_, call)| is_due(call)).map(|(&id, _)| id).collect();
        due.into_iter().for_each(|id| self.wake(id, now));
        while self.due() <= now {
            self.tick_phase();
            self.step += 1;
            self.pass_over();
        }
    }

    fn tick_phase(&mut self) {
        let due = self.due();
        let phase = phase_of(self.step);
        // Calls that end meanwhile leave the list; walking it from its end misses none.
        for index in (0..self.phases[phase].len()).rev() {
            let Some(&id) = self.phases[phase].get(index) else { continue };
            let late = due.elapsed();
            self.lateness.note(u64::try_from(late.as_micros()).unwrap_or(u64::MAX));
            if late > MAX_LATE {
                self.guard(id, Call::skip_tick);
            } else {
                self.guard(id, |call| call.tick(due));
            }
            if self.calls.get(&id).is_some_and(|call| call.is_abandoned()) {
                self.close(id);
            }
        }
        if due.elapsed() <= MAX_LATE {
            self.begin_speeches(due, phase, (0..PHASES as usize).filter(|other| *other != phase));
        }
    }

    /// Somebody rang: what is to be said begins as if the last step had seen it.
    fn begin_speeches_now(&mut self) {
        let last = (self.step.saturating_sub(PHASES)..self.step).rev();
        let last = last.map(|step| (step, phase_of(step))).find(|&(_, phase)| !self.phases[phase].is_empty());
        if let Some((step, phase)) = last {
            self.begin_speeches(self.due_of(step), phase, 0..PHASES as usize);
        }
    }

    /// Calls of other phases that rest and have something to say now do not wait for theirs: it becomes this one.
    fn begin_speeches(&mut self, due: Instant, phase: usize, others: impl Iterator<Item = usize>) {
        for other in others {
            for index in (0..self.phases[other].len()).rev() {
                let Some(&id) = self.phases[other].get(index) else { continue };
                let mut begun = false;
                self.guard(id, |call| begun = call.begin_speech(due));
                if begun {
                    self.phases[other].retain(|moved| *moved != id);
                    self.phases[phase].push(id);
                }
            }
        }
    }
}

fn phase_of(step: u64) -> usize {
    usize::try_from(step % PHASES).unwrap_or(0)
}

/// The phase for the next call, by how many calls each has: they are filled one after the other, those farthest apart first.
fn place(calls: [usize; PHASES as usize]) -> usize {
    let order = [0, 2, 1, 3];
    let room = order.into_iter().find(|&phase| calls[phase] < TOGETHER);
    room.or_else(|| order.into_iter().min_by_key(|&phase| calls[phase])).unwrap_or(0)
}

fn connections(call: &Call) -> impl Iterator<Item = &Connection> {
    call.connections.iter().flatten().map(AsRef::as_ref)
}

fn token(id: CallId, role: Role) -> Token {
    Token(id * 2 + role as usize)
}

fn call_of(token: Token) -> (CallId, Role) {
    (token.0 / 2, if token.0.is_multiple_of(2) { Role::Publisher } else { Role::Subscriber })
}

#[cfg(test)]
mod tests {
    use super::{TOGETHER, place};

    #[test]
    fn few_calls_share_a_phase_and_many_are_spread() {
        let (few, full) = (TOGETHER - 1, TOGETHER);
        for (calls, expected) in [
            ([0, 0, 0, 0], 0),
            ([few, 0, 0, 0], 0),
            ([full, 0, 0, 0], 2),
            ([full, 0, full, 0], 1),
            ([few, 0, full, 0], 0),
            ([full, full, full, few], 3),
            ([full + 1, full, full + 1, full + 1], 1),
        ] {
            assert_eq!(place(calls), expected, "{calls:?}");
        }
    }
}
