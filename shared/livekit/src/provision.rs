//! SIP trunks and dispatch rules, brought to the wanted state however often it is asked.
//!
//! Every rule is bound to its trunk: a rule for any trunk would let in callers whom no trunk asked for a
//! password.

use domain::Secret;
use livekit_api::services::sip::{
    CreateSIPDispatchRuleOptions, CreateSIPInboundTrunkOptions, ListSIPDispatchRuleFilter,
    ListSIPInboundTrunkFilter,
};
use livekit_protocol::sip_dispatch_rule::Rule;
use livekit_protocol::{
    RoomAgentDispatch, RoomConfiguration, SipDispatchRuleCallee, SipDispatchRuleIndividual,
    SipDispatchRuleInfo, SipHeaderOptions, SipInboundTrunkInfo,
};

use crate::client::Client;
use crate::error::LiveKitError;

/// Name of the trunk and rule of the webhook's road.
const WEBHOOK_ROAD: &str = "ringdown-webhook";

/// Name of the trunk and rule of the pure SIP road.
const NUMBER_ROAD: &str = "ringdown-numbers";

/// Prefix of the rooms of the pure SIP road, `sip_<from>_<random>`.
const NUMBER_ROOM_PREFIX: &str = "sip";

/// What a trunk lets in, and who answers.
#[derive(Debug, Clone)]
pub struct Trunk {
    /// Digest user.
    pub username: String,
    /// Digest password.
    pub password: Secret<String>,
    /// Addresses or networks of the carriers' signalling; empty lets in any that knows the password.
    pub allowed_addresses: Vec<String>,
    /// The agent each room asks for by itself, in case a dispatch was lost.
    pub agent_name: String,
}

/// Ids of what exists now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provisioned {
    /// `ST_…`.
    pub trunk_id: String,
    /// `SDR_…`.
    pub rule_id: String,
}

impl Client {
    /// The trunk without numbers and the rule "the called name is the room", by which the webhook names the
    /// room in the SIP address. A LiveKit project can have one such trunk.
    ///
    /// # Errors
    /// When the server refuses or does not answer in time.
    pub async fn ensure_webhook_road(&self, trunk: &Trunk) -> Result<Provisioned, LiveKitError> {
        let callee = SipDispatchRuleCallee::default();
        self.ensure_road(WEBHOOK_ROAD, Vec::new(), trunk, Rule::DispatchRuleCallee(callee)).await
    }

    /// The trunk with our numbers and the rule "one room for each call", for carriers that send SIP
    /// without asking a webhook first.
    ///
    /// # Errors
    /// When the server refuses or does not answer in time.
    pub async fn ensure_number_road(
        &self,
        numbers: Vec<String>,
        trunk: &Trunk,
    ) -> Result<Provisioned, LiveKitError> {
        let individual =
            SipDispatchRuleIndividual { room_prefix: NUMBER_ROOM_PREFIX.to_owned(), ..Default::default() };
        self.ensure_road(NUMBER_ROAD, numbers, trunk, Rule::DispatchRuleIndividual(individual)).await
    }

    async fn ensure_road(
        &self,
        name: &str,
        numbers: Vec<String>,
        trunk: &Trunk,
        rule: Rule,
    ) -> Result<Provisioned, LiveKitError> {
        let trunk_id = self.ensure_trunk(name, numbers, trunk).await?;
        let rule_id = self.ensure_rule(name, &trunk_id, &trunk.agent_name, rule).await?;
        Ok(Provisioned { trunk_id, rule_id })
    }

    async fn ensure_trunk(
        &self,
        name: &str,
        numbers: Vec<String>,
        wanted: &Trunk,
    ) -> Result<String, LiveKitError> {
        let sip = self.api().sip();
        let all = self.ask("list trunks", sip.list_sip_inbound_trunk(ListSIPInboundTrunkFilter::All)).await?;
        let same = |trunk: &SipInboundTrunkInfo| {
            trunk.name == name || numbers.is_empty() && trunk.numbers.is_empty()
        };
        let current = match all.into_iter().find(same) {
            Some(trunk) => trunk,
            None => self.create_trunk(name, numbers.clone(), wanted).await?,
        };
        let id = current.sip_trunk_id.clone();
        let target = wanted.applied_to(current.clone(), numbers);
        if target != current {
            self.ask("update trunk", sip.update_sip_inbound_trunk_replace(id.clone(), target)).await?;
        }
        Ok(id)
    }

    async fn create_trunk(
        &self,
        name: &str,
        numbers: Vec<String>,
        wanted: &Trunk,
    ) -> Result<SipInboundTrunkInfo, LiveKitError> {
        let options = CreateSIPInboundTrunkOptions {
            auth_username: Some(wanted.username.clone()),
            auth_password: Some(wanted.password.reveal().clone()),
            allowed_addresses: Some(wanted.allowed_addresses.clone()),
            ..Default::default()
        };
        let sip = self.api().sip();
        self.ask("create trunk", sip.create_sip_inbound_trunk(name.to_owned(), numbers, options)).await
    }

    async fn ensure_rule(
        &self,
        name: &str,
        trunk_id: &str,
        agent_name: &str,
        rule: Rule,
    ) -> Result<String, LiveKitError> {
        let sip = self.api().sip();
        let all = self.ask("list rules", sip.list_sip_dispatch_rule(ListSIPDispatchRuleFilter::All)).await?;
        let mine = all.into_iter().filter(|info| info.name == name || info.trunk_ids == [trunk_id]);
        for info in mine {
            if fits(&info, trunk_id, agent_name, &rule) {
                return Ok(info.sip_dispatch_rule_id);
            }
            self.ask("delete rule", sip.delete_sip_dispatch_rule(&info.sip_dispatch_rule_id)).await?;
        }
        let options = CreateSIPDispatchRuleOptions {
            name: name.to_owned(),
            trunk_ids: vec![trunk_id.to_owned()],
            room_config: Some(room_config(agent_name)),
            ..Default::default()
        };
        let made = self.ask("create rule", sip.create_sip_dispatch_rule(rule, options)).await?;
        Ok(made.sip_dispatch_rule_id)
    }
}

impl Trunk {
    /// X headers only: all headers would copy the caller's `Proxy-Authorization` into the room.
    fn applied_to(&self, trunk: SipInboundTrunkInfo, numbers: Vec<String>) -> SipInboundTrunkInfo {
        SipInboundTrunkInfo {
            numbers,
            auth_username: self.username.clone(),
            auth_password: self.password.reveal().clone(),
            allowed_addresses: self.allowed_addresses.clone(),
            include_headers: SipHeaderOptions::SipXHeaders.into(),
            ..trunk
        }
    }
}

fn fits(info: &SipDispatchRuleInfo, trunk_id: &str, agent_name: &str, rule: &Rule) -> bool {
    let same_rule = info.rule.as_ref().and_then(|wrapped| wrapped.rule.as_ref()) == Some(rule);
    let agents = info.room_config.as_ref().map(|config| config.agents.as_slice()).unwrap_or_default();
    let same_agent = matches!(agents, [one] if one.agent_name == agent_name);
    same_rule && same_agent && info.trunk_ids == [trunk_id]
}

fn room_config(agent_name: &str) -> RoomConfiguration {
    let agent = RoomAgentDispatch { agent_name: agent_name.to_owned(), ..Default::default() };
    RoomConfiguration { agents: vec![agent], ..Default::default() }
}
