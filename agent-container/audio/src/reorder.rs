use std::collections::VecDeque;

/// Packets behind a gap that end the wait for it (60 ms at 20 ms a packet): a packet overtaken by two others
/// still finds its place.
const DEPTH: usize = 3;
/// Ticks of 20 ms a gap may stay open when nothing else arrives.
const PATIENCE_TICKS: u32 = 3;
/// A jump forward by more is another stream, not loss (RFC 3550, appendix A.1, has 3000; 1 s is enough here).
const MAX_JUMP: i32 = 50;
/// This many packets behind, one after the other, are a sender that started anew.
const BEHIND_RUN: u32 = 4;

/// One RTP packet, as the transport gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Synchronisation source; 0 when the transport does not tell.
    pub ssrc: u32,
    /// Sequence number; wraps.
    pub seq: u16,
    /// Media time in the codec's clock (48 kHz for Opus, whatever it carries); wraps.
    pub timestamp: u32,
    /// The encoded audio.
    pub payload: &'a [u8],
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// Taken: it will come out of [`Reorder::pop`] in its turn.
    Taken,
    /// Dropped: a duplicate, or its place was given up already.
    Stale,
    /// Taken as the first of a new stream (another source, or a jump in the numbers).
    Restarted,
}

/// A packet in its turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InOrder {
    /// Media time in the codec's clock.
    pub timestamp: u32,
    /// The encoded audio.
    pub payload: Vec<u8>,
    /// Packets lost right before it.
    pub lost_before: u16,
    /// Whether it starts a stream: earlier media times mean nothing any more.
    pub restart: bool,
}

#[derive(Debug)]
struct Held {
    seq: u16,
    timestamp: u32,
    payload: Vec<u8>,
}

/// Puts a track's packets in order: what arrives in order passes at once, a gap waits for three later
/// packets or 60 ms. Bounded: at most two packets wait, whatever arrives.
///
/// Survives wrapping numbers, duplicates, late packets, and a sender that starts anew with another
/// source or lower numbers.
#[derive(Debug, Default)]
pub struct Reorder {
    ssrc: u32,
    /// The number that is due; `None` before the first packet.
    due: Option<u16>,
    /// Behind the gap, ascending by distance from `due`.
    held: Vec<Held>,
    gap_ticks: u32,
    /// In order, waiting for `pop`.
    ready: VecDeque<InOrder>,
    behind: Option<(u16, u32)>,
    restart: bool,
}

impl Reorder {
    /// Takes a packet. Call [`pop`](Self::pop) afterwards until it gives nothing.
    pub fn push(&mut self, packet: Packet<'_>) -> Arrival {
        let Some(due) = self.due else { return self.start(packet) };
        if packet.ssrc != self.ssrc {
            return self.start(packet);
        }
        let distance = i32::from(packet.seq.wrapping_sub(due).cast_signed());
        if !(-MAX_JUMP..=MAX_JUMP).contains(&distance) {
            return self.start(packet);
        }
        if distance < 0 {
            return self.behind_due(packet);
        }
        self.behind = None;
        if distance == 0 {
            self.release(0, packet.timestamp, packet.payload.to_vec());
            self.release_consecutive();
            return Arrival::Taken;
        }
        self.hold(due, packet)
    }

    /// 20 ms passed. A gap that waited long enough is given up.
    pub fn tick(&mut self) {
        if self.held.is_empty() {
            return;
        }
        self.gap_ticks += 1;
        if self.gap_ticks >= PATIENCE_TICKS {
            self.give_up_gap();
        }
    }

    /// The next packet in order.
    pub fn pop(&mut self) -> Option<InOrder> {
        self.ready.pop_front()
    }

    fn start(&mut self, packet: Packet<'_>) -> Arrival {
        while !self.held.is_empty() {
            self.give_up_gap();
        }
        self.ssrc = packet.ssrc;
        self.due = Some(packet.seq);
        self.behind = None;
        self.restart = true;
        self.release(0, packet.timestamp, packet.payload.to_vec());
        Arrival::Restarted
    }

    /// A packet before the one that is due: stale, or a sender that started anew.
    fn behind_due(&mut self, packet: Packet<'_>) -> Arrival {
        let run = match self.behind {
            Some((last, run)) if packet.seq == last.wrapping_add(1) => run + 1,
            Some((last, run)) if packet.seq == last => run,
            _ => 1,
        };
        if run >= BEHIND_RUN {
            return self.start(packet);
        }
        self.behind = Some((packet.seq, run));
        Arrival::Stale
    }

    fn hold(&mut self, due: u16, packet: Packet<'_>) -> Arrival {
        let distance = |seq: u16| seq.wrapping_sub(due);
        let place = match self.held.binary_search_by_key(&distance(packet.seq), |h| distance(h.seq)) {
            Ok(_) => return Arrival::Stale,
            Err(place) => place,
        };
        let held = Held { seq: packet.seq, timestamp: packet.timestamp, payload: packet.payload.to_vec() };
        self.held.insert(place, held);
        if self.held.len() >= DEPTH {
            self.give_up_gap();
        }
        Arrival::Taken
    }

    fn give_up_gap(&mut self) {
        let (Some(due), false) = (self.due, self.held.is_empty()) else { return };
        let first = self.held.remove(0);
        self.due = Some(first.seq);
        self.release(first.seq.wrapping_sub(due), first.timestamp, first.payload);
        self.release_consecutive();
    }

    fn release_consecutive(&mut self) {
        while self.held.first().is_some_and(|held| Some(held.seq) == self.due) {
            let next = self.held.remove(0);
            self.release(0, next.timestamp, next.payload);
        }
    }

    fn release(&mut self, lost_before: u16, timestamp: u32, payload: Vec<u8>) {
        let restart = std::mem::take(&mut self.restart);
        self.ready.push_back(InOrder { timestamp, payload, lost_before, restart });
        self.due = self.due.map(|due| due.wrapping_add(1));
        self.gap_ticks = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::{Arrival, Packet, Reorder};

    /// Pushes `numbers` (`"-"` is a tick) and returns what came out: `n`, `n(+lost)`, `n!` at a restart.
    fn ordered(arrivals: &str) -> String {
        let mut reorder = Reorder::default();
        let mut out = Vec::new();
        for arrival in arrivals.split_whitespace() {
            match arrival.split_once('/') {
                _ if arrival == "-" => reorder.tick(),
                Some((ssrc, seq)) => push(&mut reorder, ssrc, seq),
                None => push(&mut reorder, "7", arrival),
            }
            while let Some(next) = reorder.pop() {
                let mut text = next.timestamp.to_string();
                if next.lost_before > 0 {
                    text += &format!("(+{})", next.lost_before);
                }
                if next.restart {
                    text += "!";
                }
                out.push(text);
            }
        }
        out.join(" ")
    }

    fn push(reorder: &mut Reorder, ssrc: &str, seq: &str) {
        let seq: u16 = seq.parse().expect("a number");
        let ssrc = ssrc.parse().expect("a number");
        reorder.push(Packet { ssrc, seq, timestamp: u32::from(seq), payload: &[] });
    }

    #[test]
    fn packets_come_out_in_the_order_they_were_spoken() {
        for (arrivals, expected) in [
            ("1 2 3", "1! 2 3"),
            // Overtaken by one and by two.
            ("1 3 2 4", "1! 2 3 4"),
            ("1 3 4 2 5", "1! 2 3 4 5"),
            ("1 4 3 2 5", "1! 2 3 4 5"),
            // Lost: three later ones, or 60 ms, end the wait.
            ("1 3 4 5 6", "1! 3(+1) 4 5 6"),
            ("1 3 - - - 4", "1! 3(+1) 4"),
            ("1 5 - - -", "1! 5(+3)"),
            ("1 3 6 - - - - - -", "1! 3(+1) 6(+2)"),
            // Too late, and twice.
            ("1 3 4 5 2 6", "1! 3(+1) 4 5 6"),
            ("1 1 2 2 4 4 3 5", "1! 2 3 4 5"),
            // The numbers wrap.
            ("65534 65535 0 1", "65534! 65535 0 1"),
            ("65534 0 1 65535 2", "65534! 65535 0 1 2"),
            ("65534 0 1 2", "65534! 0(+1) 1 2"),
            // Another source, lower numbers, a jump.
            ("7/100 7/101 8/5 8/6 7/102", "100! 101 5! 6 102!"),
            ("7/100 7/102 8/5 8/6", "100! 102(+1) 5! 6"),
            ("0/100 0/101 0/20 0/21", "100! 101 20! 21"),
            ("100 101 99 98 102", "100! 101 102"),
            ("100 101 95 96 97 98 99", "100! 101 98! 99"),
            ("100 200 201", "100! 200! 201"),
        ] {
            assert_eq!(ordered(arrivals), expected, "{arrivals}");
        }
    }

    #[test]
    fn whatever_arrives_little_is_held_and_order_is_kept() {
        use proptest::prelude::*;
        proptest!(|(jumps in proptest::collection::vec(-6i32..12, 1..300))| {
            let mut reorder = Reorder::default();
            let (mut at, mut last) = (1_000i32, 0u32);
            for jump in jumps {
                at += jump;
                let seq = u16::try_from(at.rem_euclid(65_536)).expect("16 bits");
                let packet = Packet { ssrc: 1, seq, timestamp: at.unsigned_abs(), payload: &[] };
                let arrival = reorder.push(packet);
                prop_assert!(reorder.held.len() < super::DEPTH);
                while let Some(next) = reorder.pop() {
                    prop_assert!(next.restart || next.timestamp > last, "{} after {last}", next.timestamp);
                    last = next.timestamp;
                }
                prop_assert!(arrival != Arrival::Restarted || last == at.unsigned_abs());
            }
        });
    }
}
