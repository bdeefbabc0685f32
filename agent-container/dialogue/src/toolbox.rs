//! Tools: which call runs, which result belongs where, what a side effect may not do twice.

use serde_json::Value;

use crate::builtin;
use crate::reply::{After, Call, CallState, Reply};
use crate::{
    CallTime, Decision, Dialogue, Message, Output, Rescue, Timer, ToolCall, ToolClass, ToolId, ToolResult,
    ToolRun, ToolSpec,
};

/// Calls that outlive their reply, and what was done before.
#[derive(Debug, Default)]
pub(crate) struct Toolbox {
    /// Lasting calls whose reply was given up.
    background: Vec<Call>,
    /// Writes of this call.
    ledger: Vec<Entry>,
    /// A background call ended and the caller was not told.
    pub(crate) unreported: bool,
    /// Background calls that ended so far: an early answer that knew fewer is worth nothing.
    pub(crate) late_results: u32,
    /// The tool that waits for keys.
    pub(crate) collecting: Option<Collecting>,
    /// Keys pressed so far.
    pub(crate) typed: String,
}

/// A number the caller is typing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Collecting {
    pub(crate) id: ToolId,
    pub(crate) count: usize,
}

/// One write.
#[derive(Debug)]
struct Entry {
    id: ToolId,
    name: String,
    arguments: String,
    result: Option<(String, bool)>,
    /// The caller heard how it ended.
    reported: bool,
}

impl Toolbox {
    pub(crate) fn keep(&mut self, mut call: Call, now: CallTime) {
        call.deadline = now + GIVE_UP_MS;
        self.background.push(call);
    }

    pub(crate) fn runs_in_background(&self) -> bool {
        !self.background.is_empty()
    }

    /// At the end of the call: writes whose result nobody waits for any more.
    pub(crate) fn open_writes(&mut self, reply: Option<Reply>) -> Vec<Call> {
        let calls = reply.into_iter().flat_map(|r| r.calls).chain(std::mem::take(&mut self.background));
        let open = |c: &Call| c.class == ToolClass::Write && c.state == CallState::Running;
        let output = "The call ended before its result came.".to_owned();
        let unknown = CallState::Done { output, error: true };
        calls.filter(open).map(|call| Call { state: unknown.clone(), ..call }).collect()
    }

    pub(crate) fn mark_reported(&mut self) {
        for entry in self.ledger.iter_mut().filter(|e| e.result.is_some()) {
            entry.reported = true;
        }
    }

    /// What the model is told of calls that still run.
    pub(crate) fn placeholders(&self) -> Vec<Message> {
        let told = |call: &Call| {
            let mut call = call.clone();
            let output = "Still in progress. Do not call it again; the result follows.".to_owned();
            call.state = CallState::Done { output, error: false };
            call
        };
        pairs(&self.background.iter().map(told).collect::<Vec<_>>())
    }
}

/// History of ended calls of one step.
pub(crate) fn pairs(calls: &[Call]) -> Vec<Message> {
    if calls.is_empty() {
        return Vec::new();
    }
    let mut messages = vec![Message::ToolCalls { calls: calls.iter().map(|c| c.call.clone()).collect() }];
    for call in calls {
        if let CallState::Done { output, error } = &call.state {
            messages.push(Message::ToolOutput {
                vendor_id: call.call.vendor_id.clone(),
                name: call.call.name.clone(),
                output: output.clone(),
                error: *error,
            });
        }
    }
    messages
}

/// Does something follow the last word because of this call?
pub(crate) fn promises(call: &Call) -> bool {
    let ways_out = [builtin::TRANSFER_CALL, builtin::END_CALL, builtin::LEAVE_VOICEMAIL];
    ways_out.contains(&&*call.call.name) && matches!(call.state, CallState::Done { error: false, .. })
}

/// What was to follow the last word did not.
pub(crate) fn revoke(calls: &mut [Call], why: &str) {
    for call in calls.iter_mut().filter(|call| promises(call)) {
        call.state = CallState::Done { output: why.to_owned(), error: true };
    }
}

impl Dialogue {
    /// A call of a turn that is not committed: kept until it is.
    pub(crate) fn keep_tool_call(&mut self, vendor_id: String, name: &str, arguments: &str) {
        let call = ToolCall { vendor_id, name: name.to_owned(), arguments: arguments.to_owned() };
        let id = ToolId(0);
        let kept = Call {
            id,
            call,
            class: ToolClass::Read,
            state: CallState::Kept,
            since: self.now,
            deadline: self.now,
        };
        if let Some(reply) = &mut self.reply {
            reply.calls.push(kept);
        }
    }

    /// The model calls a tool.
    pub(crate) fn call_tool(&mut self, vendor_id: String, name: &str, arguments: &str) {
        let id = ToolId(self.ids.tool.next());
        let resolved = self.resolve(name, arguments);
        let arguments = resolved.as_ref().map_or_else(|_| arguments.to_owned(), |(_, args)| args.to_string());
        let call = ToolCall { vendor_id, name: name.to_owned(), arguments };
        let (class, timeout_ms) =
            resolved.as_ref().map_or((ToolClass::Read, 0), |(s, _)| (s.class, s.timeout_ms));
        let state = match resolved {
            Ok((spec, args)) => self.begin_tool(id, &spec, args, &call),
            Err(output) => {
                self.explain(Decision::Tool, "refused", []);
                CallState::Done { output, error: true }
            }
        };
        let (since, deadline) = (self.now, self.now + timeout_ms);
        if let Some(reply) = &mut self.reply {
            reply.calls.push(Call { id, call, class, state, since, deadline });
        }
    }

    fn resolve(&self, name: &str, arguments: &str) -> Result<(ToolSpec, Value), String> {
        let Some(spec) = self.config.tools.iter().find(|t| t.name == name) else {
            let names: Vec<_> = self.config.tools.iter().map(|t| t.name.as_str()).collect();
            return Err(format!("Unknown tool `{name}`. Available: {}.", names.join(", ")));
        };
        let text = unfence(arguments);
        let parsed = if text.is_empty() {
            Ok(Value::Object(serde_json::Map::new()))
        } else {
            serde_json::from_str(text)
        };
        match parsed {
            Ok(value @ Value::Object(_)) => Ok((spec.clone(), value)),
            Ok(_) => Err("The arguments must be a JSON object.".to_owned()),
            Err(e) => Err(format!("The arguments are not valid JSON: {e}.")),
        }
    }

    fn begin_tool(&mut self, id: ToolId, spec: &ToolSpec, arguments: Value, call: &ToolCall) -> CallState {
        match spec.name.as_str() {
            builtin::TRANSFER_CALL => self.transfer_tool(&arguments),
            builtin::END_CALL => self.follow_with(After::End, "The call ends after your last word."),
            builtin::LEAVE_VOICEMAIL => {
                self.follow_with(After::Voicemail, "The caller is asked to leave a message.")
            }
            builtin::SEND_DIGITS => self.send_digits_tool(&arguments),
            builtin::COLLECT_DIGITS => self.collect_tool(id, &arguments),
            _ => self.run_tool(id, spec, arguments, call),
        }
    }

    fn run_tool(&mut self, id: ToolId, spec: &ToolSpec, arguments: Value, call: &ToolCall) -> CallState {
        let mut same = 0;
        if spec.class == ToolClass::Write {
            for e in
                self.toolbox.ledger.iter().filter(|e| e.name == call.name && e.arguments == call.arguments)
            {
                match &e.result {
                    None => {
                        let running = e.id;
                        self.explain(Decision::Tool, "already_running", []);
                        return CallState::Joined(running);
                    }
                    Some((output, error)) if !e.reported && !*error => {
                        let (output, error) = (output.clone(), *error);
                        self.explain(Decision::Tool, "already_done", []);
                        return CallState::Done { output, error };
                    }
                    Some(_) => same += 1,
                }
            }
            let (name, arguments) = (call.name.clone(), call.arguments.clone());
            self.toolbox.ledger.push(Entry { id, name, arguments, result: None, reported: false });
        }
        let idempotency_key = format!("{}-{:016x}-{same}", spec.name, fnv(&call.arguments));
        let (name, class, timeout_ms) = (spec.name.clone(), spec.class, spec.timeout_ms);
        self.emit(Output::RunTool(ToolRun { id, name, arguments, class, idempotency_key, timeout_ms }));
        CallState::Running
    }

    fn follow_with(&mut self, after: After, output: &str) -> CallState {
        if let Some(reply) = &mut self.reply {
            reply.after = Some(after);
        }
        CallState::Done { output: output.to_owned(), error: false }
    }

    fn transfer_tool(&mut self, arguments: &Value) -> CallState {
        if !self.config.road.transfer {
            return CallState::Done { output: "This call cannot be transferred.".to_owned(), error: true };
        }
        let Some(to) = self.transfer_target(arguments) else {
            let names: Vec<_> = self.config.transfer_targets.keys().map(String::as_str).collect();
            let output = format!("Unknown target. Available: {}.", names.join(", "));
            return CallState::Done { output, error: true };
        };
        self.follow_with(After::Transfer { to }, "The caller is being transferred.")
    }

    /// Only configured targets: a model does not choose whom we call.
    fn transfer_target(&self, arguments: &Value) -> Option<String> {
        let name = arguments.get("to").and_then(Value::as_str).unwrap_or_default();
        let targets = &self.config.transfer_targets;
        if let Some((_, to)) = targets.iter().find(|(n, to)| *n == name || *to == name) {
            return Some(to.clone());
        }
        match &self.config.rescue {
            Rescue::Transfer { to } if name.is_empty() || name == to => Some(to.clone()),
            _ if name.is_empty() => targets.values().next().cloned(),
            _ => None,
        }
    }

    fn send_digits_tool(&mut self, arguments: &Value) -> CallState {
        let digits = arguments.get("digits").and_then(Value::as_str).unwrap_or_default();
        let valid =
            (1..=64).contains(&digits.len()) && digits.chars().all(|c| "0123456789*#ABCDw".contains(c));
        if !valid {
            return CallState::Done {
                output: "Only 1 to 64 keys 0-9 * # A-D and w.".to_owned(),
                error: true,
            };
        }
        self.emit(Output::SendDigits { digits: digits.to_owned() });
        CallState::Done { output: "Pressed.".to_owned(), error: false }
    }

    fn collect_tool(&mut self, id: ToolId, arguments: &Value) -> CallState {
        let count = arguments.get("count").and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        let Some(count) = count.filter(|n| (1..=32).contains(n)) else {
            return CallState::Done { output: "count must be from 1 to 32.".to_owned(), error: true };
        };
        self.toolbox.collecting = Some(Collecting { id, count });
        self.toolbox.typed.clear();
        self.timers.clear(Timer::Digits);
        self.waits.paid();
        CallState::Collecting
    }

    /// A tool ended.
    pub(crate) fn on_tool(&mut self, id: ToolId, result: ToolResult) {
        let (output, error) = match result {
            ToolResult::Ok(output) => (output, false),
            ToolResult::Error(output) => (output, true),
        };
        if let Some(entry) = self.toolbox.ledger.iter_mut().find(|e| e.id == id) {
            entry.result = Some((output.clone(), error));
        }
        let known = self.end_calls(id, &output, error);
        if !known {
            return self.explain(Decision::Stale, "tool", [("id", f64::from(id.0))]);
        }
        self.waits.refresh(self.now);
        self.retry_deferred();
    }

    /// Every call that waited for this result has it now.
    fn end_calls(&mut self, id: ToolId, output: &str, error: bool) -> bool {
        let waits = |c: &Call| match c.state {
            CallState::Running | CallState::Collecting => c.id == id,
            CallState::Joined(other) => other == id,
            CallState::Kept | CallState::Done { .. } => false,
        };
        let done = CallState::Done { output: output.to_owned(), error };
        let mut known = false;
        for call in self.reply.iter_mut().flat_map(|r| r.calls.iter_mut()).filter(|c| waits(c)) {
            call.state = done.clone();
            known = true;
        }
        let (mut ended, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.toolbox.background).into_iter().partition(waits);
        self.toolbox.background = rest;
        for call in &mut ended {
            call.state = done.clone();
        }
        if !ended.is_empty() {
            self.toolbox.unreported = true;
            self.toolbox.late_results += 1;
            known = true;
            pairs(&ended).into_iter().for_each(|m| self.commit(m, false));
        }
        known
    }

    /// Does a call run that the caller's next turn would not cancel?
    pub(crate) fn runs_lasting_tool(&self) -> bool {
        let lasting = |c: &Call| c.class == ToolClass::Write || !self.config.turns.tools.cancel_reads;
        let running = |c: &&Call| matches!(c.state, CallState::Running | CallState::Joined(_));
        let calls = self.reply.iter().flat_map(|r| r.calls.iter()).chain(&self.toolbox.background);
        calls.filter(running).any(lasting)
    }

    pub(crate) fn time_tools(&mut self) {
        let waiting = |c: &&Call| !c.is_done() && c.state != CallState::Kept;
        let calls = self.reply.iter().flat_map(|r| r.calls.iter()).chain(&self.toolbox.background);
        match calls.filter(waiting).map(|c| c.deadline).min() {
            Some(at) => self.timers.set(Timer::ToolTimeout, at.max(self.now)),
            None => self.timers.clear(Timer::ToolTimeout),
        }
    }

    /// Some tool did not answer in time. A read is given up; a write may still happen, so its result is
    /// awaited behind the scenes.
    pub(crate) fn tools_time_out(&mut self) {
        let now = self.now;
        let late = |c: &Call| !c.is_done() && c.state != CallState::Kept && c.deadline <= now;
        let overdue: Vec<Call> = self.toolbox.background.iter().filter(|c| late(c)).cloned().collect();
        for call in overdue {
            self.explain(Decision::Tool, "given_up", [("id", f64::from(call.id.0))]);
            self.end_calls(call.id, "No result arrived. It is unknown whether it happened.", true);
        }
        let Some(reply) = &mut self.reply else { return };
        let (overdue, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut reply.calls).into_iter().partition(late);
        reply.calls = rest;
        let any = !overdue.is_empty();
        for call in overdue {
            self.tool_timed_out(call);
        }
        if any {
            self.go_on_without_results();
        }
        self.retry_deferred();
    }

    /// When nothing of the step has a result, the model goes on all the same.
    fn go_on_without_results(&mut self) {
        let empty = self.reply.as_ref().is_some_and(|r| r.thought && r.calls.is_empty() && r.after.is_none());
        if empty && self.toolbox.runs_in_background() {
            self.waits.owe_still(self.now, self.last_speech_end);
            self.think();
        }
    }

    fn tool_timed_out(&mut self, mut call: Call) {
        self.explain(Decision::Tool, "timeout", [("id", f64::from(call.id.0))]);
        if call.class == ToolClass::Write && call.state != CallState::Collecting {
            return self.toolbox.keep(call, self.now);
        }
        if call.state == CallState::Collecting {
            self.toolbox.collecting = None;
        } else {
            self.emit(Output::CancelTool { id: call.id });
        }
        call.state = CallState::Done { output: "It did not answer in time.".to_owned(), error: true };
        if let Some(reply) = &mut self.reply {
            reply.calls.push(call);
        }
    }
}

/// A lost result of a write is waited for this long.
const GIVE_UP_MS: u64 = 60_000;

/// Models like to wrap JSON in a code fence.
fn unfence(text: &str) -> &str {
    let text = text.trim();
    let inner = text.strip_prefix("```json").or_else(|| text.strip_prefix("```"));
    inner.and_then(|t| t.strip_suffix("```")).unwrap_or(text).trim()
}

/// FNV-1a, 64 bit: a name for the arguments, not a defence.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, b| (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}
