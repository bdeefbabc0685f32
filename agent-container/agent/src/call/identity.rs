//! Who calls whom: from the dispatch, or from what SIP says of the caller.

use std::collections::BTreeMap;

use dialogue::Variables;
use domain::{AgentId, Caller, E164, EndReason, JobMetadata, SipHeaders, WallTime};
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
        at: now,
        headers: metadata.headers.reveal().clone(),
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
        at: now,
        headers: headers(attributes),
        ..Variables::default()
    };
    Ok((config.agent, variables))
}

/// SIP headers by the names that templates know them by.
fn headers(attributes: &Attributes) -> BTreeMap<String, String> {
    let header = |(name, value): (&String, &String)| {
        name.strip_prefix(HEADER).map(|header| (SipHeaders::name(header), value.clone()))
    };
    attributes.iter().filter_map(header).collect()
}

#[cfg(test)]
mod tests {
    use domain::{CallId, Provider};

    use super::*;

    #[test]
    fn headers_are_named_as_templates_name_them() {
        let pairs =
            [("sip.h.X-Customer-Name", "Anna"), ("sip.phoneNumber", "+15550100101"), ("lk.other", "x")];
        let attributes = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let variables = Variables { headers: headers(&attributes), ..Variables::default() };
        let greeting =
            dialogue::render("greeting", "Hello {{ headers.x_customer_name }}!", &variables, "UTC");
        assert_eq!(greeting.unwrap(), "Hello Anna!");
        assert_eq!(variables.headers.len(), 1, "nothing else is a header");
    }

    #[test]
    fn a_prompt_may_mention_who_calls_whom_when_and_with_which_headers() {
        let metadata = JobMetadata {
            call_id: CallId::new("CA1").unwrap(),
            provider: Provider::Twilio,
            caller: Caller::parse("+15550100123"),
            number: E164::new("+15550100100").unwrap(),
            agent_id: AgentId::new("reception").unwrap(),
            headers: SipHeaders::new([("X-Customer-Id".to_owned(), "4711".to_owned())]),
        };
        let now = WallTime::from_millis(1_795_246_476_149);
        // They arrive as the function sent them.
        let arrived = JobMetadata::from_json(&metadata.to_json()).unwrap();
        let expected = Variables {
            caller: "+15550100123".to_owned(),
            number: "+15550100100".to_owned(),
            at: now,
            headers: BTreeMap::from([("x_customer_id".to_owned(), "4711".to_owned())]),
            extra: BTreeMap::new(),
        };
        assert_eq!(variables(&arrived, now), expected);
    }
}
