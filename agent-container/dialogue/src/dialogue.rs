//! The machine: one transition match.
//!
//! ```text
//!            Answered                 last word set                 last word played
//!  Ringing ───────────▶ Talking ─────────────────────▶ Leaving ─────────────────────▶ Over
//!     │                    │                              │                             ▲
//!     └────────────────────┴───── caller left, line gone ─┴─────────────────────────────┘
//!
//!  Talking, the floor:
//!
//!             Started                 Ended, words, delay over            model, voice
//!  listening ────────▶ caller speaks ─────────────────────────▶ thinking ─────────────▶ speaking
//!      ▲                    ▲  ▲                                    │                    │   │
//!      │                    │  └── the caller goes on: reply held ──┘                    │   │
//!      │                    └───── long enough: paused; words: hushed; none: resumed ────┘   │
//!      └──────────────────────────────────── played ─────────────────────────────────────────┘
//! ```
//!
//! Every input first runs the timers that were due *before* it, so an edge of the caller's voice at the very
//! moment of a commit wins; then itself; then the timers due now; then [`Dialogue::settle`] draws what follows
//! from the new state (who may sound, which step is next, which deadline runs).

use std::collections::{BTreeMap, VecDeque};

use crate::caller::Caller;
use crate::ids::Counter;
use crate::pauses::Pauses;
use crate::reply::{Call, Reply};
use crate::speech::Speech;
use crate::timer::Timers;
use crate::toolbox::Toolbox;
use crate::tracer::Tracer;
use crate::waits::Waits;
use crate::{
    AskId, CallTime, Config, ConfigError, Decision, Explain, HistoryItem, Input, LeaveReason, LineChange,
    Message, Output, State, StateChange, Timer, TransferId, TurnId, Who,
};

/// The brain of one call.
///
/// Call [`handle`](Self::handle) with every fact, drain [`poll`](Self::poll) fully before the next one, and call
/// `handle(at, Input::Wake)` when [`deadline`](Self::deadline) comes.
#[derive(Debug)]
pub struct Dialogue {
    pub(crate) config: Config,
    pub(crate) now: CallTime,
    pub(crate) phase: Phase,
    pub(crate) timers: Timers,
    pub(crate) caller: Caller,
    pub(crate) pauses: Pauses,
    pub(crate) asking: Option<Asking>,
    /// Speeches, the one that has the mouth first.
    pub(crate) speeches: VecDeque<Speech>,
    pub(crate) last_speech_end: Option<CallTime>,
    /// What the caller heard of it.
    pub(crate) last_said: String,
    pub(crate) reply: Option<Reply>,
    pub(crate) attempts: u32,
    pub(crate) toolbox: Toolbox,
    pub(crate) waits: Waits,
    pub(crate) turn: Option<TurnId>,
    /// The open turn was decided then, and waits for something to end before it can be committed.
    pub(crate) deferred: Option<CallTime>,
    /// The caller talked over a reply that had not begun.
    pub(crate) overridden: bool,
    pub(crate) transfer: Option<TransferId>,
    /// The model's calls that led to the transfer.
    pub(crate) transferring: Vec<Call>,
    /// The process ends then.
    pub(crate) drained_by: Option<CallTime>,
    pub(crate) live: crate::live::Live,
    pub(crate) line_lost: bool,
    /// The caller is on the way to somebody else because nothing here worked.
    pub(crate) rescuing: bool,
    pub(crate) voice_gone: bool,
    pub(crate) ids: Ids,
    out: VecDeque<Output>,
    history: Vec<HistoryItem>,
    states: (State, State),
    tracer: Tracer,
}

/// Where the call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Ringing,
    Talking,
    Leaving(LeaveReason),
    Over,
}

/// An open question to the end-of-turn model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asking {
    pub(crate) id: AskId,
    pub(crate) answer: Option<f32>,
    pub(crate) settled: bool,
}

/// Where new names come from.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    pub(crate) think: Counter,
    pub(crate) say: Counter,
    pub(crate) tool: Counter,
    pub(crate) ask: Counter,
    pub(crate) transfer: Counter,
    pub(crate) turn: Counter,
}

impl Dialogue {
    /// A dialogue that waits for the answer; its first outputs prepare the greeting.
    ///
    /// # Errors
    ///
    /// The first field of `config` that makes no sense.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        let mut dialogue = Self {
            config,
            now: CallTime::ZERO,
            phase: Phase::Ringing,
            timers: Timers::default(),
            caller: Caller::default(),
            pauses: Pauses::default(),
            asking: None,
            speeches: VecDeque::new(),
            last_speech_end: None,
            last_said: String::new(),
            reply: None,
            attempts: 0,
            toolbox: Toolbox::default(),
            waits: Waits::default(),
            turn: None,
            deferred: None,
            overridden: false,
            transfer: None,
            transferring: Vec::new(),
            drained_by: None,
            live: crate::live::Live::default(),
            line_lost: false,
            rescuing: false,
            voice_gone: false,
            ids: Ids::default(),
            out: VecDeque::new(),
            history: Vec::new(),
            states: (State::Listening, State::Listening),
            tracer: Tracer::default(),
        };
        dialogue.prepare_greeting();
        dialogue.settle();
        Ok(dialogue)
    }

    /// Takes one fact. Times never go backwards: an earlier `now` counts as the latest seen.
    pub fn handle(&mut self, now: CallTime, input: Input) {
        let now = now.max(self.now);
        self.run_timers(now, Due::Before);
        self.now = now;
        self.tracer.input(now, &input);
        self.step(input);
        self.settle();
        self.run_timers(now, Due::Until);
    }

    /// The next wish, `None` when there is none until the next `handle`.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When to wake it at the latest, and why.
    #[must_use]
    pub fn deadline(&self) -> Option<(CallTime, Timer)> {
        self.timers.next()
    }

    /// What was said and heard so far.
    #[must_use]
    pub fn history(&self) -> &[HistoryItem] {
        &self.history
    }

    /// What it was made from.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Has it left? Nothing more comes then.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// The transition match.
    fn step(&mut self, input: Input) {
        match (self.phase, input) {
            (Phase::Over, _) | (_, Input::Wake) => {}
            (_, Input::Line(change)) => self.line_changed(change),
            (_, Input::Say { id, event }) => self.on_say(id, event),
            (_, Input::Tool { id, result }) => self.on_tool(id, result),
            (Phase::Ringing, Input::Answered) => self.answered(),
            (Phase::Ringing, Input::Live(event)) => self.on_live(event),
            (_, Input::Drain { within_ms }) => self.drain(within_ms),
            (Phase::Leaving(_), Input::Transfer { id, result }) => self.on_transfer(id, result),
            (Phase::Leaving(_), Input::Live(event)) => self.on_live(event),
            // Ring-back tone scores as voice, and a voice that says goodbye does not listen.
            (Phase::Ringing | Phase::Leaving(_), _) | (Phase::Talking, Input::Answered) => {}
            (Phase::Talking, Input::Vad(edge)) => self.on_vad(edge),
            (Phase::Talking, Input::Stt(event)) => self.on_stt(event),
            (Phase::Talking, Input::Think { id, event }) => self.on_think(id, event),
            (Phase::Talking, Input::Digit(key)) => self.on_digit(key),
            (Phase::Talking, Input::TurnModel { id, answer }) => self.on_turn_model(id, answer),
            (Phase::Talking, Input::Transfer { id, result }) => self.on_transfer(id, result),
            (Phase::Talking, Input::Live(event)) => self.on_live(event),
        }
    }

    fn run_timers(&mut self, now: CallTime, due: Due) {
        // Each timer that fires sets others only in the future or once: this ends. The bound is a belt.
        for _ in 0..MAX_TIMERS_AT_ONCE {
            let Some((at, timer)) = self.timers.next() else { return };
            let is_due = if due == Due::Before { at < now } else { at <= now };
            if !is_due || self.phase == Phase::Over {
                return;
            }
            self.timers.clear(timer);
            self.now = at.max(self.now);
            self.fire(timer);
            self.settle();
        }
    }

    /// The timer table.
    fn fire(&mut self, timer: Timer) {
        match timer {
            Timer::BargeIn => self.voice_lasted(),
            Timer::TurnModel => self.turn_model_late(),
            Timer::EndOfTurn => self.end_of_turn("silence"),
            Timer::SttWait => self.stt_is_late(),
            Timer::FlushStt => self.flush_stt(),
            Timer::HearSoFar => self.hear_so_far(),
            Timer::OpenTurn => self.voice_without_words(),
            Timer::Deaf => self.deaf(),
            Timer::FalseInterruption => self.false_alarm("no_words"),
            Timer::Hush => self.hush_is_late(),
            Timer::Playout => self.playout_is_late(),
            Timer::SpeechGap => {}
            Timer::ToolFiller => self.tool_filler(),
            Timer::ToolTimeout => self.tools_time_out(),
            Timer::Digits => self.digits_complete("inter_digit"),
            Timer::Watchdog => self.watchdog(),
            Timer::Silence => self.silence(),
            Timer::Transfer => self.transfer_is_late(),
            Timer::LiveRecycle => self.live.expiring = true,
            Timer::Drain => self.drain_now(),
            Timer::MaxCall => self.max_call(),
            Timer::Leave => self.leave_now(),
        }
    }

    /// Draws what follows from the state.
    fn settle(&mut self) {
        if self.phase == Phase::Over {
            return;
        }
        self.advance_reply();
        self.finish_leaving();
        if self.phase == Phase::Over {
            return;
        }
        self.assign_floor();
        self.set_waits();
        self.announce();
    }

    fn answered(&mut self) {
        self.phase = Phase::Talking;
        self.timers.set(Timer::MaxCall, self.now + self.config.turns.limits.max_call_ms);
        self.waits.refresh(self.now);
        self.state(Who::Agent, State::Listening, self.now);
        self.live_answered();
    }

    fn line_changed(&mut self, change: LineChange) {
        match change {
            LineChange::CallerLeft => self.leave(LeaveReason::CallerLeft),
            LineChange::Gone => self.leave(LeaveReason::LineGone),
            LineChange::Lost => self.line_lost = true,
            LineChange::Restored => self.line_lost = false,
        }
    }

    // ---- what every part uses -------------------------------------------------------------------------

    pub(crate) fn emit(&mut self, output: Output) {
        let trace = self.tracer.output(self.now, &output);
        self.out.push_back(output);
        if let Some(trace) = trace {
            self.out.push_back(Output::Turn(trace));
        }
    }

    /// Leaves an explain entry.
    pub(crate) fn explain<const N: usize>(
        &mut self,
        decision: Decision,
        rule: &str,
        numbers: [(&str, f64); N],
    ) {
        let numbers: BTreeMap<_, _> = numbers.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        self.emit(Output::Explain(Explain { decision, rule: rule.to_owned(), turn: self.turn, numbers }));
    }

    pub(crate) fn commit(&mut self, message: Message, interrupted: bool) {
        let item = HistoryItem { at: self.now, message, interrupted };
        self.history.push(item.clone());
        self.emit(Output::Committed(item));
    }

    pub(crate) fn state(&mut self, who: Who, to: State, since: CallTime) {
        match who {
            Who::User => self.states.1 = to,
            Who::Agent => self.states.0 = to,
        }
        self.emit(Output::State(StateChange { who, to, since }));
    }

    pub(crate) fn user_state(&self) -> State {
        self.states.1
    }

    /// Announces the agent's state when it changed.
    pub(crate) fn announce(&mut self) {
        if self.phase == Phase::Ringing || self.phase == Phase::Over {
            return;
        }
        let to = self.agent_state();
        if to != self.states.0 {
            self.state(Who::Agent, to, self.now);
        }
    }

    fn agent_state(&self) -> State {
        let front = self.speeches.front();
        if front.is_some_and(Speech::sounds) {
            return State::Speaking;
        }
        let paused = front.is_some_and(Speech::is_begun);
        let owes = self.reply.as_ref().is_some_and(|r| r.committed) || front.is_some_and(|s| !s.hushed);
        if owes && !paused && !self.overridden { State::Thinking } else { State::Listening }
    }

    /// The call is over, at once.
    pub(crate) fn leave(&mut self, reason: LeaveReason) {
        if self.phase == Phase::Over {
            return;
        }
        self.explain(Decision::Leave, leave_rule(reason), []);
        self.settle_accounts();
        self.close_turn("ended");
        self.timers.clear_all();
        self.phase = Phase::Over;
        self.emit(Output::Leave(reason));
    }
}

/// Which timers to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Before,
    Until,
}

/// More timers than this at one moment mean a loop.
const MAX_TIMERS_AT_ONCE: usize = 1000;

fn leave_rule(reason: LeaveReason) -> &'static str {
    match reason {
        LeaveReason::CallerLeft => "caller_left",
        LeaveReason::AgentEnded => "end_call",
        LeaveReason::Silence => "silence",
        LeaveReason::MaxDuration => "max_call",
        LeaveReason::Transferred => "transferred",
        LeaveReason::Voicemail => "voicemail",
        LeaveReason::Drained => "drain",
        LeaveReason::Failed => "failed",
        LeaveReason::LineGone => "line_gone",
    }
}
