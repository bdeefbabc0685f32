//! The two emulators the suite runs against.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use store::{Store, client, table};
use tokio::sync::oneshot;

/// dynoxide, in this process: a database of its own for each store.
pub(crate) async fn dynoxide() -> (Store, String) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let database = dynoxide::Database::memory().unwrap();
    tokio::spawn(dynoxide::server::serve_on(listener, database));
    (fresh_table(&url).await, url)
}

/// Deadline of everything here: these tests are about outcomes, on however busy a machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A store on a table of its own at `url`.
pub(crate) async fn fresh_table(url: &str) -> Store {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("ringdown-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let client = patient(&client::local(url));
    table::create_table(&client, &name).await.unwrap();
    Store::new(client, name).with_deadline(PATIENCE)
}

/// The client with deadlines that no busy machine reaches.
fn patient(client: &Client) -> Client {
    let deadlines = TimeoutConfig::builder()
        .connect_timeout(PATIENCE)
        .operation_attempt_timeout(PATIENCE)
        .operation_timeout(PATIENCE)
        .build();
    Client::from_conf(client.config().to_builder().timeout_config(deadlines).build())
}

/// AWS's DynamoDB Local, a Java process that ends with this value.
pub(crate) struct DynamoDbLocal {
    server: Child,
    /// Where it answers.
    pub(crate) url: String,
}

impl DynamoDbLocal {
    /// Fetches and starts it; nothing, and a word on the console, where there is no Java or Maven.
    pub(crate) async fn start() -> Option<Self> {
        for tool in ["java", "mvn"] {
            if !runs(tool) {
                println!("SKIPPED: DynamoDB Local needs {tool}, which is not installed here");
                return None;
            }
        }
        let lib = fetch();
        let port = free_port();
        let mut server = Command::new("java")
            .arg(format!("-Djava.library.path={}", lib.display()))
            .args(["-Xmx512m", "-cp", &format!("{}/*", lib.display())])
            .args(["com.amazonaws.services.dynamodbv2.local.main.ServerRunner", "-inMemory"])
            .args(["-disableTelemetry", "-port", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = server.stderr.take().unwrap();
        let local = Self { server, url: format!("http://127.0.0.1:{port}") };
        let listens = tokio::time::timeout(PATIENCE, listening(log)).await;
        listens.expect("DynamoDB Local listens in time").expect("DynamoDB Local listens before it ends");
        Some(local)
    }
}

/// What the emulator's web server logs when it listens.
const LISTENING: &str = "Started ServerConnector";

/// Resolves when the emulator says that it listens; with an error when it ends before. Reads its log to the end, so
/// that it never waits for a reader.
fn listening(log: ChildStderr) -> oneshot::Receiver<()> {
    let (sender, receiver) = oneshot::channel();
    thread::spawn(move || {
        let mut sender = Some(sender);
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            if line.contains(LISTENING)
                && let Some(sender) = sender.take()
            {
                // Whoever asked has given up.
                let _ = sender.send(());
            }
        }
    });
    receiver
}

impl Drop for DynamoDbLocal {
    fn drop(&mut self) {
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

fn runs(tool: &str) -> bool {
    let quiet = Command::new(tool).arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    quiet.is_ok_and(|status| status.success())
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Lets Maven put the emulator under the target directory, once.
fn fetch() -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("dynamodb-local");
    let (lib, done) = (place.join("lib"), place.join("complete"));
    let wanted = include_str!("../dynamodb-local/pom.xml");
    if std::fs::read_to_string(&done).ok().as_deref() != Some(wanted) {
        println!("fetching DynamoDB Local from Maven into {}", lib.display());
        let output = Command::new("mvn")
            .args(["-q", "-B", "dependency:copy-dependencies"])
            .arg(format!("-DoutputDirectory={}", lib.display()))
            .arg("-f")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/dynamodb-local/pom.xml"))
            .output()
            .unwrap();
        assert!(output.status.success(), "mvn: {}", String::from_utf8_lossy(&output.stdout));
        std::fs::write(&done, wanted).unwrap();
    }
    lib
}
