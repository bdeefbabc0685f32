//! What is measured of one function, and how it is shown.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use samples::RuntimeApi;
use serde_json::{Value, json};

use crate::events::event;

/// Warm calls of each start.
const CALLS: usize = 40;
/// Events of one series of starts; more than are ever sent.
const SERIES: usize = 1_000_000;

/// What was measured of one function.
#[derive(Default)]
pub(crate) struct Measured {
    init_ms: Vec<f64>,
    rss_mib: Vec<f64>,
    first_ms: Vec<f64>,
    warm_ms: Vec<f64>,
    own_ms: Vec<f64>,
}

impl Measured {
    /// The table's first line. `own` is time on a processor for a warm call: what is not waiting for others.
    pub(crate) const HEADER: &str =
        "p50                 init ms  RSS MiB  first ms  warm ms   p99 ms   own ms   zip MB";

    /// Starts a function again and again, and sends it events. `series` keeps the events of one from another's.
    pub(crate) fn of(
        function: &str,
        series: usize,
        starts: usize,
        environment: &BTreeMap<String, String>,
        command: &mut dyn FnMut() -> Command,
    ) -> Self {
        let mut measured = Self::default();
        for start in 0..starts {
            let mut api = RuntimeApi::start();
            let mut command = command();
            command.envs(environment).env("AWS_LAMBDA_RUNTIME_API", api.address());
            command.stdout(Stdio::null()).stderr(Stdio::null());
            let began = Instant::now();
            let mut child = command.spawn().unwrap();
            api.wait_for_poll();
            measured.init_ms.push(ms(began.elapsed()));
            measured.rss_mib.push(rss_mib(&child));
            let first = series * SERIES + start * (CALLS + 1);
            measured.first_ms.push(call(&mut api, function, first));
            let before = own_ms(&child);
            measured.warm_ms.extend((1..=CALLS).map(|n| call(&mut api, function, first + n)));
            measured.own_ms.push((own_ms(&child) - before) / CALLS as f64);
            child.kill().unwrap();
            child.wait().unwrap();
        }
        measured
    }

    /// Start to first poll, milliseconds.
    pub(crate) fn init_ms(&self) -> f64 {
        quantile(&self.init_ms, 0.5)
    }

    /// A line of the table.
    pub(crate) fn row(&self, name: &str, zip_mb: f64) -> String {
        let p50 = |values: &[f64]| quantile(values, 0.5);
        format!(
            "{name:<18} {:>8.1} {:>8.1} {:>9.2} {:>8.2} {:>8.2} {:>8.2} {zip_mb:>8.2}",
            self.init_ms(),
            p50(&self.rss_mib),
            p50(&self.first_ms),
            p50(&self.warm_ms),
            quantile(&self.warm_ms, 0.99),
            p50(&self.own_ms),
        )
    }

    /// The same for programs: medians, but where the name says p99.
    pub(crate) fn json(&self, zip_mb: f64) -> Value {
        json!({
            "init_ms": self.init_ms(),
            "rss_mib": quantile(&self.rss_mib, 0.5),
            "first_ms": quantile(&self.first_ms, 0.5),
            "warm_ms": quantile(&self.warm_ms, 0.5),
            "warm_p99_ms": quantile(&self.warm_ms, 0.99),
            "own_ms": quantile(&self.own_ms, 0.5),
            "zip_mb": zip_mb,
        })
    }
}

/// One call; it has to succeed.
fn call(api: &mut RuntimeApi, function: &str, n: usize) -> f64 {
    let event = event(function, n);
    let (took, answer) = api.invoke(&event);
    let status = answer["statusCode"].as_u64();
    assert!(status.is_some_and(|status| (200..300).contains(&status)), "{function} answers {answer}");
    ms(took)
}

fn rss_mib(child: &Child) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

/// Time on a processor so far, all threads, milliseconds.
fn own_ms(child: &Child) -> f64 {
    let tasks = fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
    let of = |task: fs::DirEntry| {
        let text = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        text.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(0.0) / 1e6
    };
    tasks.filter_map(Result::ok).map(of).sum()
}

/// Size of a program as Lambda is given it, MB.
pub(crate) fn zip_mb(binary: &Path) -> f64 {
    let script = "import sys, zipfile\n\
                  z = zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED, compresslevel=9)\n\
                  z.write(sys.argv[2], 'bootstrap')\nz.close()";
    zipped(Path::new("python3"), script, binary)
}

/// Size of the Python function with the packages it needs, MB.
pub(crate) fn python_zip_mb(python: &Path, handler: &Path) -> f64 {
    let script = "import pathlib, sys, sysconfig, zipfile\n\
                  z = zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED, compresslevel=9)\n\
                  z.write(sys.argv[2], 'handler.py')\n\
                  site = pathlib.Path(sysconfig.get_paths()['purelib'])\n\
                  tools = ('pip', 'setuptools', '_distutils', 'pkg_resources', 'distutils')\n\
                  for file in site.rglob('*'):\n\
                  \x20   name = file.relative_to(site)\n\
                  \x20   if file.is_file() and file.suffix != '.pyc' and not str(name).startswith(tools):\n\
                  \x20       z.write(file, name)\n\
                  z.close()";
    zipped(python, script, handler)
}

/// Size of the archive that a script writes, MB.
fn zipped(python: &Path, script: &str, file: &Path) -> f64 {
    let archive = std::env::temp_dir().join(format!("ringdown-bench-{}.zip", std::process::id()));
    let done = Command::new(python).args(["-c", script]).arg(&archive).arg(file).status();
    assert!(done.is_ok_and(|status| status.success()), "{} makes the zip", python.display());
    let size = fs::metadata(&archive).unwrap().len();
    fs::remove_file(&archive).unwrap();
    size as f64 / 1e6
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * part).round() as usize]
}
