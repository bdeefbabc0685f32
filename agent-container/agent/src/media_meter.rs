//! What the media threads count, as metrics: frames of all calls, and how late the 20 ms ticks run.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rtc::{CallCounts, CallStats, Media};
use telemetry::metric;
use tokio::time::interval;

/// How often the counters are read.
const EVERY: Duration = Duration::from_secs(5);
/// A tick later than every bound of the media threads is counted as this late, milliseconds.
const VERY_LATE_MS: f64 = 1000.0;

/// The calls whose counters are read; a cheap handle.
#[derive(Debug, Clone, Default)]
pub struct MediaMeter(Arc<Mutex<Vec<Metered>>>);

#[derive(Debug)]
struct Metered {
    stats: Arc<CallStats>,
    told: CallCounts,
}

impl MediaMeter {
    /// Reads these counters too, until their call is over.
    pub fn add(&self, stats: Arc<CallStats>) {
        let metered = Metered { stats, told: CallCounts::default() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(metered);
    }

    /// Reads all counters once; what was counted since the last time.
    fn read(&self) -> CallCounts {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sum = CallCounts::default();
        // A call that only we still know of is over; what it counted last is read all the same.
        calls.retain_mut(|call| {
            let lives = Arc::strong_count(&call.stats) > 1;
            let now = call.stats.counts();
            add(&mut sum, &now.since(&call.told));
            call.told = now;
            lives
        });
        sum
    }

    /// Reads the counters again and again; ends with its task.
    pub async fn run(self, media: Media) {
        let mut told: Vec<Vec<u64>> = Vec::new();
        let mut ticks = interval(EVERY);
        loop {
            ticks.tick().await;
            count(&self.read());
            told.resize(media.lateness().count(), Vec::new());
            for (lateness, told) in media.lateness().zip(&mut told) {
                let buckets: Vec<(u64, u64)> = lateness.buckets().collect();
                told.resize(buckets.len(), 0);
                for ((bound_us, count), told) in buckets.into_iter().zip(told) {
                    late(bound_us, count - std::mem::replace(told, count));
                }
            }
        }
    }
}

fn late(bound_us: u64, count: u64) {
    #[expect(clippy::cast_precision_loss, reason = "bounds of less than a second")]
    let late_ms = if bound_us == u64::MAX { VERY_LATE_MS } else { bound_us as f64 / 1000.0 };
    if count > 0 {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        metrics::histogram!(metric::TICK_LATE_MS).record_many(late_ms, count);
    }
}

fn count(counts: &CallCounts) {
    let kinds = [
        ("received", counts.frames_in),
        ("lost", counts.frames_lost),
        ("concealed", counts.frames_concealed),
        ("dropped", counts.frames_dropped),
        ("sent", counts.frames_out),
        ("skipped", counts.ticks_skipped),
    ];
    for (kind, frames) in kinds {
        metrics::counter!(metric::FRAMES_TOTAL, "kind" => kind).increment(frames);
    }
    metrics::counter!(metric::DATA_DROPPED_TOTAL).increment(counts.data_dropped);
    metrics::counter!(metric::REJOINS_TOTAL).increment(counts.rejoins);
}

fn add(sum: &mut CallCounts, more: &CallCounts) {
    sum.frames_in += more.frames_in;
    sum.frames_lost += more.frames_lost;
    sum.frames_concealed += more.frames_concealed;
    sum.frames_dropped += more.frames_dropped;
    sum.frames_out += more.frames_out;
    sum.ticks_skipped += more.ticks_skipped;
    sum.data_dropped += more.data_dropped;
    sum.rejoins += more.rejoins;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_is_over_is_read_once_more_and_forgotten() {
        let meter = MediaMeter::default();
        let stats = Arc::new(CallStats::default());
        meter.add(Arc::clone(&stats));
        assert_eq!(meter.read(), CallCounts::default());
        assert_eq!(meter.0.lock().unwrap().len(), 1);
        drop(stats);
        meter.read();
        assert!(meter.0.lock().unwrap().is_empty());
    }
}
