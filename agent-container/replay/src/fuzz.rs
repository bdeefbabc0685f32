//! Random scripts, the same for the same seed.

use std::fmt::Write as _;

/// A small generator (xorshift64*, Vigna 2016): no dependency, the same everywhere.
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    /// From a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// 0 to `n - 1`.
    pub fn roll(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) % n.max(1)
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let i = self.roll(of.len() as u64);
        &of[usize::try_from(i).unwrap_or(0)]
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.roll(100) < percent
    }
}

const SAYINGS: [&str; 12] = [
    "I'd like to book a table.",
    "For two people please.",
    "uh-huh",
    "okay",
    "My number is",
    "five five five",
    "Stop, that is wrong.",
    "What's the weather in Tokyo?",
    "No.",
    "Can you tell me a long story about the sea and the ships?",
    "yes",
    "Never mind.",
];

const REPLIES: [&str; 6] = [
    "Certainly, for how many people shall I book the table this evening?",
    "Once upon a time there was a very long story for you. It had many parts. And here it ends now.",
    "Okay.",
    "Let me check that for you.",
    "The number is noted, thank you. Is there anything else that I can do for you today?",
    "**Sunny**, with a light wind 🌬 from the sea!",
];

/// Parts of the replies, as a telephone sends them back.
const ECHOES: [&str; 4] =
    ["that I can do for you today?", "And here it ends now.", "for how many people", "check that"];

/// A random call as `.call` text.
#[must_use]
pub fn script(seed: u64) -> String {
    let mut dice = Dice::new(seed);
    let mut out = format!("title seed {seed}\n");
    if dice.chance(8) {
        session(&mut dice, &mut out);
        return out;
    }
    head(&mut dice, &mut out);
    caller(&mut dice, &mut out);
    model(&mut dice, &mut out);
    out
}

/// A speech-to-speech session that says anything at any time.
fn session(dice: &mut Dice, out: &mut String) {
    out.push_str("set mind live\ngreeting \"Hello.\"\ntool book write takes=1 gives=\"booked\"\n");
    out.push_str("tool end_call builtin\n0.1 live ready\n");
    let mut at = 500;
    for i in 0..5 + dice.roll(30) {
        at += dice.roll(1500);
        let event = match dice.roll(12) {
            0 | 1 => "speech_started".to_owned(),
            2 | 3 => "speech_stopped".to_owned(),
            4 => format!("heard \"{}\"", dice.pick(&SAYINGS)),
            5 | 6 => format!("item i{i}\n{} live text i{i} \"{}\"", secs(at), dice.pick(&REPLIES)),
            7 => format!("call c{i} book \"{{}}\""),
            8 | 9 => "done".to_owned(),
            10 => dice.pick(&["expiring", "closed", "ready"]).to_owned().to_owned(),
            _ => format!("call c{i} {}", dice.pick(&["end_call {}", "nonsense {}"])),
        };
        let _ = writeln!(out, "{} live {event}", secs(at));
    }
}

fn head(dice: &mut Dice, out: &mut String) {
    if dice.chance(60) {
        out.push_str("greeting \"Hello, this is the restaurant, how can I help you?\"\n");
    }
    let switches: [(&str, u64); 13] = [
        ("set road.pausable false", 30),
        ("set interruption.resume false", 15),
        ("set interruption.enabled false", 5),
        ("set preemptive.llm false", 15),
        ("set endpointing.mode \"dynamic\"", 30),
        ("set endpointing.text_rules null", 30),
        ("tts word_times=on", 40),
        ("stt streams=off\nset recogniser.streams_words false", 15),
        ("stt whole=on", 15),
        ("set tools.think_during_speech false", 20),
        (
            "set turn_model.kind smart-turn\nturn_model p=0.9 delay=0.1\nturn_model p=0.3 delay=0.4\nturn_model skip=busy delay=0",
            15,
        ),
        ("set endpointing.end_by \"stt\"", 10),
        ("set preemptive.llm true\nset preemptive.tts true", 10),
    ];
    for (line, percent) in switches {
        if dice.chance(percent) {
            let _ = writeln!(out, "{line}");
        }
    }
    let _ = writeln!(out, "stt delay={}", secs(100 + dice.roll(900)));
    let _ = writeln!(out, "llm ttft={} duration={}", secs(50 + dice.roll(800)), secs(300 + dice.roll(1500)));
    let _ = writeln!(out, "tts ttfb={}", secs(50 + dice.roll(500)));
    let _ = writeln!(out, "answer {}", secs(dice.roll(3000)));
    let takes = if dice.chance(15) { "forever".to_owned() } else { secs(dice.roll(9000)) };
    let _ = writeln!(out, "tool look_up read takes={takes} gives=\"found it\"");
    let takes = if dice.chance(15) { "forever".to_owned() } else { secs(dice.roll(9000)) };
    let fails = if dice.chance(30) { "fails=\"no table free\"" } else { "gives=\"booked\"" };
    let _ = writeln!(out, "tool book write takes={takes} {fails}");
    out.push_str("tool end_call builtin\ntool collect_digits builtin\n");
    if dice.chance(30) {
        transfers(dice, out);
    }
}

fn transfers(dice: &mut Dice, out: &mut String) {
    out.push_str("set transfer_targets {\"anna\":\"+15550100199\"}\ntool transfer_call builtin\n");
    for _ in 0..4 {
        let ends = dice.pick(&["done after=20", "failed status=486 after=3", "failed", "never"]);
        let _ = writeln!(out, "transfer {ends}");
    }
    for _ in 0..3 {
        let words = dice.pick(&["", "I'll put you through."]);
        let _ = writeln!(out, "model \"{words}\" once=on call=transfer_call");
    }
}

fn caller(dice: &mut Dice, out: &mut String) {
    let mut at = 500 + dice.roll(4000);
    for _ in 0..3 + dice.roll(10) {
        let end = at + 200 + dice.roll(2500);
        match dice.roll(100) {
            0..60 => {
                let _ = writeln!(out, "{}-{} caller \"{}\"", secs(at), secs(end), dice.pick(&SAYINGS));
            }
            60..80 => {
                let _ = writeln!(out, "{}-{} noise", secs(at), secs(end));
            }
            80..83 => {
                let _ = writeln!(out, "{} keys \"{}\"", secs(at), dice.pick(&["12", "#", "1#"]));
            }
            83 => {
                let _ = writeln!(out, "{} stt fails\n{} stt restored", secs(at), secs(end));
            }
            84 => {
                let _ = writeln!(out, "{} stt interim \"{}\"", secs(at), dice.pick(&SAYINGS));
            }
            85..88 => {
                let _ = writeln!(out, "{}-{} noise", secs(at), secs(at + 15_000));
            }
            88..91 => {
                let text = dice.pick(&SAYINGS);
                let _ = writeln!(
                    out,
                    "{}-{} caller \"{text}\" delay={}",
                    secs(at),
                    secs(end),
                    secs(dice.roll(3000))
                );
            }
            91..94 => {
                let _ = writeln!(out, "{} line lost\n{} line restored", secs(at), secs(end));
            }
            94 => {
                let _ = writeln!(out, "{} stt final \"{}\"", secs(at), dice.pick(&SAYINGS));
            }
            95 => {
                let echo = dice.pick(&ECHOES);
                let _ =
                    writeln!(out, "{} stt interim \"{echo}\"\n{} stt final \"{echo}\"", secs(at), secs(end));
            }
            96..98 => {
                let _ =
                    writeln!(out, "{}-{} caller \"{}\" lost=on", secs(at), secs(end), dice.pick(&SAYINGS));
            }
            98 => {
                let _ = writeln!(out, "{} drain 20", secs(at));
            }
            _ => {
                let _ = writeln!(out, "{} hangup", secs(at));
            }
        }
        at = end + dice.roll(6000);
    }
}

fn model(dice: &mut Dice, out: &mut String) {
    for _ in 0..30 {
        let text = dice.pick(&REPLIES);
        let line = match dice.roll(100) {
            0..70 => format!("model \"{text}\" once=on"),
            70..77 => format!("model \"{text}\" once=on call=look_up"),
            77..84 => "model \"\" once=on call=\"book {}\"".to_owned(),
            84..88 => format!("model \"{text}\" once=on call=book call=look_up"),
            88..91 => "model \"\" once=on fails=timeout ttft=2".to_owned(),
            91..94 => "model \"\" once=on silent=on".to_owned(),
            94..96 => format!("model \"{text}\" once=on call=\"collect_digits {{\\\"count\\\":2}}\""),
            96..98 => "model \"\" once=on call=nonsense".to_owned(),
            98 => "model \"\" once=on".to_owned(),
            _ => "model \"Goodbye then.\" once=on call=end_call".to_owned(),
        };
        out.push_str(&line);
        out.push('\n');
    }
    out.push_str("model \"That is all I know.\"\n");
}

fn secs(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}
