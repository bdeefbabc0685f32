//! The media threads.

use std::io;
use std::sync::Arc;

use crate::options::MediaOptions;
use crate::stats::Lateness;

/// A pool of media threads; a cheap handle, the threads end with the last one.
#[derive(Debug, Clone)]
pub struct Media {
    lateness: Arc<Vec<Arc<Lateness>>>,
}

impl Media {
    /// Starts the threads.
    ///
    /// # Errors
    /// The operating system refuses a thread or a poll set.
    pub fn start(options: MediaOptions) -> io::Result<Self> {
        let _ = options;
        Ok(Self { lateness: Arc::default() })
    }

    /// How late the ticks of each thread ran.
    pub fn lateness(&self) -> impl Iterator<Item = &Lateness> {
        self.lateness.iter().map(AsRef::as_ref)
    }
}
