//! Our accounts at the carriers.

use carrier::rest::{Credentials, Dialect, RestApi, TELNYX_BASE_URL, TWILIO_BASE_URL};
use domain::Provider;

/// Our accounts at the carriers; each may be missing.
#[derive(Debug, Clone, Default)]
pub struct Accounts {
    /// `TWILIO_ACCOUNT_SID` and the first of `TWILIO_AUTH_TOKENS`; `TWILIO_API_BASE_URL` points elsewhere.
    pub twilio: Option<RestApi>,
    /// `TELNYX_ACCOUNT_SID` and `TELNYX_API_KEY`; `TELNYX_API_BASE_URL` points elsewhere.
    pub telnyx: Option<RestApi>,
    /// `SIGNALWIRE_PROJECT_ID`, `SIGNALWIRE_API_TOKEN` and `SIGNALWIRE_API_BASE_URL`, which has the space in it:
    /// `https://example.signalwire.com/api/laml`.
    pub signalwire: Option<RestApi>,
}

impl Accounts {
    /// From variables, by their names.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let variable = |name| variable(name).filter(|value| !value.is_empty());
        let tokens = variable("TWILIO_AUTH_TOKENS").unwrap_or_default();
        let token = tokens.split(',').map(str::trim).find(|token| !token.is_empty()).map(str::to_owned);
        let base_url = |name, usual: &str| variable(name).unwrap_or_else(|| usual.to_owned());
        let twilio = basic(
            Some(base_url("TWILIO_API_BASE_URL", TWILIO_BASE_URL)),
            variable("TWILIO_ACCOUNT_SID"),
            token,
        );
        let signalwire = basic(
            variable("SIGNALWIRE_API_BASE_URL"),
            variable("SIGNALWIRE_PROJECT_ID"),
            variable("SIGNALWIRE_API_TOKEN"),
        );
        let telnyx = variable("TELNYX_ACCOUNT_SID").zip(variable("TELNYX_API_KEY")).map(|(account, key)| {
            let base_url = base_url("TELNYX_API_BASE_URL", TELNYX_BASE_URL);
            RestApi { base_url, account, credentials: Credentials::Bearer(key), dialect: Dialect::Texml }
        });
        Self { twilio, telnyx, signalwire }
    }

    /// The account at a carrier.
    pub fn at(&self, provider: Provider) -> Option<&RestApi> {
        match provider {
            Provider::Twilio => self.twilio.as_ref(),
            Provider::Telnyx => self.telnyx.as_ref(),
            Provider::SignalWire => self.signalwire.as_ref(),
            Provider::Sip => None,
        }
    }
}

fn basic(base_url: Option<String>, account: Option<String>, password: Option<String>) -> Option<RestApi> {
    let (base_url, account, password) = (base_url?, account?, password?);
    let credentials = Credentials::Basic { user: account.clone(), password };
    Some(RestApi { base_url, account, credentials, dialect: Dialect::Laml })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts(variables: &[(&str, &str)]) -> Accounts {
        Accounts::read(|name| {
            variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn each_carrier_is_asked_at_its_own_place_with_its_own_proof() {
        let all = accounts(&[
            ("TWILIO_ACCOUNT_SID", "AC1"),
            ("TWILIO_AUTH_TOKENS", "new, old"),
            ("TELNYX_ACCOUNT_SID", "f5"),
            ("TELNYX_API_KEY", "KEY1"),
            ("SIGNALWIRE_API_BASE_URL", "https://x.signalwire.com/api/laml/"),
            ("SIGNALWIRE_PROJECT_ID", "p1"),
            ("SIGNALWIRE_API_TOKEN", "PT1"),
        ]);
        let check = |provider, call, url, authorization| {
            let request = all.at(provider).unwrap().fetch_call(call).unwrap();
            assert_eq!((request.url.as_str(), request.authorization.as_deref()), (url, Some(authorization)));
        };
        check(
            Provider::Twilio,
            "CA1",
            "https://api.twilio.com/2010-04-01/Accounts/AC1/Calls/CA1.json",
            "Basic QUMxOm5ldw==",
        );
        check(
            Provider::Telnyx,
            "v3:a_b",
            "https://api.telnyx.com/v2/texml/Accounts/f5/Calls/v3%3Aa_b",
            "Bearer KEY1",
        );
        check(
            Provider::SignalWire,
            "7d1c",
            "https://x.signalwire.com/api/laml/2010-04-01/Accounts/p1/Calls/7d1c.json",
            "Basic cDE6UFQx",
        );
        assert!(all.at(Provider::Sip).is_none());
    }

    #[test]
    fn half_an_account_is_none() {
        for variable in ["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKENS", "TELNYX_API_KEY", "SIGNALWIRE_API_TOKEN"]
        {
            let half = accounts(&[(variable, "x")]);
            for provider in [Provider::Twilio, Provider::Telnyx, Provider::SignalWire] {
                assert!(half.at(provider).is_none(), "{variable}");
            }
        }
    }
}
