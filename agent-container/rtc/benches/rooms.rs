//! Agents in rooms of a real livekit-server, and what they cost: `cargo xtask bench rooms [--json] [--rooms N,N…]
//! [--seconds S]`, 1, 10 and 50 rooms of 15 s each when nothing is said.
//!
//! Starts the servers and a second process with the callers (Opus, as livekit-sip publishes it); this process is the
//! agents' side: PCMU out, Opus in. Everything shares the machine's cores; the figures are this process's.

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

/// What one number of rooms came to.
#[derive(Debug)]
struct Row {
    rooms: u64,
    seconds: u64,
    threads: usize,
    joined_ms: f64,
    cpu_percent: f64,
    cpu_ms_per_call_second: f64,
    frames: CallCounts,
    /// Nothing: beyond the histogram's last bound.
    late_p50_ms: Option<f64>,
    late_p99_ms: Option<f64>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if let [verb, url, key, secret, rooms] = args.as_slice()
        && verb == "callers"
    {
        let _rooms = join_all(url, key, secret, "caller", rooms.parse()?).await?;
        return std::future::pending().await;
    }
    let (mut json, mut rooms, mut seconds) = (false, vec![1, 10, 50], 15);
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let mut value = || rest.next().with_context(|| format!("{arg} wants a value"));
        match arg.as_str() {
            "--json" => json = true,
            "--rooms" => rooms = value()?.split(',').map(str::parse).collect::<Result<_, _>>()?,
            "--seconds" => seconds = value()?.parse()?,
            other => anyhow::bail!("unknown option {other}: --json, --rooms N,N…, --seconds S"),
        }
    }
    anyhow::ensure!(seconds > 0 && !rooms.contains(&0), "--rooms and --seconds want numbers above 0");
    println!(
        "rooms  joined ms  CPU %  CPU ms/call-s  frames in/out   lost  concealed  skipped  late p50/p99 ms"
    );
    let mut rows = Vec::new();
    for rooms in rooms {
        let row = measure(rooms, seconds).await?;
        println!("{row}");
        rows.push(row.json());
    }
    if json {
        println!("{}", serde_json::json!({ "bench": "rooms", "rows": rows }));
    }
    Ok(())
}

async fn measure(rooms: u64, seconds: u64) -> Result<Row> {
    let folder = servers::workspace_root().join(format!("target/tmp/rtc/rooms-{}", std::process::id()));
    let servers = Servers::start(ServersOptions::new(folder)).await?;
    let (url, key, secret) = (servers.livekit_url(), servers.api_key(), servers.api_secret());
    let callers = Command::new(std::env::current_exe()?)
        .args(["callers", &url, key, secret, &rooms.to_string()])
        .spawn()?;
    let mut callers = Guard(callers);
    let (media, mut lines) = join_all(&url, key, secret, "agent", rooms).await?;
    sleep(SETTLE).await;
    let mut published: Vec<Duration> =
        lines.iter_mut().filter_map(|line| line.published.try_recv().ok()).collect();
    published.sort();
    anyhow::ensure!(published.len() as u64 == rooms, "{} of {rooms} rooms were joined", published.len());
    let (cpu_before, before, late_before) = (cpu_seconds()?, total(&lines), lateness(&media));
    sleep(Duration::from_secs(seconds)).await;
    let (cpu, after) = (cpu_seconds()? - cpu_before, total(&lines));
    let late: Vec<(u64, u64)> =
        lateness(&media).iter().zip(&late_before).map(|(a, b)| (a.0, a.1 - b.1)).collect();
    anyhow::ensure!(callers.0.try_wait()?.is_none(), "the callers ended early");
    Ok(Row {
        rooms,
        seconds,
        threads: media.lateness().count(),
        joined_ms: published[published.len() / 2].as_secs_f64() * 1000.0,
        cpu_percent: cpu / seconds as f64 * 100.0,
        cpu_ms_per_call_second: cpu * 1000.0 / (rooms * seconds) as f64,
        frames: after.since(&before),
        late_p50_ms: quantile(&late, 0.5),
        late_p99_ms: quantile(&late, 0.99),
    })
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let late = |ms: Option<f64>| ms.map_or("more".to_owned(), |ms| format!("{ms:.1}"));
        let (n, frames) = (self.rooms * self.seconds * 50, &self.frames);
        write!(
            f,
            "{:>5}  {:>9.0}  {:>5.1}  {:>13.2}  {:>6}/{:>6}  {:>5}  {:>9}  {:>7}  {}/{} (of {n} frames each, {} media threads)",
            self.rooms,
            self.joined_ms,
            self.cpu_percent,
            self.cpu_ms_per_call_second,
            frames.frames_in,
            frames.frames_out,
            frames.frames_lost,
            frames.frames_concealed,
            frames.ticks_skipped,
            late(self.late_p50_ms),
            late(self.late_p99_ms),
            self.threads,
        )
    }
}

impl Row {
    fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "rooms": self.rooms,
            "seconds": self.seconds,
            "media_threads": self.threads,
            "join_to_published_p50_ms": self.joined_ms,
            "cpu_percent": self.cpu_percent,
            "cpu_ms_per_call_second": self.cpu_ms_per_call_second,
            "frames_in": self.frames.frames_in,
            "frames_out": self.frames.frames_out,
            "frames_lost": self.frames.frames_lost,
            "frames_concealed": self.frames.frames_concealed,
            "ticks_skipped": self.frames.ticks_skipped,
            "tick_late_p50_ms": self.late_p50_ms,
            "tick_late_p99_ms": self.late_p99_ms,
        })
    }
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

/// In ms; nothing beyond the last bound.
fn quantile(buckets: &[(u64, u64)], q: f64) -> Option<f64> {
    let total: u64 = buckets.iter().map(|bucket| bucket.1).sum();
    let mut seen = 0;
    let bound = buckets.iter().find(|bucket| {
        seen += bucket.1;
        seen as f64 >= total as f64 * q
    });
    bound.filter(|(bound, _)| *bound != u64::MAX).map(|(bound, _)| *bound as f64 / 1000.0)
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
