//! Joins N rooms and prints what it costs: `cargo run --profile quick -p rtc --example load -- [ROOMS] [SECONDS]`.
//!
//! Starts the servers and a second process with the callers (Opus, as livekit-sip publishes it); this
//! process is the agents' side: PCMU out, Opus in. Everything shares the machine's cores.

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use line::{Frame, LineCommand, LineEvent, Source, Station};
use livekit_api::access_token::{AccessToken, VideoGrants};
use rtc::{CallCounts, CallStats, Caller, Codec, Media, MediaOptions, Room, RoomOptions};
use servers::{Servers, ServersOptions};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};

/// Time between two joins: a machine of two cores sets up some thirty connections a second.
const BETWEEN_JOINS: Duration = Duration::from_millis(30);
/// Time for all media to flow before the measurement.
const SETTLE: Duration = Duration::from_secs(5);

/// Says a saw-tooth all the time: something to encode.
struct Noise;

impl Station for Noise {
    fn hear(&mut self, _frame: &Frame, _source: Source) {}

    fn speak(&mut self, frame: &mut Frame) -> bool {
        for (at, sample) in frame.iter_mut().enumerate() {
            *sample = i16::try_from(at % 64).unwrap_or(0) * 200 - 6400;
        }
        true
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let number = |at: usize, default: u64| args.get(at).and_then(|arg| arg.parse().ok()).unwrap_or(default);
    if args.get(1).is_some_and(|arg| arg == "callers") {
        let [_, _, url, key, secret, rooms] = args.as_slice() else {
            anyhow::bail!("callers URL KEY SECRET ROOMS")
        };
        let _rooms = join_all(url, key, secret, "caller", rooms.parse()?).await?;
        sleep(Duration::from_secs(24 * 3600)).await;
        return Ok(());
    }
    measure(number(1, 50), number(2, 20)).await
}

async fn measure(rooms: u64, seconds: u64) -> Result<()> {
    let servers =
        Servers::start(ServersOptions::new(servers::workspace_root().join("target/tmp/rtc/load"))).await?;
    let (url, key, secret) =
        (servers.livekit_url(), servers.api_key().to_owned(), servers.api_secret().to_owned());
    let callers = Command::new(std::env::current_exe()?)
        .args(["callers", &url, &key, &secret, &rooms.to_string()])
        .spawn()?;
    let mut callers = Guard(callers);
    let (media, mut lines) = join_all(&url, &key, &secret, "agent", rooms).await?;
    sleep(SETTLE).await;
    let mut published: Vec<Duration> =
        lines.iter_mut().filter_map(|line| line.published.try_recv().ok()).collect();
    published.sort();
    let (cpu_before, before, late_before) = (cpu_seconds()?, total(&lines), lateness(&media));
    sleep(Duration::from_secs(seconds)).await;
    let (cpu, after) = (cpu_seconds()? - cpu_before, total(&lines));
    let call_seconds = (rooms * seconds) as f64;
    let late: Vec<(u64, u64)> =
        lateness(&media).iter().zip(&late_before).map(|(a, b)| (a.0, a.1 - b.1)).collect();
    anyhow::ensure!(callers.0.try_wait()?.is_none(), "the callers ended early");
    println!("join to published: median {:?} of {}", published.get(published.len() / 2), published.len());
    println!("rooms {rooms}, {seconds} s, {} media threads", media.lateness().count());
    println!(
        "frames in {}, out {} (of {:.0} each)",
        after.frames_in - before.frames_in,
        after.frames_out - before.frames_out,
        call_seconds * 50.0
    );
    println!(
        "lost {}, concealed {}, ticks skipped {}",
        after.frames_lost - before.frames_lost,
        after.frames_concealed - before.frames_concealed,
        after.ticks_skipped - before.ticks_skipped
    );
    println!(
        "CPU {:.1} % of a core, {:.2} ms per call-second",
        cpu / seconds as f64 * 100.0,
        cpu * 1000.0 / call_seconds
    );
    println!("tick lateness p50 <= {:.1} ms, p99 <= {:.1} ms", quantile(&late, 0.5), quantile(&late, 0.99));
    Ok(())
}

/// A call that goes on until this is dropped.
struct Call {
    stats: Arc<CallStats>,
    /// Time from the wish to join to the published track.
    published: oneshot::Receiver<Duration>,
    _commands: mpsc::Sender<LineCommand>,
}

impl Call {
    fn of(room: Room) -> Self {
        let (begin, mut events) = (Instant::now(), room.line.events);
        let (told, published) = oneshot::channel();
        tokio::spawn(async move {
            let mut told = Some(told);
            while let Some(event) = events.recv().await {
                match event {
                    LineEvent::Published => drop(told.take().map(|told| told.send(begin.elapsed()))),
                    LineEvent::Lost | LineEvent::Restored => println!("{event:?}"),
                    _ => {}
                }
            }
        });
        Self { stats: room.stats, published, _commands: room.line.commands }
    }
}

async fn join_all(
    url: &str,
    key: &str,
    secret: &str,
    identity: &str,
    rooms: u64,
) -> Result<(Media, Vec<Call>)> {
    let media = Media::start(MediaOptions::default())?;
    let mut joined = Vec::new();
    for room in 0..rooms {
        let grants = VideoGrants { room_join: true, room: format!("load-{room}"), ..VideoGrants::default() };
        let token =
            AccessToken::with_api_key(key, secret).with_identity(identity).with_grants(grants).to_jwt()?;
        let codec = if identity == "agent" { Codec::Pcmu } else { Codec::Opus };
        let options = RoomOptions { codec, caller: Caller::Anyone, ..RoomOptions::new(url, token) };
        joined.push(Call::of(Room::join(&media, options, Box::new(Noise))));
        sleep(BETWEEN_JOINS).await;
    }
    Ok((media, joined))
}

fn total(rooms: &[Call]) -> CallCounts {
    rooms.iter().map(|room| room.stats.counts()).fold(CallCounts::default(), |sum, one| CallCounts {
        frames_in: sum.frames_in + one.frames_in,
        frames_lost: sum.frames_lost + one.frames_lost,
        frames_concealed: sum.frames_concealed + one.frames_concealed,
        frames_out: sum.frames_out + one.frames_out,
        ticks_skipped: sum.ticks_skipped + one.ticks_skipped,
        ..sum
    })
}

/// Bucket bounds in µs and counts of all threads together.
fn lateness(media: &Media) -> Vec<(u64, u64)> {
    let mut sum: Vec<(u64, u64)> = Vec::new();
    for thread in media.lateness() {
        for (at, (bound, count)) in thread.buckets().enumerate() {
            match sum.get_mut(at) {
                Some(bucket) => bucket.1 += count,
                None => sum.push((bound, count)),
            }
        }
    }
    sum
}

/// In ms.
fn quantile(buckets: &[(u64, u64)], q: f64) -> f64 {
    let total: u64 = buckets.iter().map(|bucket| bucket.1).sum();
    let mut seen = 0;
    let bound = buckets.iter().find(|bucket| {
        seen += bucket.1;
        seen as f64 >= total as f64 * q
    });
    bound.map_or(0.0, |bucket| bucket.0 as f64 / 1000.0)
}

/// CPU time of this process so far: fields 14 and 15 of /proc/self/stat in ticks of 10 ms (proc(5)).
fn cpu_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit(')').next().context("no name in /proc/self/stat")?;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    Ok((ticks(11) + ticks(12)) / 100.0)
}

/// Ends the callers with us.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
