//! The binary: says where it listens, and ends when told to.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

fn start(arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_simulator"));
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn config(name: &str, text: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn addresses_are_one_line_of_json_and_sigterm_ends_it_cleanly() {
    let path = config(
        "fast.json",
        r#"{"services": {"openai_chat": {"first_ms": 0}}, "script": {"lines": ["Hi."]}}"#,
    );
    let mut child = start(&[&path]);
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let addresses: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&line).unwrap();
    for vendor in ["deepgram", "openai", "elevenlabs", "assemblyai", "anthropic", "groq", "control"] {
        let address = addresses[vendor].as_str().unwrap();
        let host = address.split('/').nth(2).unwrap();
        std::net::TcpStream::connect(host).unwrap_or_else(|error| panic!("{vendor} at {address}: {error}"));
    }
    let killed = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_configuration_that_makes_no_sense_is_refused_by_name() {
    for (name, text, hint) in [
        ("unknown.json", r#"{"services": {"openai_chat": {"frist_ms": 1}}}"#, "frist_ms"),
        ("service.json", r#"{"services": {"openai": {}}}"#, "openai"),
        ("script.json", r#"{"script_file": "/nowhere/script.json"}"#, "/nowhere/script.json"),
        ("port.json", r#"{"ports": {"opnai": 1}}"#, "opnai"),
    ] {
        let path = config(name, text);
        let mut child = start(&[&path]);
        assert!(!child.wait().unwrap().success(), "{name}");
        let mut errors = String::new();
        child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        assert!(errors.contains(hint), "{name}: {errors}");
    }
}
