//! Prompts and greetings with variables.

use std::collections::BTreeMap;

use domain::WallTime;
use jiff::Timestamp;
use jiff::tz::TimeZoneDatabase;
use minijinja::{Environment, UndefinedBehavior};
use serde::{Deserialize, Serialize};

use crate::ConfigError;

/// What a template may mention.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variables {
    /// Who calls, E.164; empty when withheld.
    pub caller: String,
    /// Which number was called, E.164.
    pub number: String,
    /// When the call began; in the templates `time` is that in the agent's time zone, as
    /// `2026-11-21 14:05 +01:00, Saturday`.
    pub at: WallTime,
    /// SIP headers of the call, names in lower case with `_` for `-`: `{{ headers.x_customer }}`.
    pub headers: BTreeMap<String, String>,
    /// Anything else, as `{{ extra.… }}`.
    pub extra: BTreeMap<String, String>,
}

/// Fills in the variables of `template` (Jinja syntax), the time as it is in the IANA time zone `zone`. A header or extra
/// that is not there is empty.
///
/// # Errors
///
/// `field` and the reason when the template is malformed or names an unknown variable; `time_zone` when there is none of
/// that name.
pub fn render(field: &str, template: &str, variables: &Variables, zone: &str) -> Result<String, ConfigError> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Lenient);
    env.set_fuel(Some(FUEL));
    let fault = |e: minijinja::Error| ConfigError::new(field, e.to_string());
    let compiled = env.template_from_str(template).map_err(fault)?;
    if let Some(unknown) = compiled.undeclared_variables(false).iter().find(|v| !KNOWN.contains(&v.as_str()))
    {
        return Err(ConfigError::new(
            field,
            format!("unknown variable `{unknown}`; known: {}", KNOWN.join(", ")),
        ));
    }
    let map = |m: &BTreeMap<String, String>| minijinja::Value::from_pairs(m.clone());
    let known = minijinja::context! {
        caller => variables.caller.as_str(),
        number => variables.number.as_str(),
        time => local_time(variables.at, zone)?,
        headers => map(&variables.headers),
        extra => map(&variables.extra),
    };
    compiled.render(known).map_err(fault)
}

/// A moment as a prompt wants it.
fn local_time(at: WallTime, zone: &str) -> Result<String, ConfigError> {
    let unknown = |_| ConfigError::new("time_zone", format!("there is no time zone `{zone}`"));
    let zone = TimeZoneDatabase::bundled().get(zone).map_err(unknown)?;
    let millis = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
    // A moment that no calendar has is no call's.
    let at = Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX).to_zoned(zone);
    Ok(at.strftime("%Y-%m-%d %H:%M %:z, %A").to_string())
}

/// Names of the variables, as in [`Variables`].
const KNOWN: [&str; 5] = ["caller", "number", "time", "headers", "extra"];
/// Steps a template may take: far more than any prompt needs, few enough to end at once.
const FUEL: u64 = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        let pair = |k: &str, v: &str| BTreeMap::from([(k.to_owned(), v.to_owned())]);
        Variables {
            caller: "+15550100101".to_owned(),
            number: "+15550100100".to_owned(),
            at: WallTime::from_millis(1_795_266_300_000),
            headers: pair("x_customer", "Anna"),
            extra: pair("firm", "Ringdown"),
        }
    }

    #[test]
    fn variables_are_filled_in() {
        let check = |template: &str, expected: &str| {
            assert_eq!(
                render("greeting", template, &variables(), "Europe/Berlin").unwrap(),
                expected,
                "{template}"
            );
        };
        check("Hello {{ headers.x_customer or caller }}!", "Hello Anna!");
        check("{{ headers.x_missing }}{{ extra.firm }}", "Ringdown");
        check("{% if number %}You called {{ number }}.{% endif %}", "You called +15550100100.");
        check("{{ time }}", "2026-11-21 14:05 +01:00, Saturday");
        check("No variables", "No variables");
    }

    #[test]
    fn templates_that_cannot_work_are_refused_by_field() {
        let check = |template: &str| {
            assert_eq!(
                render("prompt", template, &variables(), "UTC").unwrap_err().field,
                "prompt",
                "{template}"
            );
        };
        check("{{ callr }}");
        check("{{ caller ");
        check("{% for i in range(1000000) %}{% for j in range(1000000) %}x{% endfor %}{% endfor %}");
    }
}
