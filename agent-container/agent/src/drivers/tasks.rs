//! The tasks of one call: all end with it, and a panic in one is noticed.

use std::panic::resume_unwind;

use tokio::task::{AbortHandle, JoinSet};

/// The tasks of one call. Dropping it ends them all.
#[derive(Debug, Default)]
pub struct Tasks(JoinSet<()>);

impl Tasks {
    /// Starts one.
    pub fn spawn(&mut self, work: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        self.0.spawn(work)
    }

    /// Waits until a task ends, again and again; never returns. Cancel safe.
    ///
    /// # Panics
    /// With the task's own panic: a call whose driver is broken is over.
    pub async fn watch(&mut self) {
        loop {
            match self.0.join_next().await {
                Some(Ok(())) => {}
                Some(Err(error)) if error.is_panic() => resume_unwind(error.into_panic()),
                Some(Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }
}
