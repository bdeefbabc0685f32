//! redis, livekit-server and livekit-sip, with settings for one machine.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::ports::{RTP_FROM, free_port_for_both, free_tcp_port, free_udp_port};
use crate::process::Process;
use crate::provision::{Provisioned, provision};
use crate::tools::Tool;

/// All three are up within 3 s on an idle machine of two cores; a build beside them makes it several times that.
const START_LIMIT: Duration = Duration::from_secs(60);

/// What the servers are told.
#[derive(Debug, Clone)]
pub struct ServersOptions {
    /// Where configurations and logs go.
    pub dir: PathBuf,
    /// API key of livekit-server.
    pub api_key: String,
    /// Its secret: at least 32 characters, or the server refuses it.
    pub api_secret: String,
    /// Receives LiveKit's webhooks.
    pub webhook_url: Option<String>,
    /// The agent that the dispatch rule sends into each room of a SIP call, in case the webhook's own dispatch was lost.
    pub safety_net_agent: Option<String>,
    /// Digest user name of the SIP trunk.
    pub sip_username: String,
    /// Digest password of the SIP trunk.
    pub sip_password: String,
    /// How long a caller hears ringing when nobody in the room publishes audio.
    pub ringing_timeout: Duration,
}

impl ServersOptions {
    /// Settings for tests, with fixed keys; `dir` gets configurations and logs.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            api_key: "devkey".to_owned(),
            api_secret: "devsecretdevsecretdevsecretdevsecret".to_owned(),
            webhook_url: None,
            safety_net_agent: None,
            sip_username: "carrier".to_owned(),
            sip_password: "sip-password".to_owned(),
            ringing_timeout: Duration::from_secs(60),
        }
    }
}

/// The running servers. Dropping them stops them.
#[derive(Debug)]
pub struct Servers {
    options: ServersOptions,
    ports: Ports,
    provisioned: Provisioned,
    // In the order in which they are stopped.
    processes: Vec<Process>,
}

#[derive(Debug, Clone, Copy)]
struct Ports {
    redis: u16,
    livekit: u16,
    livekit_rtc_tcp: u16,
    livekit_rtc_udp: u16,
    sip: u16,
    sip_health: u16,
}

impl Servers {
    /// Starts all three on free ports, waits until they answer, and creates the trunk and its rule.
    ///
    /// # Errors
    /// A missing tool, or a server that does not come up, with the end of its log.
    pub async fn start(options: ServersOptions) -> Result<Self> {
        std::fs::create_dir_all(&options.dir)
            .with_context(|| format!("cannot create {}", options.dir.display()))?;
        let ports = Ports::free()?;
        let redis = start_redis(&options, ports).await?;
        let (livekit, sip) = tokio::try_join!(start_livekit(&options, ports), start_sip(&options, ports))?;
        let provisioned = provision(&options, &http_url(ports)).await?;
        Ok(Self { options, ports, provisioned, processes: vec![sip, livekit, redis] })
    }

    /// livekit-server's address for clients and workers, `ws://127.0.0.1:PORT`.
    #[must_use]
    pub fn livekit_url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.ports.livekit)
    }

    /// livekit-server's address for API calls, `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn livekit_http_url(&self) -> String {
        http_url(self.ports)
    }

    /// API key of livekit-server.
    #[must_use]
    pub fn api_key(&self) -> &str {
        &self.options.api_key
    }

    /// API secret of livekit-server.
    #[must_use]
    pub fn api_secret(&self) -> &str {
        &self.options.api_secret
    }

    /// Where livekit-sip takes INVITEs by UDP and TCP, `127.0.0.1:PORT`.
    #[must_use]
    pub fn sip_address(&self) -> String {
        format!("127.0.0.1:{}", self.ports.sip)
    }

    /// Digest user name of the trunk.
    #[must_use]
    pub fn sip_username(&self) -> &str {
        &self.options.sip_username
    }

    /// Digest password of the trunk.
    #[must_use]
    pub fn sip_password(&self) -> &str {
        &self.options.sip_password
    }

    /// Id of the SIP trunk at LiveKit.
    #[must_use]
    pub fn trunk_id(&self) -> &str {
        &self.provisioned.trunk_id
    }

    /// The processes: livekit-sip, livekit-server, redis.
    #[must_use]
    pub fn processes(&self) -> &[Process] {
        &self.processes
    }

    /// A token to join `room` as `identity` with every right of a participant, valid for an hour.
    ///
    /// # Errors
    /// When the key or secret is unusable.
    pub fn token(&self, room: &str, identity: &str) -> Result<String> {
        crate::provision::join_token(&self.options, room, identity)
    }

    /// The processes themselves, for somebody who stops them in another order.
    #[must_use]
    pub fn into_processes(self) -> Vec<Process> {
        self.processes
    }
}

impl Ports {
    fn free() -> Result<Self> {
        Ok(Self {
            redis: free_tcp_port()?,
            livekit: free_tcp_port()?,
            livekit_rtc_tcp: free_tcp_port()?,
            livekit_rtc_udp: free_udp_port()?,
            sip: free_port_for_both()?,
            sip_health: free_tcp_port()?,
        })
    }
}

fn http_url(ports: Ports) -> String {
    format!("http://127.0.0.1:{}", ports.livekit)
}

async fn start_redis(options: &ServersOptions, ports: Ports) -> Result<Process> {
    let mut command = Command::new(Tool::Redis.path()?);
    command.args([
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
        "--port",
        &ports.redis.to_string(),
    ]);
    let mut redis = Process::spawn("redis", &command, &options.dir.join("redis.log"))?;
    redis.until_ready(START_LIMIT, async || answers(ports.redis, "PING\r\n", "+PONG").await).await?;
    Ok(redis)
}

async fn start_livekit(options: &ServersOptions, ports: Ports) -> Result<Process> {
    let config = write_config(options, "livekit-server.yaml", &livekit_config(options, ports))?;
    let mut command = Command::new(Tool::LivekitServer.path()?);
    command.arg("--config").arg(config);
    let mut livekit = Process::spawn("livekit-server", &command, &options.dir.join("livekit-server.log"))?;
    livekit.until_ready(START_LIMIT, async || answers(ports.livekit, GET, "200 OK").await).await?;
    Ok(livekit)
}

async fn start_sip(options: &ServersOptions, ports: Ports) -> Result<Process> {
    let config = write_config(options, "livekit-sip.yaml", &sip_config(options, ports))?;
    let mut command = Command::new(Tool::LivekitSip.path()?);
    command.arg("--config").arg(config);
    let mut sip = Process::spawn("livekit-sip", &command, &options.dir.join("livekit-sip.log"))?;
    // "UnderLoad" still takes calls: it only says that the machine is busy at the moment.
    sip.until_ready(START_LIMIT, async || answers(ports.sip_health, GET, "HTTP/1.").await).await?;
    Ok(sip)
}

const GET: &str = "GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n";

/// Whether something on `port` answers `question` with `expected` in its first bytes.
async fn answers(port: u16, question: &str, expected: &str) -> bool {
    let asked = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(question.as_bytes()).await?;
        let mut answer = [0; 64];
        let length = stream.read(&mut answer).await?;
        std::io::Result::Ok(String::from_utf8_lossy(&answer[..length]).contains(expected))
    };
    matches!(tokio::time::timeout(Duration::from_secs(1), asked).await, Ok(Ok(true)))
}

fn write_config(options: &ServersOptions, name: &str, text: &str) -> Result<PathBuf> {
    let path: PathBuf = Path::new(&options.dir).join(name);
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// Media on the loopback interface only: without `interfaces` and `ips` it also opens its port on the machine's own address.
/// `target_load`: a worker that reports more is given no job (0.7 by default, of 1). Here the worker shares its processors with
/// everything else, compilers included, so only its own limit of calls counts.
fn livekit_config(options: &ServersOptions, ports: Ports) -> String {
    let Ports { redis, livekit, livekit_rtc_tcp, livekit_rtc_udp, .. } = ports;
    let ServersOptions { api_key, api_secret, webhook_url, .. } = options;
    let webhook = webhook_url
        .as_ref()
        .map(|url| format!("webhook:\n  api_key: {api_key}\n  urls: [\"{url}\"]\n"))
        .unwrap_or_default();
    format!(
        "port: {livekit}\n\
         bind_addresses: [\"127.0.0.1\"]\n\
         rtc:\n  node_ip: 127.0.0.1\n  enable_loopback_candidate: true\n  use_external_ip: false\n\
         \x20 interfaces:\n    includes: [\"lo\"]\n  ips:\n    includes: [\"127.0.0.1/32\"]\n\
         \x20 udp_port: {livekit_rtc_udp}\n  tcp_port: {livekit_rtc_tcp}\n\
         room:\n  enable_remote_unmute: true\n\
         agents:\n  target_load: 2.0\n\
         redis:\n  address: 127.0.0.1:{redis}\n\
         keys:\n  {api_key}: {api_secret}\n\
         {webhook}"
    )
}

/// RTP below the kernel's ephemeral ports (32768), so that neither takes the other's.
fn sip_config(options: &ServersOptions, ports: Ports) -> String {
    let Ports { redis, livekit, sip, sip_health, .. } = ports;
    let ServersOptions { api_key, api_secret, .. } = options;
    format!(
        "api_key: {api_key}\napi_secret: {api_secret}\nws_url: ws://127.0.0.1:{livekit}\n\
         redis:\n  address: 127.0.0.1:{redis}\n\
         sip_port: {sip}\nrtp_port: {RTP_FROM}-29999\nhealth_port: {sip_health}\n\
         nat_1_to_1_ip: 127.0.0.1\nlocal_net: 127.0.0.0/8\nlisten_ip: 127.0.0.1\nuse_external_ip: false\n"
    )
}
