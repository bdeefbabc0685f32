//! `template.yaml` against the code it deploys.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn template() -> String {
    fs::read_to_string(root().join("template.yaml")).unwrap()
}

/// The lines of the block that begins with `  name:` below the top level.
fn block(text: &str, name: &str) -> String {
    let mut lines = text.lines().skip_while(|line| *line != format!("  {name}:"));
    let first = lines.next().unwrap_or_else(|| panic!("{name} is not in the template"));
    let rest = lines.take_while(|line| line.is_empty() || line.starts_with("    "));
    std::iter::once(first).chain(rest).collect::<Vec<_>>().join("\n")
}

/// Everything that follows `key:` on its line.
fn values<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    text.lines()
        .filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix(key)?.strip_prefix(':'))
        .map(str::trim)
        .collect()
}

#[test]
fn the_table_is_the_stores_own_definition() {
    let table = block(&template(), "Table");
    let defined = store::table::definition();
    for name in &defined.string_attributes {
        assert!(table.contains(&format!("{{ AttributeName: {name}, AttributeType: S }}")), "{name}");
    }
    assert_eq!(table.matches("AttributeType").count(), defined.string_attributes.len());
    let keys = |pk: &str, sk: &str| {
        [
            format!("{{ AttributeName: {pk}, KeyType: HASH }}"),
            format!("{{ AttributeName: {sk}, KeyType: RANGE }}"),
        ]
    };
    let (name, gsi_pk, gsi_sk) = defined.index;
    for key in keys(defined.key.0, defined.key.1).iter().chain(&keys(gsi_pk, gsi_sk)) {
        assert!(table.contains(key), "{key}");
    }
    assert_eq!(table.matches("KeyType").count(), 4);
    assert!(table.contains(&format!("IndexName: {name}")));
    assert!(table.contains(&format!("NonKeyAttributes: [{}]", defined.index_includes.join(", "))));
    assert!(table.contains(&format!("AttributeName: {}, Enabled: true", defined.ttl)));
    assert!(table.contains("PointInTimeRecoveryEnabled: true"));
}

#[test]
fn every_function_is_deployed() {
    let text = template();
    let folders = fs::read_dir(root().join("functions")).unwrap().filter_map(Result::ok);
    for folder in folders.filter(|folder| folder.path().join("Cargo.toml").exists()) {
        let name = folder.file_name().to_string_lossy().into_owned();
        assert!(text.contains(&format!("Binary: {name} }}")), "{name} is not in the template");
    }
    assert_eq!(values(&text, "Architectures"), ["[arm64]"]);
}

#[test]
fn every_route_is_there_with_its_method() {
    let text = template();
    let routes: BTreeSet<&str> =
        text.split("RouteKey: \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let mut expected: BTreeSet<String> = BTreeSet::new();
    for prefix in ["", "/telnyx", "/signalwire"] {
        for route in ["/incoming-call", "/call-status", "/dial-result/{ticket}"] {
            expected.insert(format!("POST {prefix}{route}"));
        }
    }
    expected
        .extend(["POST /livekit-webhook", "POST /token", "POST /rooms", "GET /health"].map(str::to_owned));
    assert_eq!(routes, expected.iter().map(String::as_str).collect());
}

#[test]
fn permissions_name_their_actions() {
    let text = template();
    for action in values(&text, "Action").into_iter().filter(|action| action.contains("dynamodb:")) {
        assert!(!action.contains('*'), "{action}");
    }
    assert!(!text.contains("dynamodb:*") && !text.contains("DynamoDBCrudPolicy"));
}

#[test]
fn every_parameter_has_a_default_and_a_description() {
    let text = template();
    let start = text.find("\nParameters:\n").unwrap();
    let end = start + text[start..].find("\nConditions:\n").unwrap();
    let names: Vec<&str> = text[start..end]
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .map(|line| line.trim().trim_end_matches(':'))
        .collect();
    assert!(names.len() >= 10);
    for name in names {
        let parameter = block(&text, name);
        for key in ["Default", "Description"] {
            assert_eq!(values(&parameter, key).len(), 1, "{name} has no {key}");
        }
    }
}

#[test]
fn every_schedule_can_be_read() {
    let text = template();
    let schedules = values(&text, "ScheduleExpression");
    assert_eq!(schedules.len(), 1);
    for schedule in schedules {
        let rate = schedule.strip_prefix("rate(").and_then(|rest| rest.strip_suffix(')')).unwrap();
        let (count, unit) = rate.split_once(' ').unwrap();
        let count: u32 = count.parse().unwrap();
        let units = if count == 1 { ["minute", "hour", "day"] } else { ["minutes", "hours", "days"] };
        assert!(count > 0 && units.contains(&unit), "{schedule}");
    }
}

#[test]
fn log_filters_match_events_that_are_logged() {
    let text = template();
    let events: BTreeSet<&str> =
        text.split("$.event = \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let logged = include_str!("../../telemetry/src/lib.rs");
    assert!(events.len() >= 5);
    for event in events {
        assert!(logged.contains(&format!(": &str = \"{event}\";")), "{event} is logged by nothing");
    }
}

#[test]
fn no_account_is_named_and_nothing_is_overridden() {
    let samconfig = fs::read_to_string(root().join("samconfig.toml")).unwrap();
    for text in [template(), samconfig.clone()] {
        let digits = text.split(|c: char| !c.is_ascii_digit()).map(str::len).max();
        assert!(digits.unwrap_or(0) < 12, "an account's number");
    }
    assert!(!samconfig.contains("parameter_overrides"));
    for key in ["stack_name", "resolve_s3", "capabilities", "cached", "parallel"] {
        assert!(samconfig.contains(key), "{key}");
    }
}

/// The settings that a source asks for by name.
fn asked_for(source: &str) -> impl Iterator<Item = &str> {
    let asks = ["optional(\"", "required(\"", "keys(\"", "deadline(\"", "variable(\"", "base_url(\""];
    asks.into_iter().flat_map(|ask| source.split(ask).skip(1)).filter_map(|rest| rest.split('"').next())
}

#[test]
fn every_setting_of_the_functions_is_documented() {
    let documented = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let table = documented.split("## Settings of the functions").nth(1).unwrap();
    let table = table.split("\n## ").next().unwrap();
    let mut sources = vec![
        root().join("shared/lambda/src/settings.rs"),
        root().join("shared/lambda/src/secrets.rs"),
        root().join("shared/lambda/src/serve.rs"),
        root().join("shared/carrier-api/src/accounts.rs"),
    ];
    let functions = fs::read_dir(root().join("functions")).unwrap();
    sources.extend(functions.map(|function| function.unwrap().path().join("src/handler.rs")));
    let texts: Vec<String> = sources.iter().map(|source| fs::read_to_string(source).unwrap()).collect();
    let settings: BTreeSet<&str> = texts.iter().flat_map(|text| asked_for(text)).collect();
    assert!(settings.len() > 20, "{settings:?}");
    for setting in settings {
        assert!(table.contains(&format!("`{setting}`")), "{setting} is not in ARCHITECTURE.md");
    }
}
