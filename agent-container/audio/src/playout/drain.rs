use std::collections::VecDeque;

use super::ring::{Command, Drain, Piece};
use super::{FADE_SAMPLES, PIECE_BOUND, PlayoutEvent, Position, SpeechId};
use crate::{FRAME_SAMPLES, Frame};

/// Peak that can be heard over the noise of a telephone line: −50 dBFS, the smallest steps of µ-law.
const AUDIBLE_PEAK: u16 = 100;
/// Events one frame can cause at most: started, audible, finished; or flushed and audible.
const EVENTS_PER_FRAME: usize = 4;
/// Speeches that may be held at once; the oldest is forgotten beyond.
const PAUSED_BOUND: usize = 16;

/// The media thread's end: 20 ms of speech whenever it asks.
pub struct Playout {
    ring: Drain,
    /// Taken out of the ring and not played yet. Bounded by what the feed lets in.
    pieces: VecDeque<Piece>,
    /// Samples of the front piece that were played.
    offset: usize,
    current: Option<Current>,
    paused: Vec<SpeechId>,
    /// Whether the last frame carried speech: only then a cut clicks.
    sounding: bool,
    /// Whether the current speech was interrupted by a pause or by a lack of audio.
    fade_in: bool,
    underruns: u64,
    wake: Box<dyn Fn() + Send>,
    news: bool,
}

#[derive(Debug, Clone, Copy)]
struct Current {
    at: Position,
    audible: bool,
}

impl std::fmt::Debug for Playout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Playout").field("current", &self.current).finish_non_exhaustive()
    }
}

impl Playout {
    pub(super) fn new(ring: Drain, wake: Box<dyn Fn() + Send>) -> Self {
        Self {
            ring,
            pieces: VecDeque::new(),
            offset: 0,
            current: None,
            paused: Vec::new(),
            sounding: false,
            fade_in: false,
            underruns: 0,
            wake,
            news: false,
        }
    }

    /// Fills the next 20 ms. `false`: there is nothing to say now (`frame` is silence).
    ///
    /// A speech starts and ends on a frame: its last one is padded with silence. A frame that is not
    /// whole yet waits for the rest of its samples.
    pub fn next_frame(&mut self, frame: &mut Frame) -> bool {
        frame.fill(0);
        let spoke = self.fill(frame);
        if std::mem::take(&mut self.news) {
            (self.wake)();
        }
        spoke
    }

    /// How often a speech ran out of audio before its end.
    #[must_use]
    pub fn underruns(&self) -> u64 {
        self.underruns
    }

    fn fill(&mut self, frame: &mut Frame) -> bool {
        let mut faded = false;
        while !faded && self.ring.events.slots() >= EVENTS_PER_FRAME {
            let Ok(command) = self.ring.commands.pop() else { break };
            self.collect();
            faded = self.obey(command, frame);
        }
        let played = !faded && self.ring.events.slots() >= EVENTS_PER_FRAME && {
            self.collect();
            self.play(frame)
        };
        self.sounding = played;
        faded || played
    }

    /// What the feed put into the ring before now; a flush must find all of its speech.
    fn collect(&mut self) {
        // A ring this full may have kept pieces waiting in the feed: let it settle.
        self.news |= self.ring.pieces.slots() >= PIECE_BOUND / 2;
        while let Ok(piece) = self.ring.pieces.pop() {
            self.pieces.push_back(piece);
        }
    }

    /// `true` when `frame` now holds the fade of a speech that was sounding.
    fn obey(&mut self, command: Command, frame: &mut Frame) -> bool {
        match command {
            Command::Flush { speech, known } => self.flush(speech, known, frame),
            Command::Pause(speech) => self.pause(speech, frame),
            Command::Resume(speech) => {
                self.paused.retain(|&paused| paused != speech);
                false
            }
        }
    }

    fn pause(&mut self, speech: SpeechId, frame: &mut Frame) -> bool {
        if self.paused.contains(&speech) {
            return false;
        }
        if self.paused.len() == PAUSED_BOUND {
            self.paused.remove(0);
        }
        self.paused.push(speech);
        if !self.sounding || !self.is_current(speech) {
            return false;
        }
        self.fade_in = true;
        if self.fade_out(frame) {
            self.finish();
        }
        true
    }

    fn flush(&mut self, speech: SpeechId, known: bool, frame: &mut Frame) -> bool {
        self.paused.retain(|&paused| paused != speech);
        let current = self.is_current(speech);
        let faded = current && self.sounding;
        if faded {
            self.fade_out(frame);
        }
        let waiting = self.pieces.len();
        if self.pieces.front().is_some_and(|piece| piece.speech == speech) {
            self.offset_into_front();
        }
        let dropped: usize = self.pieces.iter().filter(|p| p.speech == speech).map(|p| p.samples.len()).sum();
        self.pieces.retain(|piece| piece.speech != speech);
        self.ring.shared.add_taken(dropped);
        if current || self.pieces.len() < waiting || !known {
            let at = self.current.take_if(|c| c.at.speech == speech).map(|c| c.at);
            self.tell(PlayoutEvent::Flushed(at.unwrap_or(Position { speech, samples: 0 })));
        }
        if current {
            self.fade_in = false;
        }
        faded
    }

    fn is_current(&self, speech: SpeechId) -> bool {
        self.current.is_some_and(|current| current.at.speech == speech)
    }

    /// Takes the played samples off the front piece.
    fn offset_into_front(&mut self) {
        let offset = std::mem::take(&mut self.offset);
        if let Some(front) = self.pieces.front_mut() {
            front.samples.drain(..offset);
        }
    }

    /// The next 5 ms of the current speech, fading to silence. `true`: it ended within them.
    fn fade_out(&mut self, frame: &mut Frame) -> bool {
        if !self.pieces.front().is_some_and(|piece| self.is_current(piece.speech)) {
            return false;
        }
        let (taken, ended) = self.take(&mut frame[..FADE_SAMPLES]);
        for (i, sample) in frame[..taken].iter_mut().enumerate() {
            *sample = scaled(*sample, FADE_SAMPLES - 1 - i);
        }
        ended
    }

    fn finish(&mut self) {
        if let Some(current) = self.current.take() {
            self.paused.retain(|&paused| paused != current.at.speech);
            self.tell(PlayoutEvent::Finished(current.at));
        }
    }

    fn play(&mut self, frame: &mut Frame) -> bool {
        let Some(front) = self.pieces.front() else {
            self.starve();
            return false;
        };
        let speech = front.speech;
        if self.paused.contains(&speech) {
            return false;
        }
        if !self.is_whole(speech) {
            self.starve();
            return false;
        }
        if !self.is_current(speech) {
            self.current = Some(Current { at: Position { speech, samples: 0 }, audible: false });
            self.fade_in = false;
            if !self.front_is_empty_end() {
                self.tell(PlayoutEvent::Started(speech));
            }
        }
        let (taken, ended) = self.take(frame);
        if std::mem::take(&mut self.fade_in) {
            for (i, sample) in frame[..taken.min(FADE_SAMPLES)].iter_mut().enumerate() {
                *sample = scaled(*sample, i + 1);
            }
        }
        if ended {
            self.finish();
        }
        taken > 0
    }

    /// Counts a speech that has begun, is not over, and has no audio.
    fn starve(&mut self) {
        if self.current.is_some() && self.sounding {
            self.underruns += 1;
            self.fade_in = true;
        }
    }

    /// Whether the front speech has a whole frame, or its end.
    fn is_whole(&self, speech: SpeechId) -> bool {
        let mut samples = 0;
        for piece in self.pieces.iter().take_while(|piece| piece.speech == speech) {
            samples += piece.samples.len();
            if piece.last || samples >= FRAME_SAMPLES + self.offset {
                return true;
            }
        }
        false
    }

    fn front_is_empty_end(&self) -> bool {
        self.pieces.front().is_some_and(|piece| piece.last && piece.samples.is_empty())
    }

    /// Moves samples of the front speech into `frame`; how many, and whether the speech ended with them.
    fn take(&mut self, frame: &mut [i16]) -> (usize, bool) {
        let (mut filled, mut ended) = (0, false);
        let Some(speech) = self.pieces.front().map(|piece| piece.speech) else { return (0, false) };
        while let Some(front) = self.pieces.front()
            && front.speech == speech
            && !ended
        {
            let count = (front.samples.len() - self.offset).min(frame.len() - filled);
            frame[filled..filled + count].copy_from_slice(&front.samples[self.offset..self.offset + count]);
            filled += count;
            self.offset += count;
            if self.offset < front.samples.len() {
                break;
            }
            ended = front.last;
            self.pieces.pop_front();
            self.offset = 0;
        }
        self.ring.shared.add_taken(filled);
        self.advance(&frame[..filled]);
        (filled, ended)
    }

    fn advance(&mut self, played: &[i16]) {
        let Some(current) = &mut self.current else { return };
        let heard = played.iter().position(|sample| sample.unsigned_abs() >= AUDIBLE_PEAK);
        let start = current.at;
        current.at.samples += u32::try_from(played.len()).unwrap_or(0);
        self.ring.shared.set_position(current.at);
        if let (Some(offset), false) = (heard, current.audible) {
            current.audible = true;
            let samples = start.samples + u32::try_from(offset).unwrap_or(0);
            self.tell(PlayoutEvent::Audible(Position { samples, ..start }));
        }
    }

    fn tell(&mut self, event: PlayoutEvent) {
        // There is room: a frame begins only with room for all it can cause.
        let _ = self.ring.events.push(event);
        self.news = true;
    }
}

/// `sample` times `step` 80ths.
fn scaled(sample: i16, step: usize) -> i16 {
    let scaled = i32::from(sample) * i32::try_from(step).unwrap_or(0) / FADE_SAMPLES as i32;
    i16::try_from(scaled).unwrap_or(sample)
}
