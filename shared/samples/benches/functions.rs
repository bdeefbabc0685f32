//! Start, memory, speed and size of every function, beside an equal Python function.
//!
//!     cargo xtask bench functions [quick]
//!
//! An emulated Runtime API measures from the start of the process to its first poll, and from handing an event
//! out to taking the answer. On Lambda the platform's own time is added to both sides.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program that prints, and stops where it cannot go on"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use domain::{Heartbeat, WorkerId, Write};
use samples::{Behaviour, LiveKitServer, RuntimeApi, Sent, values};
use serde_json::Value;
use store::{client, table};

/// Starts of each function.
const STARTS: usize = 7;
/// Warm calls of each start.
const CALLS: usize = 40;
/// Functions, each with how its events are made.
const FUNCTIONS: [&str; 8] =
    ["incoming-call", "call-status", "dial-result", "livekit-webhook", "health", "token", "rooms", "sweeper"];

/// What was measured of one function.
#[derive(Default)]
struct Measured {
    init_ms: Vec<f64>,
    rss_mib: Vec<f64>,
    first_ms: Vec<f64>,
    warm_ms: Vec<f64>,
    cpu_ms: Vec<f64>,
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let environment = runtime.block_on(deployment());
    let profile = if std::env::args().any(|argument| argument == "quick") { "quick" } else { "release" };
    build(profile);
    println!(
        "{:<18} {:>8} {:>8} {:>9} {:>8} {:>8} {:>8} {:>8}",
        "p50", "init ms", "RSS MiB", "first ms", "warm ms", "p99 ms", "cpu ms", "zip MB"
    );
    for function in FUNCTIONS {
        let binary = target().join(profile).join(function);
        let measured = measure(function, &mut || Command::new(&binary), &environment);
        print(function, &measured, Some(zip_mb(&binary)));
    }
    match python() {
        Some(python) => {
            let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches");
            let mut command = || {
                let mut command = Command::new(&python);
                command.args(["-m", "awslambdaric", "handler.handler"]).current_dir(&dir);
                command
            };
            print("python + boto3", &measure("incoming-call", &mut command, &environment), None);
        }
        None => println!("python: awslambdaric and boto3 could not be installed"),
    }
}

/// A table in memory and a LiveKit server, on threads of their own; the environment to use them.
async fn deployment() -> BTreeMap<String, String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory().unwrap()));
    let database = client::local(&url);
    table::create_table(&database, "ringdown").await.unwrap();
    let livekit = LiveKitServer::start(Behaviour::Works).await;
    let world = samples::World::at(database, livekit).await;
    world
        .number(|number| {
            number.limits.per_caller_per_minute = 1000;
            number.limits.per_minute = 100_000;
        })
        .await;
    let beat = Heartbeat {
        worker: WorkerId::new("bench").unwrap(),
        version: "bench".to_owned(),
        capacity: 100_000,
        active: 0,
        seat: None,
        at: lambda::now().plus_secs(3600),
    };
    world.apply(vec![Write::PutHeartbeat(beat)]).await;
    let world = world.set("MAX_CALLS", "100000");
    let mut environment: BTreeMap<String, String> = world.environment().into_iter().collect();
    for (name, value) in [
        ("AWS_ENDPOINT_URL_DYNAMODB", url.as_str()),
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "fakefake"),
        ("AWS_SECRET_ACCESS_KEY", "fake"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
        ("AWS_LAMBDA_LOG_LEVEL", "error"),
    ] {
        environment.insert(name.to_owned(), value.to_owned());
    }
    environment
}

fn build(profile: &str) {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--profile", profile, "--quiet"]);
    for function in FUNCTIONS {
        cargo.args(["-p", function]);
    }
    println!("building the functions with the profile {profile}; release is what is deployed");
    assert!(cargo.status().unwrap().success(), "the functions do not build");
}

/// An environment with the Python runtime client, made once.
fn python() -> Option<PathBuf> {
    let venv = target().join("bench-venv");
    let python = venv.join("bin/python");
    if !venv.join("ready").exists() {
        println!("installing awslambdaric and boto3");
        let made = Command::new("python3").args(["-m", "venv"]).arg(&venv).status().ok()?.success();
        let pip =
            || Command::new(&python).args(["-m", "pip", "install", "-q", "awslambdaric", "boto3"]).status();
        if !(made && pip().ok()?.success()) {
            return None;
        }
        fs::write(venv.join("ready"), "").ok()?;
    }
    Some(python)
}

fn measure(
    function: &str,
    command: &mut dyn FnMut() -> Command,
    environment: &BTreeMap<String, String>,
) -> Measured {
    let mut measured = Measured::default();
    for start in 0..STARTS {
        let mut api = RuntimeApi::start();
        let mut command = command();
        command.envs(environment).env("AWS_LAMBDA_RUNTIME_API", api.address());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let began = Instant::now();
        let mut child = command.spawn().unwrap();
        api.wait_for_poll();
        measured.init_ms.push(ms(began.elapsed()));
        measured.rss_mib.push(rss_mib(&child));
        let cpu_before = cpu_ms(&child);
        for call in 0..=CALLS {
            let (took, _) = api.invoke(&event(function, start * 1000 + call));
            let took = ms(took);
            if call == 0 { measured.first_ms.push(took) } else { measured.warm_ms.push(took) }
        }
        measured.cpu_ms.push((cpu_ms(&child) - cpu_before) / (CALLS + 1) as f64);
        end(&mut child);
    }
    measured
}

/// An event of its own for each call, so that every call is a new one.
fn event(function: &str, n: usize) -> Value {
    if function == "incoming-call" {
        let call = format!("CA{:08x}{n:024x}", std::process::id());
        let pairs = [
            ("AccountSid", values::TWILIO_ACCOUNT),
            ("CallSid", call.as_str()),
            ("CallStatus", "ringing"),
            ("From", values::CALLER),
            ("To", values::NUMBER),
        ];
        return Sent::twilio("/incoming-call", &pairs).event();
    }
    samples::all().into_iter().find(|case| case.function == function).unwrap().event
}

fn end(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

fn rss_mib(child: &Child) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

/// Time on a processor so far, all threads, milliseconds.
fn cpu_ms(child: &Child) -> f64 {
    let tasks = fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
    let of = |task: fs::DirEntry| {
        let text = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        text.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(0.0) / 1e6
    };
    tasks.filter_map(Result::ok).map(of).sum()
}

fn zip_mb(binary: &Path) -> f64 {
    let archive = target().join("bench.zip");
    let _ = fs::remove_file(&archive);
    let script = "import sys, zipfile\n\
                  z = zipfile.ZipFile(sys.argv[2], 'w', zipfile.ZIP_DEFLATED, compresslevel=9)\n\
                  z.write(sys.argv[1], 'bootstrap')\nz.close()";
    let zipped = Command::new("python3").args(["-c", script]).arg(binary).arg(&archive).status();
    assert!(zipped.is_ok_and(|status| status.success()), "python3 makes the zip");
    fs::metadata(&archive).map(|file| file.len() as f64 / 1e6).unwrap_or(0.0)
}

fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => PathBuf::from(dir),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"),
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * part).round() as usize]
}

fn print(name: &str, measured: &Measured, zip_mb: Option<f64>) {
    let p50 = |values: &[f64]| quantile(values, 0.5);
    println!(
        "{name:<18} {:>8.1} {:>8.1} {:>9.2} {:>8.2} {:>8.2} {:>8.2} {:>8}",
        p50(&measured.init_ms),
        p50(&measured.rss_mib),
        p50(&measured.first_ms),
        p50(&measured.warm_ms),
        quantile(&measured.warm_ms, 0.99),
        p50(&measured.cpu_ms),
        zip_mb.map_or_else(|| "-".to_owned(), |mb| format!("{mb:.2}")),
    );
}
