//! Whose places are taken: LiveKit's jobs, and calls that were announced ahead of theirs. Pure.
//!
//! ```text
//!  offer ──▶ Offered ── assignment ──▶ Active ── end ──▶ gone
//!  announcement ─────────────────────▶ Announced ── end ──▶ gone, remembered for a while
//!  offer of the same room ──▶ Offered ── assignment ──▶ Bound to the announced call, ends with it
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// How long an announced call that is over is remembered: LiveKit's job for it may still come.
const REMEMBERED: Duration = Duration::from_secs(60);
/// Announced calls remembered at most, the youngest.
const MOST_REMEMBERED: usize = 512;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Job {
    /// Accepted, waiting for the assignment.
    Offered {
        until: Duration,
        /// A call is being served already: no place is kept.
        bound: bool,
    },
    /// Assigned.
    Active { room: String },
    /// Announced by ourselves: LiveKit does not know it by this id.
    Announced { room: String, running: bool },
    /// LiveKit's job for the announced call of this id.
    Bound { call: String },
}

/// What an assignment means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Assigned {
    /// Serve the call.
    Start,
    /// The call is being served, as it was announced; whether it can be heard already.
    Bound { running: bool },
    /// Done already, or in other hands.
    Done,
    /// The same once more.
    Repeat,
}

/// All jobs of a worker.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    by_id: BTreeMap<String, Job>,
    /// Rooms of announced calls that were served, with the time they ended.
    over: VecDeque<(Duration, String)>,
}

impl Jobs {
    /// Calls that are served or promised.
    pub(super) fn taken(&self) -> usize {
        let takes = |job: &&Job| !matches!(job, Job::Bound { .. } | Job::Offered { bound: true, .. });
        self.by_id.values().filter(takes).count()
    }

    pub(super) fn knows(&self, job_id: &str) -> bool {
        self.by_id.contains_key(job_id)
    }

    /// The id of the announced call that is served in a room.
    pub(super) fn announced_in(&self, room: &str) -> Option<&str> {
        self.by_id.iter().find_map(|(id, job)| match job {
            Job::Announced { room: ours, .. } if ours == room => Some(id.as_str()),
            _ => None,
        })
    }

    pub(super) fn offered(&mut self, job_id: String, until: Duration, bound: bool) {
        self.by_id.insert(job_id, Job::Offered { until, bound });
    }

    /// Takes an announced call, unless its room is or was served.
    pub(super) fn announce(&mut self, now: Duration, job_id: String, room: &str) -> bool {
        if self.serves(room) || self.served(now, room) {
            return false;
        }
        self.by_id.insert(job_id, Job::Announced { room: room.to_owned(), running: false });
        true
    }

    pub(super) fn assigned(&mut self, now: Duration, job_id: &str, room: &str) -> Assigned {
        if matches!(self.by_id.get(job_id), Some(Job::Active { .. } | Job::Bound { .. })) {
            return Assigned::Repeat;
        }
        if let Some(call) = self.announced_in(room).map(str::to_owned) {
            let running = matches!(self.by_id.get(&call), Some(Job::Announced { running: true, .. }));
            self.by_id.insert(job_id.to_owned(), Job::Bound { call });
            return Assigned::Bound { running };
        }
        if self.serves(room) || self.served(now, room) {
            self.by_id.remove(job_id);
            return Assigned::Done;
        }
        self.by_id.insert(job_id.to_owned(), Job::Active { room: room.to_owned() });
        Assigned::Start
    }

    /// The agent can be heard. The jobs LiveKit knows it by.
    pub(super) fn running(&mut self, job_id: &str) -> Vec<String> {
        match self.by_id.get_mut(job_id) {
            Some(Job::Announced { running, .. }) => {
                *running = true;
                self.bound_to(job_id)
            }
            Some(_) => vec![job_id.to_owned()],
            None => Vec::new(),
        }
    }

    /// A call is over. The jobs LiveKit knows it by; nothing when it was not known.
    pub(super) fn ended(&mut self, now: Duration, job_id: &str) -> Option<Vec<String>> {
        match self.by_id.remove(job_id)? {
            Job::Announced { room, running } => {
                // An agent that never got into the room was no agent: LiveKit's job may still save the call.
                if running {
                    self.over.push_back((now, room));
                    while self.over.len() > MOST_REMEMBERED {
                        self.over.pop_front();
                    }
                }
                let bound = self.bound_to(job_id);
                bound.iter().for_each(|job| drop(self.by_id.remove(job)));
                Some(bound)
            }
            _ => Some(vec![job_id.to_owned()]),
        }
    }

    /// The server ended a job. The call to end.
    pub(super) fn terminated(&mut self, job_id: &str) -> Option<String> {
        match self.by_id.get(job_id)? {
            Job::Active { .. } => Some(job_id.to_owned()),
            Job::Bound { call } => Some(call.clone()),
            Job::Offered { .. } => {
                self.by_id.remove(job_id);
                None
            }
            Job::Announced { .. } => None,
        }
    }

    /// The server forgets offers of a lost socket; calls live on in their rooms.
    pub(super) fn forget_offers(&mut self) {
        self.by_id.retain(|_, job| !matches!(job, Job::Offered { .. }));
    }

    /// Offers without an assignment; their places are free again.
    pub(super) fn lapse(&mut self, now: Duration) -> Vec<String> {
        let lapsed = |job: &Job| matches!(job, Job::Offered { until, .. } if *until <= now);
        let ids: Vec<String> =
            self.by_id.iter().filter(|(_, job)| lapsed(job)).map(|(id, _)| id.clone()).collect();
        ids.iter().for_each(|id| drop(self.by_id.remove(id)));
        ids
    }

    /// When the first offer lapses.
    pub(super) fn lapses_at(&self) -> Option<Duration> {
        let until = |job: &Job| if let Job::Offered { until, .. } = job { Some(*until) } else { None };
        self.by_id.values().filter_map(until).min()
    }

    fn bound_to(&self, call: &str) -> Vec<String> {
        let bound = |job: &Job| matches!(job, Job::Bound { call: ours } if ours == call);
        self.by_id.iter().filter(|(_, job)| bound(job)).map(|(id, _)| id.clone()).collect()
    }

    fn serves(&self, room: &str) -> bool {
        let in_room = |job: &Job| matches!(job, Job::Active { room: ours } | Job::Announced { room: ours, .. } if ours == room);
        self.by_id.values().any(in_room)
    }

    fn served(&mut self, now: Duration, room: &str) -> bool {
        while self.over.front().is_some_and(|(at, _)| *at + REMEMBERED <= now) {
            self.over.pop_front();
        }
        self.over.iter().any(|(_, ours)| ours == room)
    }
}
