//! What is counted: per call, and per media thread.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counters of one call; written by its media thread, read by anybody.
#[derive(Debug, Default)]
pub struct CallStats {
    pub(crate) frames_in: AtomicU64,
    pub(crate) frames_lost: AtomicU64,
    pub(crate) frames_concealed: AtomicU64,
    pub(crate) frames_dropped: AtomicU64,
    pub(crate) frames_out: AtomicU64,
    pub(crate) ticks_skipped: AtomicU64,
    pub(crate) data_dropped: AtomicU64,
    pub(crate) rejoins: AtomicU64,
}

/// [`CallStats`] at one moment. A frame is 20 ms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallCounts {
    /// Frames of the caller that arrived and were decoded.
    pub frames_in: u64,
    /// Frames of the caller that never arrived (gaps in the sequence numbers).
    pub frames_lost: u64,
    /// Frames handed to the station that were made here: lost, late, or before the caller's first packet.
    pub frames_concealed: u64,
    /// Frames that arrived, but too late or too many at once.
    pub frames_dropped: u64,
    /// Frames sent, silence included.
    pub frames_out: u64,
    /// Frames not sent because the media thread was held up for longer than the far end buffers.
    pub ticks_skipped: u64,
    /// Data messages dropped because nobody took them.
    pub data_dropped: u64,
    /// Connections made again.
    pub rejoins: u64,
}

impl CallCounts {
    /// What came after `earlier`, an earlier moment of the same call.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            frames_in: self.frames_in - earlier.frames_in,
            frames_lost: self.frames_lost - earlier.frames_lost,
            frames_concealed: self.frames_concealed - earlier.frames_concealed,
            frames_dropped: self.frames_dropped - earlier.frames_dropped,
            frames_out: self.frames_out - earlier.frames_out,
            ticks_skipped: self.ticks_skipped - earlier.ticks_skipped,
            data_dropped: self.data_dropped - earlier.data_dropped,
            rejoins: self.rejoins - earlier.rejoins,
        }
    }
}

impl CallStats {
    /// The counters now.
    #[must_use]
    pub fn counts(&self) -> CallCounts {
        CallCounts {
            frames_in: self.frames_in.load(Relaxed),
            frames_lost: self.frames_lost.load(Relaxed),
            frames_concealed: self.frames_concealed.load(Relaxed),
            frames_dropped: self.frames_dropped.load(Relaxed),
            frames_out: self.frames_out.load(Relaxed),
            ticks_skipped: self.ticks_skipped.load(Relaxed),
            data_dropped: self.data_dropped.load(Relaxed),
            rejoins: self.rejoins.load(Relaxed),
        }
    }
}

/// Upper bounds of the lateness buckets in µs; one more bucket takes everything above.
const BOUNDS_US: [u64; 14] =
    [100, 200, 500, 1_000, 2_000, 3_000, 5_000, 7_500, 10_000, 15_000, 20_000, 40_000, 80_000, 160_000];

/// How late the 20 ms ticks ran; written by a media thread, read by anybody.
#[derive(Debug, Default)]
pub struct Lateness {
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
}

impl Lateness {
    pub(crate) fn note(&self, late_us: u64) {
        let at = BOUNDS_US.partition_point(|&bound| bound < late_us);
        self.buckets[at].fetch_add(1, Relaxed);
    }

    /// Ticks seen.
    #[must_use]
    pub fn ticks(&self) -> u64 {
        self.buckets.iter().map(|b| b.load(Relaxed)).sum()
    }

    /// Ticks at most this late in µs, for each bucket; the last bound is `u64::MAX`.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let bounds = BOUNDS_US.into_iter().chain([u64::MAX]);
        bounds.zip(self.buckets.iter().map(|b| b.load(Relaxed)))
    }

    /// Upper bound in µs of the bucket that holds quantile `q` (0 to 1); `None` before the first tick.
    #[must_use]
    pub fn quantile_us(&self, q: f64) -> Option<u64> {
        let total = self.ticks();
        if total == 0 {
            return None;
        }
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let rank = (total as f64 * q).ceil() as u64;
        let mut seen = 0;
        self.buckets()
            .find(|&(_, count)| {
                seen += count;
                seen >= rank
            })
            .map(|(bound, _)| bound)
    }
}

#[cfg(test)]
mod tests {
    use super::Lateness;

    #[test]
    fn a_quantile_is_the_bound_of_its_bucket() {
        let lateness = Lateness::default();
        assert_eq!(lateness.quantile_us(0.5), None);
        for late_us in [50, 60, 150, 900_000] {
            lateness.note(late_us);
        }
        assert_eq!(lateness.ticks(), 4);
        assert_eq!(lateness.quantile_us(0.5), Some(100));
        assert_eq!(lateness.quantile_us(0.75), Some(200));
        assert_eq!(lateness.quantile_us(0.99), Some(u64::MAX));
    }
}
