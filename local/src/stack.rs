//! The whole product on this machine: started in order, each part awaited, stopped in reverse.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use servers::{Process, Servers, ServersOptions, free_tcp_port};

use crate::binaries::binary;
use crate::database::{LocalDatabase, TABLE};
use crate::emulator::Emulator;
use crate::environment::{self, AGENT_NAME, Vendors};
use crate::front::Front;
use crate::layout::Layout;
use crate::random::random_hex;
use crate::report::Report;
use crate::routes::functions;
use crate::seed::{self, SAMPLE_NUMBER};
use crate::stack_file::{Extra, StackFile};

/// Our programs are up within a fraction of a second; a compiler beside them makes it longer.
const START_LIMIT: Duration = Duration::from_secs(30);

/// How long the agent may take to say goodbye to its calls when everything stops.
const AGENT_STOP: Duration = Duration::from_secs(10);

/// How long the others may take.
const STOP: Duration = Duration::from_secs(3);

/// What the stack is made of.
#[derive(Debug, Clone)]
pub struct StackOptions {
    /// Where everything is kept.
    pub layout: Layout,
    /// The base of signed URLs and of those in the TwiML, when it is not the front's own address.
    pub public_base_url: Option<String>,
    /// What the simulated caller says and the simulated model answers: a configuration of `simulator`.
    pub simulator_config: Option<PathBuf>,
    /// Whether an agent is started.
    pub agent: bool,
    /// Whether calls are announced to agents ahead of LiveKit's jobs.
    pub lobby: bool,
    /// Calls at once.
    pub max_calls: u32,
    /// Processes of each function: how many requests it answers at once.
    pub function_instances: usize,
    /// How long a caller hears ringing when no agent comes.
    pub ringing_timeout: Duration,
    /// Port of the Lambda emulator, taken if it is free. Several stacks at once leave it open.
    pub lambda_port: Option<u16>,
}

impl StackOptions {
    /// The whole stack in `layout`.
    #[must_use]
    pub fn new(layout: Layout) -> Self {
        Self {
            layout,
            public_base_url: None,
            simulator_config: None,
            agent: true,
            lobby: true,
            max_calls: 150,
            function_instances: 2,
            ringing_timeout: Duration::from_secs(30),
            lambda_port: None,
        }
    }
}

/// The running stack. [`Stack::stop`] ends it in order; dropping it ends it at once.
#[derive(Debug)]
pub struct Stack {
    file: StackFile,
    agent_environment: BTreeMap<String, String>,
    logs: PathBuf,
    agents: Vec<Process>,
    front: Front,
    emulator: Emulator,
    simulator: Process,
    servers: Servers,
    database: LocalDatabase,
}

impl Stack {
    /// Starts everything, telling `report` about each part.
    ///
    /// # Errors
    /// The first part that is missing or does not come up, with the end of its log.
    pub async fn start(options: StackOptions, report: Report) -> Result<Self> {
        // Somebody else may have installed one already; any does.
        let _ = rustls::crypto::ring::default_provider().install_default();
        options.layout.create().context("cannot create the stack's directories")?;
        let logs = options.layout.logs();
        let database = report.step("dynamodb", start_database(&options), LocalDatabase::url).await?;
        let (listener, base_url) = Front::reserve().await?;
        let servers = start_servers(&options, &base_url);
        let simulator = start_simulator(&options);
        let emulator = Emulator::start(&logs, options.lambda_port);
        let servers = report
            .step("livekit + sip", servers, |s| format!("{}  {}", s.livekit_url(), s.sip_address()))
            .await?;
        let (simulator, vendors) = report.step("vendors", simulator, |_| "simulated".to_owned()).await?;
        let mut emulator = report.step("lambda emulator", emulator, |e| format!("port {}", e.port())).await?;

        let agent_port = free_tcp_port()?;
        let file = describe(
            &options,
            &Parts {
                base_url,
                agent_port,
                lambda_port: emulator.port(),
                servers: &servers,
                database: &database,
                vendors: &vendors,
            },
        );
        emulator.connect(&functions(), options.function_instances, &environment::functions(&file), &logs)?;
        let front = Front::serve(listener, &emulator.url())?;
        report.step("functions", healthy(&mut emulator, &file.base_url), |()| file.base_url.clone()).await?;

        let health = format!("127.0.0.1:{agent_port}");
        let mut agent_environment =
            environment::agent(&file, &vendors, &health, &|name| std::env::var(name).ok());
        if !options.lobby {
            agent_environment.insert("LOBBY".to_owned(), "off".to_owned());
        }
        let mut stack = Self {
            file,
            agent_environment,
            logs,
            agents: Vec::new(),
            front,
            emulator,
            simulator,
            servers,
            database,
        };
        if options.agent {
            report.step("agent", stack.start_agent(), |()| health.clone()).await?;
        }
        stack.file.pids = stack.pids();
        Ok(stack)
    }

    /// Starts one more agent container and waits until it is registered with LiveKit.
    ///
    /// # Errors
    /// When it does not come up, with the end of its log.
    pub async fn start_agent(&mut self) -> Result<()> {
        let number = self.agents.len() + 1;
        let mut environment = self.agent_environment.clone();
        if number > 1 {
            environment.insert("HEALTH_ADDR".to_owned(), format!("127.0.0.1:{}", free_tcp_port()?));
        }
        let ready = format!("http://{}/readyz", environment.get("HEALTH_ADDR").cloned().unwrap_or_default());
        let mut command = Command::new(binary("agent")?);
        command.envs(environment);
        let name = format!("agent-{number}");
        let mut agent = Process::spawn(&name, &command, &self.logs.join(format!("{name}.log")))?;
        agent.until_ready(START_LIMIT, async || is_ok(&ready).await).await?;
        // Its first heartbeat comes a moment later; until then callers would be sent to the voicemail.
        let health = format!("{}/health", self.file.base_url);
        agent.until_ready(START_LIMIT, async || takes_calls(&health).await).await?;
        self.agents.push(agent);
        self.file.pids = self.pids();
        Ok(())
    }

    /// Kills every agent at once, as a crashed container would end.
    pub fn kill_agents(&mut self) {
        self.agents.clear();
        self.file.pids = self.pids();
    }

    /// The running agents.
    #[must_use]
    pub fn agents(&self) -> &[Process] {
        &self.agents
    }

    /// What an agent is told, for somebody who starts another one in its place.
    #[must_use]
    pub fn agent_environment(&self) -> &BTreeMap<String, String> {
        &self.agent_environment
    }

    /// Addresses, credentials and process ids.
    #[must_use]
    pub fn file(&self) -> &StackFile {
        &self.file
    }

    /// The embedded DynamoDB.
    #[must_use]
    pub fn database(&self) -> &LocalDatabase {
        &self.database
    }

    /// The servers.
    #[must_use]
    pub fn servers(&self) -> &Servers {
        &self.servers
    }

    /// What is running, for a table: part, where, log.
    #[must_use]
    pub fn status(&self) -> Vec<(String, String)> {
        let file = &self.file;
        let mut rows = vec![
            ("webhooks".to_owned(), format!("{}  ({} routes)", file.base_url, crate::front::route_count())),
            ("number".to_owned(), file.number.clone()),
            ("livekit".to_owned(), file.livekit_url.clone()),
            ("sip".to_owned(), format!("{}  user {}", file.sip_address, file.sip_username)),
            ("dynamodb".to_owned(), format!("{}  table {}", file.dynamodb_url, file.table)),
            ("lambda".to_owned(), self.invoke_hint()),
            ("vendors".to_owned(), format!("simulated, control {}", file.extra.simulator_control_url)),
        ];
        if !self.agents.is_empty() {
            rows.push(("agent".to_owned(), format!("{}/metrics", file.extra.agent_url)));
        }
        rows.push(("logs".to_owned(), self.logs.display().to_string()));
        rows
    }

    /// Waits until a part ends that should not, and says which.
    pub async fn until_broken(&mut self) -> String {
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let mut parts =
                self.agents.iter_mut().chain(self.emulator.processes_mut()).chain([&mut self.simulator]);
            let broken = parts.find_map(|part| {
                let status = part.exited()?;
                Some(format!(
                    "{} ended ({status}); {}:\n{}",
                    part.name(),
                    part.log().display(),
                    servers::tail(part.log())
                ))
            });
            if let Some(broken) = broken {
                return broken;
            }
        }
    }

    /// Stops the agents first, so that callers hear a goodbye and records close, then the rest.
    pub async fn stop(self) {
        for agent in self.agents {
            agent.stop(AGENT_STOP).await;
        }
        drop(self.front);
        drop(self.emulator);
        self.simulator.stop(STOP).await;
        drop(self.servers);
        drop(self.database);
    }

    fn invoke_hint(&self) -> String {
        let port = self.file.extra.lambda_port;
        let flag = if port == crate::emulator::DEFAULT_PORT {
            String::new()
        } else {
            format!(" -A 127.0.0.1 -P {port}")
        };
        format!("cargo lambda invoke incoming-call{flag} --data-file events/incoming-call/CASE.json")
    }

    fn pids(&self) -> BTreeMap<String, u32> {
        let supervisor = [("supervisor".to_owned(), std::process::id())];
        let parts = self
            .agents
            .iter()
            .chain(self.emulator.processes())
            .chain([&self.simulator])
            .chain(self.servers.processes());
        supervisor.into_iter().chain(parts.map(|part| (part.name().replace(' ', "-"), part.pid()))).collect()
    }
}

/// What the description of the stack is made of.
struct Parts<'a> {
    base_url: String,
    agent_port: u16,
    lambda_port: u16,
    servers: &'a Servers,
    database: &'a LocalDatabase,
    vendors: &'a Vendors,
}

fn describe(options: &StackOptions, parts: &Parts<'_>) -> StackFile {
    let Parts { base_url, agent_port, lambda_port, servers, database, vendors } = parts;
    StackFile {
        base_url: base_url.clone(),
        public_base_url: options.public_base_url.clone().unwrap_or_else(|| base_url.clone()),
        twilio_account_sid: format!("AC{}", random_hex()),
        twilio_auth_token: random_hex(),
        number: SAMPLE_NUMBER.to_owned(),
        livekit_url: servers.livekit_url(),
        livekit_api_key: servers.api_key().to_owned(),
        livekit_api_secret: servers.api_secret().to_owned(),
        sip_address: servers.sip_address(),
        sip_username: servers.sip_username().to_owned(),
        sip_password: servers.sip_password().to_owned(),
        dynamodb_url: database.url(),
        table: TABLE.to_owned(),
        pids: BTreeMap::new(),
        extra: Extra {
            lambda_port: *lambda_port,
            simulator_control_url: vendors.control.clone(),
            agent_url: format!("http://127.0.0.1:{agent_port}"),
            api_token: random_hex(),
            media_stream_url: format!("ws://127.0.0.1:{agent_port}/media-stream"),
            max_calls: options.max_calls,
            journal_dir: options.layout.journals(),
            log_dir: options.layout.logs(),
        },
    }
}

async fn start_database(options: &StackOptions) -> Result<LocalDatabase> {
    let database = LocalDatabase::start(&options.layout.database()).await?;
    seed::sow(&database.client()).await.context("cannot seed the table")?;
    Ok(database)
}

async fn start_servers(options: &StackOptions, base_url: &str) -> Result<Servers> {
    Servers::start(ServersOptions {
        api_key: "local".to_owned(),
        api_secret: random_hex(),
        webhook_url: Some(format!("{base_url}/livekit-webhook")),
        safety_net_agent: Some(AGENT_NAME.to_owned()),
        sip_username: "carrier".to_owned(),
        sip_password: random_hex(),
        ringing_timeout: options.ringing_timeout,
        ..ServersOptions::new(options.layout.servers())
    })
    .await
}

/// The vendors' addresses are the first line the simulator prints.
async fn start_simulator(options: &StackOptions) -> Result<(Process, Vendors)> {
    let mut command = Command::new(binary("simulator")?);
    command.args(&options.simulator_config);
    let log = options.layout.logs().join("vendors.log");
    let mut simulator = Process::spawn("vendors", &command, &log)?;
    simulator.until_ready(START_LIMIT, async || printed(&log).is_some()).await?;
    let vendors = printed(&log).context("the simulated vendors do not say where they listen")?;
    Ok((simulator, vendors))
}

fn printed(log: &Path) -> Option<Vendors> {
    std::fs::read_to_string(log).ok()?.lines().find_map(|line| serde_json::from_str(line).ok())
}

/// Waits until `health` answers through the front, and so front, emulator and function together.
async fn healthy(emulator: &mut Emulator, base_url: &str) -> Result<()> {
    let url = format!("{base_url}/health");
    let Some(health) =
        emulator.processes_mut().iter_mut().find(|process| process.name().starts_with("health"))
    else {
        bail!("there is no function `health`")
    };
    health.until_ready(START_LIMIT, async || answers(&url).await).await
}

async fn answers(url: &str) -> bool {
    let asked = ask(url, Duration::from_secs(2)).await;
    asked.is_some_and(|answer| answer.headers().contains_key("content-type"))
}

/// Whether the functions know of an agent with a free place.
async fn takes_calls(health: &str) -> bool {
    let Some(answer) = ask(health, Duration::from_secs(1)).await else { return false };
    answer.text().await.is_ok_and(|body| body.contains("\"status\":\"ok\""))
}

async fn is_ok(url: &str) -> bool {
    ask(url, Duration::from_secs(1)).await.is_some_and(|answer| answer.status().is_success())
}

async fn ask(url: &str, within: Duration) -> Option<reqwest::Response> {
    reqwest::Client::new().get(url).timeout(within).send().await.ok()
}
