//! The media threads.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use audio::AudioError;
use line::Station;
use mio::Waker;
use tokio::sync::mpsc;

use crate::call::{Action, Call, News};
use crate::mouth::Mouth;
use crate::options::{Codec, MediaOptions};
use crate::shard::{COMMAND_BOUND, CallId, Command, Shard};
use crate::stats::{CallStats, Lateness};

/// More threads than this bring nothing: one core carries over a hundred calls.
const MAX_DEFAULT_THREADS: usize = 2;
/// Calls of one thread before the next is woken for them: a thread's wake-ups cost more than what it does for one call.
const FILL: usize = 24;
/// News of one call that may wait for its task; the thread keeps what does not fit, see [`Call`].
const NEWS_BOUND: usize = 256;

/// A pool of media threads; a cheap handle. A thread ends when all handles are gone and its calls over.
#[derive(Debug, Clone)]
pub struct Media {
    threads: Arc<[MediaThread]>,
    next_call: Arc<AtomicUsize>,
    pub(crate) address: Option<IpAddr>,
}

struct MediaThread {
    commands: mpsc::Sender<Command>,
    waker: Arc<Waker>,
    calls: Arc<AtomicUsize>,
    lateness: Arc<Lateness>,
}

impl Media {
    /// Starts the threads.
    ///
    /// # Errors
    /// The operating system refuses a thread or a poll set.
    pub fn start(options: MediaOptions) -> io::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let count = options.threads.unwrap_or(cores.min(MAX_DEFAULT_THREADS)).max(1);
        let threads = (0..count).map(MediaThread::start).collect::<io::Result<_>>()?;
        Ok(Self { threads, next_call: Arc::default(), address: options.address })
    }

    /// Calls on all threads now.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.threads.iter().map(|thread| thread.calls.load(Relaxed)).sum()
    }

    /// How late the ticks of each thread ran.
    pub fn lateness(&self) -> impl Iterator<Item = &Lateness> {
        self.threads.iter().map(|thread| thread.lateness.as_ref())
    }

    /// A new call on one of the threads.
    pub(crate) async fn open(
        &self,
        mut station: Box<dyn Station>,
        codec: Codec,
        stats: Arc<CallStats>,
    ) -> Result<MediaCall, AudioError> {
        let mouth = Mouth::new(codec)?;
        let id = self.next_call.fetch_add(1, Relaxed);
        // A pool has at least one thread.
        let calls = self.threads.iter().map(|thread| thread.calls.load(Relaxed));
        let thread = &self.threads[place(calls)];
        let (news, inbox) = mpsc::channel(NEWS_BOUND);
        thread.calls.fetch_add(1, Relaxed);
        let waker = Arc::clone(&thread.waker);
        station.take_bell(Arc::new(move || wake(&waker)));
        let call = MediaCall {
            id,
            commands: thread.commands.clone(),
            waker: thread.waker.clone(),
            calls: thread.calls.clone(),
            news: inbox,
        };
        call.command(Command::Open(id, Box::new(Call::new(station, mouth, stats, news)))).await;
        Ok(call)
    }
}

/// The thread for the next call: the first that is not filled, or the one with the fewest of `calls`.
fn place(calls: impl Iterator<Item = usize>) -> usize {
    calls
        .enumerate()
        .min_by_key(|&(_, calls)| if calls < FILL { 0 } else { calls })
        .map_or(0, |(index, _)| index)
}

impl MediaThread {
    fn start(index: usize) -> io::Result<Self> {
        let (commands, inbox) = mpsc::channel(COMMAND_BOUND);
        let lateness = Arc::new(Lateness::default());
        let (shard, waker) = Shard::new(inbox, lateness.clone())?;
        thread::Builder::new().name(format!("media-{index}")).spawn(move || shard.run())?;
        Ok(Self { commands, waker: Arc::new(waker), calls: Arc::default(), lateness })
    }
}

impl fmt::Debug for MediaThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaThread").field("calls", &self.calls).finish_non_exhaustive()
    }
}

/// A call's handle on its media thread. The thread drops a call whose handle is gone.
pub(crate) struct MediaCall {
    id: CallId,
    commands: mpsc::Sender<Command>,
    waker: Arc<Waker>,
    calls: Arc<AtomicUsize>,
    /// What happens, with the number of the session it happened in.
    pub(crate) news: mpsc::Receiver<(u32, News)>,
}

impl MediaCall {
    pub(crate) async fn act(&self, action: Action) {
        self.command(Command::Act(self.id, action)).await;
    }

    pub(crate) async fn close(self) {
        self.command(Command::Close(self.id)).await;
    }

    async fn command(&self, command: Command) {
        // A thread that is gone has panicked outside any call; the join runs into its deadline then.
        let _ = self.commands.send(command).await;
        wake(&self.waker);
    }
}

fn wake(waker: &Waker) {
    if let Err(error) = waker.wake() {
        tracing::debug!(%error, "the media thread will look by itself");
    }
}

impl Drop for MediaCall {
    fn drop(&mut self) {
        self.calls.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn one_thread_is_filled_before_the_next_and_then_all_alike() {
        for (calls, expected) in [
            (vec![0, 0], 0),
            (vec![23, 0], 0),
            (vec![24, 0], 1),
            (vec![24, 23], 1),
            (vec![10, 24], 0),
            (vec![31, 30], 1),
        ] {
            assert_eq!(place(calls.iter().copied()), expected, "{calls:?}");
        }
    }
}
