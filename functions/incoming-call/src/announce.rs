//! Which container is told of a call ahead of LiveKit's job. Pure.

use carrier::TicketKey;
use domain::{Announcement, CallId, Heartbeat, JobMetadata, Seat, WallTime};

/// How long an announcement is believed, seconds: it takes milliseconds, and clocks differ a little.
const GOOD_FOR_S: u64 = 30;

/// The container for a call: one that can be told and has places left, more often the more it has. What a
/// container last said of itself is seconds old, so calls that arrive together are spread, the same call
/// always going to the same container.
pub(crate) fn seat_for<'a>(call: &CallId, workers: &'a [Heartbeat]) -> Option<&'a Seat> {
    let free = |worker: &Heartbeat| u64::from(worker.capacity.saturating_sub(worker.active));
    let seated = || workers.iter().filter_map(|worker| Some((worker.seat.as_ref()?, free(worker))));
    let places: u64 = seated().map(|(_, free)| free).sum();
    let mut ticket = call.spread().checked_rem(places)?;
    seated().find_map(|(seat, free)| {
        if ticket < free {
            return Some(seat);
        }
        ticket -= free;
        None
    })
}

/// What the container is told.
pub(crate) fn announcement(tickets: &TicketKey, job: &JobMetadata, now: WallTime) -> Announcement {
    let ticket = tickets.announcement(job.call_id.as_str(), now.as_secs() + GOOD_FOR_S);
    Announcement { job: job.clone(), ticket }
}

#[cfg(test)]
mod tests {
    use domain::WorkerId;

    use super::*;

    fn worker(name: &str, capacity: u32, active: u32, seated: bool) -> Heartbeat {
        let worker = WorkerId::new(name).unwrap();
        let seat = seated.then(|| Seat::of(&worker, "ringdown").unwrap());
        let version = String::new();
        Heartbeat { worker, version, capacity, active, seat, at: WallTime::from_millis(0) }
    }

    /// Shares of a thousand calls, by container.
    #[track_caller]
    fn check(workers: &[Heartbeat], expected: &[(&str, std::ops::RangeInclusive<usize>)]) {
        let calls: Vec<CallId> = (0..1000).map(|n| CallId::new(format!("CA{n:032x}")).unwrap()).collect();
        let told: Vec<&Seat> = calls.iter().filter_map(|call| seat_for(call, workers)).collect();
        for (name, share) in expected {
            let count = told.iter().filter(|seat| seat.identity == *name).count();
            assert!(share.contains(&count), "{name}: {count} of 1000");
        }
        let among = |seat: &&Seat| expected.iter().any(|(name, _)| *name == seat.identity);
        assert!(told.iter().all(among), "{told:?}");
    }

    #[test]
    fn calls_are_shared_out_by_free_places() {
        check(&[worker("a", 10, 0, true)], &[("a", 1000..=1000)]);
        check(&[worker("a", 10, 5, true), worker("b", 20, 5, true)], &[("a", 200..=300), ("b", 700..=800)]);
    }

    #[test]
    fn full_and_deaf_containers_are_told_nothing() {
        let workers = [worker("full", 5, 5, true), worker("deaf", 9, 0, false), worker("a", 1, 0, true)];
        check(&workers, &[("a", 1000..=1000)]);
        check(&[worker("full", 5, 7, true), worker("deaf", 9, 0, false)], &[]);
        check(&[], &[]);
    }

    #[test]
    fn the_same_call_goes_to_the_same_container() {
        let workers = [worker("a", 10, 0, true), worker("b", 10, 0, true)];
        let call = CallId::new("CA1").unwrap();
        assert_eq!(seat_for(&call, &workers), seat_for(&call, &workers));
    }
}
