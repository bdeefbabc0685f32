//! What the dialogue wants, carried out. No decisions here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dialogue::{AskId, Input, LiveCommand, Output, TransferId, TransferResult, TurnAnswer, TurnSkip, Vad};
use domain::CallId;
use line::{Frame, LineCommand};
use reqwest::Client;
use tokio::sync::mpsc::{self, error::TrySendError};
use tracing::error;

use super::inputs;
use super::records::Records;
use super::setup::CallSetup;
use super::station::{StationEnd, Tuning};
use super::transfer::Transfers;
use crate::drivers::callbacks::Callbacks;
use crate::drivers::keys;
use crate::drivers::live::{Live, LiveSetup};
use crate::drivers::recogniser::{self, Recogniser, RecogniserSetup};
use crate::drivers::tasks::Tasks;
use crate::drivers::thinker::Thinker;
use crate::drivers::tools::Tools;
use crate::drivers::turn_ear::{TurnAsker, TurnEar};
use crate::drivers::turn_model::TurnModels;
use crate::drivers::vendors::Vendors;
use crate::drivers::voice::{self, Clips, Voice, VoiceSetup};

/// Commands to voice or recogniser that may wait. A driver that leaves so many unread is stuck.
const COMMAND_BOUND: usize = 256;

/// A driver does not take commands any more: the call cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stuck;

/// The drivers of one call.
#[derive(Debug)]
pub struct Effects {
    /// Everything that runs for the call.
    pub tasks: Tasks,
    inbox: mpsc::Sender<Input>,
    line: mpsc::Sender<LineCommand>,
    voice: mpsc::Sender<voice::Command>,
    recogniser: mpsc::Sender<recogniser::Command>,
    live: mpsc::Sender<LiveCommand>,
    thinker: Thinker,
    tools: Tools,
    transfers: Arc<dyn Transfers>,
    transfer_targets: BTreeMap<String, String>,
    turn: Option<TurnAsker>,
}

/// What the drivers of a call are made of.
#[derive(Debug)]
pub struct EffectsSetup {
    /// To the dialogue.
    pub inbox: mpsc::Sender<Input>,
    /// To the line.
    pub line: mpsc::Sender<LineCommand>,
    /// For models and tools.
    pub client: Client,
    /// Which vendors work.
    pub vendors: Vendors,
    /// The end-of-turn model.
    pub turn_models: TurnModels,
    /// How callers are handed over.
    pub transfers: Arc<dyn Transfers>,
    /// Phrases kept as audio.
    pub clips: Clips,
    /// Name of the call, for tools.
    pub call_id: CallId,
    /// Where promises to call back go.
    pub records: Arc<dyn Records>,
}

/// What listens: a recogniser, or a session that also speaks.
struct Ears<'a> {
    frames: mpsc::Receiver<Frame>,
    inbox: &'a mpsc::Sender<Input>,
    voice: &'a mpsc::Sender<voice::Command>,
    vendors: &'a Vendors,
    client: &'a Client,
}

impl Ears<'_> {
    /// Starts the one the agent is configured with; the other's commands go nowhere.
    fn open(
        self,
        tasks: &mut Tasks,
        setup: &CallSetup,
    ) -> (mpsc::Sender<recogniser::Command>, mpsc::Sender<LiveCommand>) {
        let Self { frames, inbox, voice, vendors, client } = self;
        let (recogniser, heard) = mpsc::channel(COMMAND_BOUND);
        let (live, commands) = mpsc::channel(COMMAND_BOUND);
        let (inbox, vendors) = (inbox.clone(), vendors.clone());
        if !setup.live.is_empty() {
            let (chain, voice) = (setup.live.clone(), voice.clone());
            let living = LiveSetup { chain, frames, commands, inbox, voice, vendors };
            tasks.spawn(Live::new(living).run());
            return (recogniser, live);
        }
        let (chain, client) = (setup.stt.clone(), client.clone());
        let hearing = RecogniserSetup { chain, frames, commands: heard, inbox, vendors, client };
        if let Some(recogniser) = Recogniser::new(hearing) {
            tasks.spawn(recogniser.run());
        }
        (recogniser, live)
    }
}

impl Effects {
    /// Starts the drivers: recogniser and voice connect at once.
    #[must_use]
    pub fn start(with: EffectsSetup, setup: &CallSetup, station: StationEnd) -> Self {
        let EffectsSetup { inbox, line, client, vendors, turn_models, transfers, clips, call_id, records } =
            with;
        let mut tasks = Tasks::default();
        let turn = tune(&mut tasks, setup, &station, turn_models, &inbox);
        let (voice, spoken) = mpsc::channel(COMMAND_BOUND);
        tasks.spawn(
            Voice::new(VoiceSetup {
                chain: setup.tts.clone(),
                feed: station.feed,
                bell: station.bell,
                sound: station.sound,
                cuts: station.cuts,
                commands: spoken,
                inbox: inbox.clone(),
                vendors: vendors.clone(),
                client: client.clone(),
                clips,
            })
            .run(),
        );
        let ears =
            Ears { frames: station.frames, inbox: &inbox, voice: &voice, vendors: &vendors, client: &client };
        let (recogniser, live) = ears.open(&mut tasks, setup);
        let thinker =
            Thinker::new(setup.llm.clone(), &setup.dialogue.tools, client.clone(), inbox.clone(), vendors);
        tasks.spawn(thinker.warm_up());
        let callbacks =
            Callbacks { records, call: call_id, agent: setup.agent.clone(), caller: setup.caller.clone() };
        let tools = Tools::new(setup.tools.clone(), callbacks, client, inbox.clone());
        let transfer_targets = setup.dialogue.transfer_targets.clone();
        Self {
            tasks,
            inbox,
            line,
            voice,
            recogniser,
            live,
            thinker,
            tools,
            transfers,
            transfer_targets,
            turn,
        }
    }

    /// What reaches the dialogue and concerns a driver too.
    pub fn notice(&mut self, input: &Input) {
        if let (Input::Vad(Vad::Started { .. } | Vad::Resumed { .. }), Some(turn)) = (input, &self.turn) {
            turn.withdraw();
        }
        let command = match input {
            Input::Vad(Vad::Started { .. }) => recogniser::Command::SpeechStarted,
            Input::Vad(Vad::Ended { .. }) => recogniser::Command::SpeechEnded,
            _ => return,
        };
        // Only vendors without a live session need it; a stuck recogniser is found by the next wish.
        let _ = self.recogniser.try_send(command);
    }

    /// Carries out one wish.
    ///
    /// # Errors
    /// [`Stuck`] when a driver does not take it.
    pub fn carry_out(&mut self, output: Output) -> Result<(), Stuck> {
        match output {
            Output::Think(request) => self.thinker.think(&mut self.tasks, request),
            Output::CancelThink { id } => self.thinker.cancel(id),
            Output::Say(chunk) => return self.tell_voice(voice::Command::Say(chunk)),
            Output::Pause { id } => return self.tell_voice(voice::Command::Pause(id)),
            Output::Resume { id } => return self.tell_voice(voice::Command::Resume(id)),
            Output::Hush { id } => return self.tell_voice(voice::Command::Hush(id)),
            Output::RunTool(run) => self.tools.run(&mut self.tasks, run),
            Output::CancelTool { id } => self.tools.cancel(id),
            Output::AskTurnModel { id, turn_ms } => self.ask_turn_model(id, turn_ms),
            Output::FlushStt => return self.tell_recogniser(recogniser::Command::Flush),
            Output::HearSoFar => return self.tell_recogniser(recogniser::Command::SoFar),
            Output::RestartStt => return self.tell_recogniser(recogniser::Command::Restart),
            Output::SendDigits { digits } => {
                self.tasks.spawn(keys::press(digits, self.line.clone()));
            }
            Output::Transfer { id, to } => self.transfer(id, to),
            Output::Live(command) => return self.tell_live(command),
            // The end of the call, and announcements: whoever reads the outputs beside us does that.
            Output::Voicemail
            | Output::Leave(_)
            | Output::Committed(_)
            | Output::State(_)
            | Output::FalseInterruption { .. }
            | Output::Explain(_)
            | Output::Turn(_) => {}
        }
        Ok(())
    }

    fn tell_voice(&self, command: voice::Command) -> Result<(), Stuck> {
        self.voice.try_send(command).map_err(|_| {
            error!("the voice takes no commands");
            Stuck
        })
    }

    fn tell_recogniser(&self, command: recogniser::Command) -> Result<(), Stuck> {
        match self.recogniser.try_send(command) {
            // Without a recogniser (speech to speech, or none configured) there is nothing to tell.
            Ok(()) | Err(TrySendError::Closed(_)) => Ok(()),
            Err(TrySendError::Full(_)) => {
                error!("the recogniser takes no commands");
                Err(Stuck)
            }
        }
    }

    fn tell_live(&self, command: LiveCommand) -> Result<(), Stuck> {
        match self.live.try_send(command) {
            Ok(()) | Err(TrySendError::Closed(_)) => Ok(()),
            Err(TrySendError::Full(_)) => {
                error!("the speech-to-speech session takes no commands");
                Err(Stuck)
            }
        }
    }

    fn ask_turn_model(&mut self, id: AskId, turn_ms: u64) {
        let asked = self.turn.as_ref().map(|turn| turn.ask(id, turn_ms));
        let skip = match asked {
            Some(true) => return,
            Some(false) => TurnSkip::Busy,
            None => TurnSkip::Absent,
        };
        self.answer(Input::TurnModel { id, answer: TurnAnswer::Skipped(skip) });
    }

    /// Gives the dialogue an input of our own, without waiting here.
    fn answer(&mut self, input: Input) {
        let inbox = self.inbox.clone();
        self.tasks.spawn(async move {
            let _ = inbox.send(input).await;
        });
    }

    fn transfer(&mut self, id: TransferId, to: String) {
        let named = |(name, number): &(&String, &String)| name.eq_ignore_ascii_case(&to) || **number == to;
        // Nobody is put through to a number that is not configured: the model may be talked into anything.
        let target = self.transfer_targets.iter().find(|target| to.is_empty() || named(target));
        let Some(number) = target.map(|(_, number)| number.clone()) else {
            return self.answer(Input::Transfer { id, result: TransferResult::Failed { sip_status: None } });
        };
        let (transfers, inbox) = (Arc::clone(&self.transfers), self.inbox.clone());
        self.tasks.spawn(async move {
            let result = transfers.transfer(&number).await;
            let _ = inbox.send(Input::Transfer { id, result }).await;
        });
    }
}

/// Tells the ear on the media thread how this agent hears, and who hears with it.
fn tune(
    tasks: &mut Tasks,
    setup: &CallSetup,
    station: &StationEnd,
    models: TurnModels,
    inbox: &mpsc::Sender<Input>,
) -> Option<TurnAsker> {
    let turns = &setup.dialogue.turns;
    let within = Duration::from_millis(turns.turn_model.timeout_ms);
    let (copy, asker) = turns
        .turn_model
        .enabled()
        .then(|| {
            let (ear, asker, copy) = TurnEar::new(models, within, inbox.clone());
            tasks.spawn(ear.run());
            (copy, asker)
        })
        .unzip();
    // A full channel means that it was tuned already.
    let _ = station.retune.try_send(Tuning { vad: inputs::vad_config(&turns.vad), copy });
    asker
}
