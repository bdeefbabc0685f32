//! From the table's configuration to what one call is made of. Pure.

use std::collections::BTreeMap;

use audio::PIPELINE_HZ;
use dialogue::{Config, ConfigError, EndBy, Road, ToolSpec, Variables};
use domain::{AgentConfig, AgentId, E164, Tool, VendorChoice, Voice};
use opentelemetry::KeyValue;
use serde::Deserialize;
use serde_json::Value;
use speech::{
    Endpoint, LlmConfig, LlmOptions, RealtimeConfig, SttConfig, SttOptions, SttVendor, TtsConfig,
    TurnDetection, Vendor, VoiceSettings,
};
use telemetry::span;
use thiserror::Error;

use super::records::Bundle;

/// Address and key of each vendor, from the environment.
pub type Endpoints = BTreeMap<Vendor, Endpoint>;

/// An agent that cannot be used as it is configured.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum SetupError {
    /// A vendor's name nobody knows.
    #[error("{field}: unknown vendor `{name}`")]
    UnknownVendor {
        /// Where it is named.
        field: &'static str,
        /// The name.
        name: String,
    },
    /// The dialogue refuses a value.
    #[error("{0}")]
    Dialogue(#[from] ConfigError),
    /// An option has the wrong type.
    #[error("{field}.options: {why}")]
    Options {
        /// Whose options.
        field: &'static str,
        /// Why.
        why: String,
    },
}

/// What one call is made of.
#[derive(Debug, Clone)]
pub struct CallSetup {
    /// For the dialogue.
    pub dialogue: Config,
    /// Recognisers in order.
    pub stt: Vec<SttConfig>,
    /// Language models in order.
    pub llm: Vec<LlmConfig>,
    /// Voices in order.
    pub tts: Vec<TtsConfig>,
    /// Speech to speech, in place of the three.
    pub live: Vec<RealtimeConfig>,
    /// Tools over HTTP, by name.
    pub tools: BTreeMap<String, Tool>,
    /// Whose configuration it is.
    pub agent: AgentId,
    /// Who calls, where that is known.
    pub caller: Option<E164>,
}

impl CallSetup {
    /// Puts a call together.
    ///
    /// # Errors
    /// The configuration cannot be used; the field is named.
    pub fn new(
        bundle: &Bundle,
        endpoints: &Endpoints,
        variables: &Variables,
        road: Road,
    ) -> Result<Self, SetupError> {
        let agent = &bundle.agent;
        let stt = choices("vendors.stt", &agent.vendors.stt);
        let llm = choices("vendors.llm", &agent.vendors.llm);
        let tts = choices("vendors.tts", &agent.vendors.tts);
        let stt: Vec<SttConfig> = stt.map(|c| c.stt(endpoints, agent)).collect::<Result<_, _>>()?;
        let mut dialogue = Config::for_agent(agent, variables, road)?;
        if let Some(first) = stt.first() {
            suit(&mut dialogue, first.vendor);
        }
        let live = choices("vendors.s2s", &agent.vendors.s2s);
        let live = live.map(|c| c.live(endpoints, bundle, &dialogue)).collect::<Result<_, _>>()?;
        Ok(Self {
            agent: agent.id.clone(),
            caller: E164::new(variables.caller.as_str()).ok(),
            dialogue,
            live,
            stt,
            llm: llm.map(|c| c.llm(endpoints, agent)).collect::<Result<_, _>>()?,
            tts: tts.map(|c| c.tts(endpoints, bundle)).collect::<Result<_, _>>()?,
            tools: agent.tools.iter().map(|tool| (tool.name.clone(), tool.clone())).collect(),
        })
    }
}

impl CallSetup {
    /// What spans say of the call. A model is named only where it is the only one.
    #[must_use]
    pub fn span_attributes(&self) -> Vec<KeyValue> {
        let model = match (&self.live[..], &self.llm[..]) {
            ([live], _) => Some((Vendor::OpenAi, live.model.clone())),
            ([], [only]) => Some((only.vendor, only.model.clone())),
            _ => None,
        };
        let mut attributes = vec![KeyValue::new(span::AGENT, self.agent.to_string())];
        if let Some((vendor, model)) = model {
            attributes.push(KeyValue::new(span::PROVIDER, vendor.name()));
            attributes.push(KeyValue::new(span::MODEL, model));
        }
        attributes
    }
}

/// Options of a speech-to-speech vendor.
#[derive(Debug, Deserialize)]
#[serde(default)]
struct LiveOptions {
    voice: Option<String>,
    transcription_model: Option<String>,
    turn_detection: Detection,
    eagerness: String,
    threshold: f32,
    prefix_padding_ms: u32,
    silence_ms: u32,
}

impl Default for LiveOptions {
    /// The vendor's own threshold and padding, and its documented silence, which its sample sessions contradict
    /// (vendors.md, section 4: always set it).
    fn default() -> Self {
        Self {
            voice: None,
            transcription_model: None,
            turn_detection: Detection::ServerVad,
            eagerness: "auto".to_owned(),
            threshold: 0.5,
            prefix_padding_ms: 300,
            silence_ms: 500,
        }
    }
}

impl LiveOptions {
    fn turns(&self) -> TurnDetection {
        match self.turn_detection {
            Detection::ServerVad => TurnDetection::Server {
                threshold: self.threshold,
                prefix_padding_ms: self.prefix_padding_ms,
                silence_ms: self.silence_ms,
                idle_timeout_ms: None,
            },
            Detection::SemanticVad => TurnDetection::Semantic { eagerness: self.eagerness.clone() },
        }
    }
}

/// By what a speech-to-speech vendor ends turns, in its words.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Detection {
    ServerVad,
    SemanticVad,
}

/// How turns end with this recogniser.
fn suit(dialogue: &mut Config, vendor: SttVendor) {
    match vendor {
        SttVendor::Deepgram | SttVendor::AssemblyAi => {}
        SttVendor::DeepgramFlux => dialogue.turns.endpointing.end_by = EndBy::Stt,
        SttVendor::OpenAi | SttVendor::Groq => dialogue.turns.recogniser.hear_whole_utterances(),
    }
}

/// One vendor of a chain, its options taken apart.
struct Choice<'a> {
    field: &'static str,
    choice: &'a VendorChoice,
    options: BTreeMap<String, Value>,
}

fn choices<'a>(field: &'static str, choices: &'a [VendorChoice]) -> impl Iterator<Item = Choice<'a>> {
    choices.iter().map(move |choice| Choice::new(field, choice))
}

impl<'a> Choice<'a> {
    fn new(field: &'static str, choice: &'a VendorChoice) -> Self {
        Self { field, choice, options: choice.options.clone() }
    }

    fn unknown(&self) -> SetupError {
        SetupError::UnknownVendor { field: self.field, name: self.choice.vendor.clone() }
    }

    /// A protocol by its configured name.
    fn protocol<T: serde::de::DeserializeOwned>(&self) -> Result<T, SetupError> {
        let name = self.choice.vendor.replace('-', "_");
        serde_json::from_value(Value::String(name)).map_err(|_| self.unknown())
    }

    /// The vendor's address and key; `base_url` among the options moves it elsewhere.
    fn endpoint(&mut self, endpoints: &Endpoints, vendor: Vendor) -> Endpoint {
        let mut endpoint = endpoints.get(&vendor).cloned().unwrap_or_else(|| Endpoint::public(vendor, ""));
        if let Some(Value::String(base_url)) = self.options.remove("base_url") {
            endpoint.base_url = base_url;
        }
        endpoint
    }

    /// The options `T` knows; the others stay.
    fn known<T: serde::de::DeserializeOwned>(&mut self, names: &[&str]) -> Result<T, SetupError> {
        let known: serde_json::Map<String, Value> =
            names.iter().filter_map(|&name| Some((name.to_owned(), self.options.remove(name)?))).collect();
        serde_json::from_value(Value::Object(known))
            .map_err(|error| SetupError::Options { field: self.field, why: error.to_string() })
    }

    /// The options left, as text.
    fn pairs(&mut self) -> Vec<(String, String)> {
        let text = |value: Value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        std::mem::take(&mut self.options).into_iter().map(|(name, value)| (name, text(value))).collect()
    }

    fn stt(mut self, endpoints: &Endpoints, agent: &AgentConfig) -> Result<SttConfig, SetupError> {
        let vendor: SttVendor = self.protocol()?;
        let endpoint = self.endpoint(endpoints, vendor.vendor());
        let mut options: SttOptions = self.known(&[
            "endpointing_ms",
            "keyterms",
            "end_of_turn_threshold",
            "eager_threshold",
            "end_of_turn_timeout_ms",
        ])?;
        options.extra = self.pairs();
        Ok(SttConfig {
            vendor,
            endpoint,
            model: self.choice.model.clone(),
            language: Some(agent.language.clone()),
            sample_rate: PIPELINE_HZ,
            options,
        })
    }

    fn llm(mut self, endpoints: &Endpoints, agent: &AgentConfig) -> Result<LlmConfig, SetupError> {
        let vendor: Vendor = self.protocol()?;
        let endpoint = self.endpoint(endpoints, vendor);
        let mut options: LlmOptions = self.known(&["temperature", "max_tokens", "reasoning_effort"])?;
        options.max_tokens.get_or_insert(agent.limits.max_reply_tokens);
        options.extra = std::mem::take(&mut self.options).into_iter().collect();
        Ok(LlmConfig { vendor, endpoint, model: self.choice.model.clone(), options })
    }

    fn live(
        mut self,
        endpoints: &Endpoints,
        bundle: &Bundle,
        dialogue: &Config,
    ) -> Result<RealtimeConfig, SetupError> {
        let agent = &bundle.agent;
        if self.choice.vendor != Vendor::OpenAi.name() {
            return Err(self.unknown());
        }
        let endpoint = self.endpoint(endpoints, Vendor::OpenAi);
        let own: LiveOptions = self.known(&[
            "voice",
            "transcription_model",
            "turn_detection",
            "eagerness",
            "threshold",
            "prefix_padding_ms",
            "silence_ms",
        ])?;
        let tool = |spec: &ToolSpec| speech::Tool {
            name: spec.name.clone(),
            description: spec.description.clone(),
            parameters: spec.parameters.clone(),
        };
        Ok(RealtimeConfig {
            endpoint,
            model: self.choice.model.clone(),
            turns: own.turns(),
            voice: own
                .voice
                .or_else(|| self.voice(bundle).map(|v| v.vendor_voice_id.clone()))
                .unwrap_or_default(),
            instructions: dialogue.instructions.clone(),
            tools: dialogue.tools.iter().map(tool).collect(),
            tool_choice: speech::ToolChoice::Auto,
            transcription_model: own.transcription_model,
            language: agent.language.split('-').next().map(str::to_owned),
            max_output_tokens: Some(agent.limits.max_reply_tokens),
            history: Vec::new(),
            extra: std::mem::take(&mut self.options).into_iter().collect(),
        })
    }

    /// The agent's voice, which belongs to one vendor; the others of the chain name theirs among the options.
    fn voice<'b>(&self, bundle: &'b Bundle) -> Option<&'b Voice> {
        Some(&bundle.voice).filter(|voice| voice.vendor == self.choice.vendor)
    }

    fn tts(mut self, endpoints: &Endpoints, bundle: &Bundle) -> Result<TtsConfig, SetupError> {
        let vendor: speech::TtsVendor = self.protocol()?;
        let endpoint = self.endpoint(endpoints, vendor.vendor());
        let voice = self.voice(bundle);
        let own: VoiceSettings =
            self.known(&["stability", "similarity_boost", "style", "use_speaker_boost", "speed"])?;
        #[expect(clippy::cast_possible_truncation, reason = "settings between 0 and 2")]
        let narrow = |value: Option<f64>| value.map(|v| v as f32);
        let settings = voice.map_or(own.clone(), |voice| VoiceSettings {
            stability: narrow(voice.stability).or(own.stability),
            similarity_boost: narrow(voice.similarity_boost).or(own.similarity_boost),
            style: narrow(voice.style).or(own.style),
            use_speaker_boost: voice.use_speaker_boost.or(own.use_speaker_boost),
            speed: narrow(voice.speed).or(own.speed),
        });
        let named = match self.options.remove("voice") {
            Some(Value::String(name)) => Some(name),
            _ => None,
        };
        let language = match self.options.remove("language") {
            Some(Value::String(language)) => Some(language),
            _ => None,
        };
        Ok(TtsConfig {
            vendor,
            endpoint,
            model: voice.and_then(|voice| voice.model.clone()).unwrap_or_else(|| self.choice.model.clone()),
            voice: voice.map(|voice| voice.vendor_voice_id.clone()).or(named).unwrap_or_default(),
            language,
            sample_rate: PIPELINE_HZ,
            settings,
            extra: self.pairs(),
        })
    }
}

#[cfg(test)]
mod tests {
    use domain::Config as _;
    use serde_json::json;
    use speech::{ContextId, Tts, WsMessage};

    use super::*;

    fn check<T: serde::de::DeserializeOwned + serde::Serialize>(names: &[&str]) {
        for &name in names {
            let protocol: T = serde_json::from_value(Value::from(name)).unwrap();
            assert_eq!(serde_json::to_value(protocol).unwrap(), name);
        }
    }

    #[test]
    fn every_vendor_that_may_be_configured_is_spoken() {
        check::<SttVendor>(&domain::STT_VENDORS);
        check::<Vendor>(&domain::LLM_VENDORS);
        check::<speech::TtsVendor>(&domain::TTS_VENDORS);
        assert_eq!(domain::S2S_VENDORS, [Vendor::OpenAi.name()]);
    }

    /// A call of an agent with these vendors and a cloned voice.
    fn setup(vendors: &Value) -> CallSetup {
        let agent = json!({"id": "desk", "prompt": "x", "greeting": "", "voice": "amy", "vendors": vendors});
        let voice = json!({"id": "amy", "vendor": "elevenlabs", "vendor_voice_id": "Cloned1", "model": "flash",
            "stability": 0.5, "similarity_boost": 0.75, "style": 0.0, "use_speaker_boost": false, "speed": 1.1});
        let bundle = Bundle {
            agent: AgentConfig::from_json(&agent.to_string()).unwrap(),
            voice: Voice::from_json(&voice.to_string()).unwrap(),
        };
        CallSetup::new(&bundle, &Endpoints::new(), &Variables::default(), Road::default()).unwrap()
    }

    #[test]
    fn a_stored_voice_reaches_the_wire_with_its_settings() {
        let setup = setup(&json!({
            "stt": [{"vendor": "deepgram", "model": "ears"}],
            "llm": [{"vendor": "openai", "model": "brain"}],
            "tts": [{"vendor": "elevenlabs", "model": "agent's"}, {"vendor": "openai", "model": "m", "options": {"voice": "bea"}}],
        }));
        let Tts::Socket(mut session) = Tts::new(setup.tts[0].clone()) else { panic!("not a socket") };
        let url = session.connect().url;
        assert!(url.contains("/v1/text-to-speech/Cloned1/") && url.contains("model_id=flash"), "{url}");
        let opened = session.open(ContextId(1)).unwrap();
        let WsMessage::Text(first) = &opened[0] else { panic!("{opened:?}") };
        let first: Value = serde_json::from_str(first).unwrap();
        let settings = json!({"stability": 0.5, "similarity_boost": 0.75, "style": 0.0, "use_speaker_boost": false, "speed": 1.1});
        assert_eq!(first["voice_settings"], settings);
        assert_eq!((setup.tts[1].voice.as_str(), &setup.tts[1].settings), ("bea", &VoiceSettings::default()));
    }

    #[test]
    fn speech_to_speech_has_its_own_voice() {
        let s2s = |options: Value| {
            let vendors = json!({"s2s": [{"vendor": "openai", "model": "m", "options": options}]});
            setup(&vendors).live.remove(0)
        };
        assert_eq!(s2s(json!({"voice": "bea"})).voice, "bea");
        assert_eq!(s2s(json!({})).voice, "", "another vendor's is not sent");
        let semantic = s2s(json!({"turn_detection": "semantic_vad", "eagerness": "low"}));
        assert_eq!(semantic.turns, TurnDetection::Semantic { eagerness: "low".into() });
    }
}
