//! OpenAI and Groq `/audio/speech`.

use serde_json::json;
use speech::{ContextId, Endpoint, FaultKind, Tts, TtsConfig, TtsEvent, TtsHttp, TtsVendor, VoiceSettings};

use crate::{body, endpoint};

const ONE: ContextId = ContextId(1);

fn config(vendor: TtsVendor) -> TtsConfig {
    TtsConfig {
        vendor,
        endpoint: endpoint(),
        model: "m".into(),
        voice: "amy".into(),
        language: None,
        sample_rate: 16_000,
        settings: VoiceSettings { speed: Some(1.1), ..Default::default() },
        extra: vec![("instructions".into(), "kindly".into()), ("speed".into(), "1.2".into())],
    }
}

fn voice(vendor: TtsVendor) -> TtsHttp {
    match Tts::new(config(vendor)) {
        Tts::Http(voice) => voice,
        Tts::Socket(session) => panic!("a socket: {session:?}"),
    }
}

fn wav(sample_rate: u32, channels: u16, samples: &[i16]) -> Vec<u8> {
    let mut file = b"RIFF\xff\xff\xff\xffWAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0\x01\0".to_vec();
    file.extend(channels.to_le_bytes());
    file.extend(sample_rate.to_le_bytes());
    file.extend([0, 0, 0, 0, 2, 0, 16, 0]);
    file.extend(b"data\xff\xff\xff\xff");
    file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    file
}

/// The body cut at every byte gives the same samples at the same rate.
fn check(vendor: TtsVendor, body: &[u8], rate: u32, expected: &[i16]) {
    for cut in 0..=body.len() {
        let mut stream = voice(vendor).stream(ONE);
        let mut samples = Vec::new();
        for part in [&body[..cut], &body[cut..]] {
            for event in stream.push(part).unwrap() {
                let TtsEvent::Audio { context: ONE, sample_rate, samples: more } = event else {
                    panic!("{event:?}")
                };
                assert_eq!(sample_rate, rate);
                samples.extend(more);
            }
        }
        assert_eq!(samples, expected, "cut at {cut}");
        assert_eq!(stream.end().unwrap(), [TtsEvent::Done { context: ONE }]);
    }
}

#[test]
fn a_query_in_the_address_stays_behind_the_path() {
    let base = "https://r.openai.azure.com/openai/deployments/d?api-version=1";
    let config = TtsConfig { endpoint: Endpoint::new(base, "k3y"), ..config(TtsVendor::OpenAi) };
    let Tts::Http(voice) = Tts::new(config) else { panic!("a socket") };
    let request = voice.request("Hello.");
    assert_eq!(request.url, "https://r.openai.azure.com/openai/deployments/d/audio/speech?api-version=1");
    assert_eq!(request.headers[0].name, "api-key");
}

#[test]
fn requests_name_what_the_vendor_understands() {
    let request = voice(TtsVendor::OpenAi).request(" Hello. ");
    assert_eq!(request.url, "http://127.0.0.1:8000/audio/speech");
    assert_eq!(
        body(&request.body),
        json!({"model": "m", "voice": "amy", "input": "Hello.", "response_format": "pcm", "speed": 1.2,
            "instructions": "kindly"})
    );
    let request = voice(TtsVendor::Groq).request("Hello.");
    assert_eq!(request.url, "http://127.0.0.1:8000/openai/v1/audio/speech");
    assert_eq!(body(&request.body)["response_format"], "wav");
    assert_eq!(body(&request.body)["sample_rate"], 16_000);
}

#[test]
fn plain_samples_have_openais_rate() {
    check(TtsVendor::OpenAi, &[1, 0, 2, 0, 0xff, 0xff], 24_000, &[1, 2, -1]);
}

#[test]
fn a_wav_says_its_own_rate_and_only_its_first_channel_is_heard() {
    check(TtsVendor::Groq, &wav(48_000, 1, &[1, 2, 3]), 48_000, &[1, 2, 3]);
    check(TtsVendor::Groq, &wav(22_050, 2, &[1, -1, 2, -2, 3, -3]), 22_050, &[1, 2, 3]);
}

#[test]
fn what_is_no_audio_is_a_fault() {
    for nonsense in [&b"ID3\x04 mp3 mp3"[..], b"RIFF\0\0\0\0AVI ", b"{\"error\":{}}"] {
        assert_eq!(voice(TtsVendor::Groq).stream(ONE).push(nonsense).unwrap_err().kind, FaultKind::Malformed);
    }
    assert_eq!(voice(TtsVendor::OpenAi).stream(ONE).end().unwrap_err().kind, FaultKind::Truncated);
    let mut endless = voice(TtsVendor::Groq).stream(ONE);
    let mut header = b"RIFF\0\0\0\0WAVEjunk\xff\xff\xff\x7f".to_vec();
    header.resize(8000, 0);
    assert_eq!(endless.push(&header).unwrap_err().kind, FaultKind::Malformed);
}
