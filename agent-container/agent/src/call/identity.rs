//! Who calls whom: from the dispatch, or from what SIP says of the caller.

use std::collections::BTreeMap;

use dialogue::Variables;
use domain::{AgentId, Caller, E164, EndReason, JobMetadata, WallTime};
use tracing::warn;

use super::records::Records;

/// A caller's attributes as the road gave them.
pub type Attributes = BTreeMap<String, String>;

/// Attributes that may name the called number, the surest first.
const CALLED: [&str; 2] = ["sip.h.x-ringdown-to", "sip.trunkPhoneNumber"];
/// Attributes that may name the caller, the surest first.
const CALLING: [&str; 2] = ["sip.h.x-ringdown-from", "sip.phoneNumber"];
/// Prefix of attributes that are SIP headers.
const HEADER: &str = "sip.h.";

/// What prompt and greeting may mention.
#[must_use]
pub fn variables(metadata: &JobMetadata, now: WallTime) -> Variables {
    let caller = match &metadata.caller {
        Caller::Number(number) => number.as_str().to_owned(),
        _ => String::new(),
    };
    Variables {
        caller,
        number: metadata.number.as_str().to_owned(),
        time: spoken(now),
        ..Variables::default()
    }
}

/// The same for a call that came without a dispatch of ours.
///
/// # Errors
/// Why nobody can answer it.
pub async fn of_attributes(
    records: &dyn Records,
    attributes: &Attributes,
    now: WallTime,
) -> Result<(AgentId, Variables), EndReason> {
    let find =
        |names: [&str; 2]| names.iter().find_map(|name| E164::new(attributes.get(*name)?.as_str()).ok());
    let Some(number) = find(CALLED) else {
        warn!("the called number is not known");
        return Err(EndReason::UnknownNumber);
    };
    let config = records.number(&number).await.map_err(|error| {
        warn!(%error, "number not loaded from the table");
        EndReason::AgentAbsent
    })?;
    let Some(config) = config else { return Err(EndReason::UnknownNumber) };
    let variables = Variables {
        caller: find(CALLING).map(|caller| caller.as_str().to_owned()).unwrap_or_default(),
        number: number.as_str().to_owned(),
        time: spoken(now),
        headers: headers(attributes),
        ..Variables::default()
    };
    Ok((config.agent, variables))
}

/// SIP headers by the names that templates know them by.
fn headers(attributes: &Attributes) -> BTreeMap<String, String> {
    let header = |(name, value): (&String, &String)| {
        name.strip_prefix(HEADER).map(|header| (header.to_ascii_lowercase().replace('-', "_"), value.clone()))
    };
    attributes.iter().filter_map(header).collect()
}

/// The time as a prompt wants it, in UTC: `2026-11-21 09:30 UTC, Saturday`.
fn spoken(now: WallTime) -> String {
    const DAYS: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];
    let text = now.to_string();
    // 1970-01-01 was a Thursday.
    let day = DAYS[usize::try_from(now.as_secs() / 86_400 % 7).unwrap_or(0)];
    format!("{} {} UTC, {day}", &text[..10], &text[11..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_named_as_templates_name_them() {
        let pairs =
            [("sip.h.X-Customer-Name", "Anna"), ("sip.phoneNumber", "+15550100101"), ("lk.other", "x")];
        let attributes = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let variables = Variables { headers: headers(&attributes), ..Variables::default() };
        let greeting = dialogue::render("greeting", "Hello {{ headers.x_customer_name }}!", &variables);
        assert_eq!(greeting.unwrap(), "Hello Anna!");
        assert_eq!(variables.headers.len(), 1, "nothing else is a header");
    }

    #[test]
    fn the_time_is_spoken_with_its_weekday() {
        assert_eq!(spoken(WallTime::from_millis(1_795_246_476_149)), "2026-11-21 07:34 UTC, Saturday");
    }
}
