//! The vendors' own SDKs, from PyPI, talk to the simulator: it and our clients do not share one mistake.
//!
//! The SDKs live in `<target>/venv-sdk`, made on first use and again when `xtask/requirements-sdk.txt` changes;
//! `cargo xtask test` has made it by then.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use simulator::{Config, Reply, Script, ScriptedTool, Simulator};

const REQUIREMENTS: &str = include_str!("../../../xtask/requirements-sdk.txt");

/// Python of the virtual environment with the SDKs.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("venv-sdk");
        let python = venv.join("bin/python");
        let mark = venv.join("installed");
        if std::fs::read_to_string(&mark).is_ok_and(|installed| installed == REQUIREMENTS) {
            return python;
        }
        run(
            Command::new("python3").args(["-m", "venv"]).arg(&venv),
            "the vendors' SDKs need Python 3 with venv: `sudo apt-get install python3-venv`",
        );
        run(
            Command::new(&python)
                .args(["-m", "pip", "install", "--quiet", "-r"])
                .arg(script("../../../../xtask/requirements-sdk.txt")),
            "the vendors' SDKs come from PyPI by pip: is it reachable?",
        );
        std::fs::write(&mark, REQUIREMENTS).unwrap();
        python
    })
}

fn run(command: &mut Command, hint: &str) {
    let output = command.output().unwrap_or_else(|error| panic!("{hint}\n{command:?}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{hint}\n{command:?}: {}\n{errors}", output.status);
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk").join(name)
}

/// Two lines of a caller, and a model with a tool.
fn config() -> Config {
    let reply = |when: &str, say: &str| Reply { when: when.into(), say: say.into(), ..Reply::default() };
    let tool = ScriptedTool { name: "find_table".into(), arguments: serde_json::json!({"people": 4}) };
    let find = Reply {
        tools: vec![tool],
        then: "I found {result} for you.".into(),
        ..reply("find me a free one", "")
    };
    let lines = ["Hello, I would like to book a table.", "For four people, tomorrow at seven."];
    let book = reply("book a table", "With pleasure. For how many people, and at what time?");
    Config {
        script: Script {
            lines: lines.map(String::from).to_vec(),
            replies: vec![book, find],
            ..Script::default()
        },
        ..Config::default()
    }
}

/// The vendor's script ends without an error.
fn check(vendor: &str) {
    let python = python();
    let config = config();
    let lines = serde_json::to_string(&config.script.lines).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let simulator = runtime.block_on(Simulator::start(config)).unwrap();
    let addresses = serde_json::to_string(&simulator.addresses).unwrap();
    let output = Command::new(python)
        .arg(script(&format!("check_{vendor}.py")))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("SIMULATOR", addresses)
        .env("SIMULATOR_LINES", lines)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{vendor}: {}\n{errors}", output.status);
    runtime.block_on(simulator.stop());
}

#[test]
fn deepgrams_sdk_hears_and_speaks() {
    check("deepgram");
}

#[test]
fn openais_sdk_chats_hears_speaks_and_converses() {
    check("openai");
}

#[test]
fn elevenlabs_sdk_speaks() {
    check("elevenlabs");
}

#[test]
fn anthropics_sdk_chats() {
    check("anthropic");
}

#[test]
fn groqs_sdk_chats_hears_and_speaks() {
    check("groq");
}

#[test]
fn assemblyais_sdk_hears() {
    check("assemblyai");
}
