//! What the servers need to know before the first call: one trunk and its dispatch rule.

use std::time::Duration;

use anyhow::{Context, Result};
use livekit_api::access_token::{AccessToken, VideoGrants};
use livekit_api::services::sip::{CreateSIPDispatchRuleOptions, CreateSIPInboundTrunkOptions, SIPClient};
use livekit_protocol as proto;

use crate::servers::ServersOptions;

/// The ids LiveKit gave.
#[derive(Debug)]
pub(crate) struct Provisioned {
    pub(crate) trunk_id: String,
}

/// Creates the one trunk without numbers, which authenticates by digest, and the *callee* rule bound to it: the user part of the
/// dialled address is the room's name.
pub(crate) async fn provision(options: &ServersOptions, url: &str) -> Result<Provisioned> {
    // Somebody else may have installed one already; any does.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let sip = SIPClient::with_api_key(url, &options.api_key, &options.api_secret);
    let trunk_id = create_trunk(&sip, options).await.context("cannot create the SIP trunk")?;
    create_rule(&sip, options, &trunk_id).await.context("cannot create the SIP dispatch rule")?;
    Ok(Provisioned { trunk_id })
}

async fn create_trunk(sip: &SIPClient, options: &ServersOptions) -> Result<String> {
    let settings = CreateSIPInboundTrunkOptions {
        auth_username: Some(options.sip_username.clone()),
        auth_password: Some(options.sip_password.clone()),
        ringing_timeout: Some(options.ringing_timeout),
        ..Default::default()
    };
    let mut trunk = sip.create_sip_inbound_trunk("carrier".to_owned(), Vec::new(), settings).await?;
    // The client has no option for it. X headers only: "all" would copy the credentials into the participant's attributes.
    trunk.include_headers = proto::SipHeaderOptions::SipXHeaders.into();
    let trunk_id = trunk.sip_trunk_id.clone();
    sip.update_sip_inbound_trunk_replace(trunk_id.clone(), trunk).await?;
    Ok(trunk_id)
}

async fn create_rule(sip: &SIPClient, options: &ServersOptions, trunk_id: &str) -> Result<()> {
    let rule = proto::sip_dispatch_rule::Rule::DispatchRuleCallee(proto::SipDispatchRuleCallee::default());
    let room_config = options.safety_net_agent.as_ref().map(|agent| proto::RoomConfiguration {
        agents: vec![proto::RoomAgentDispatch { agent_name: agent.clone(), ..Default::default() }],
        ..Default::default()
    });
    let settings = CreateSIPDispatchRuleOptions {
        name: "call".to_owned(),
        trunk_ids: vec![trunk_id.to_owned()],
        room_config,
        ..Default::default()
    };
    sip.create_sip_dispatch_rule(rule, settings).await?;
    Ok(())
}

pub(crate) fn join_token(options: &ServersOptions, room: &str, identity: &str) -> Result<String> {
    let grants = VideoGrants { room_join: true, room: room.to_owned(), ..Default::default() };
    AccessToken::with_api_key(&options.api_key, &options.api_secret)
        .with_identity(identity)
        .with_grants(grants)
        .with_ttl(Duration::from_secs(3600))
        .to_jwt()
        .context("cannot sign a token")
}
