//! Server-sent events from bytes, however the network cut them.

/// Longest event; longer ones make the reader give up.
const LONGEST: usize = 4 << 20;

/// One event of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SseEvent {
    /// `event:` field, empty when absent.
    pub event: String,
    /// `data:` lines joined with a line feed.
    pub data: String,
}

/// Reads events from byte chunks; splits on bytes, so a character cut in two by the network stays whole.
#[derive(Debug, Default)]
pub struct SseReader {
    line: Vec<u8>,
    event: String,
    data: Vec<u8>,
    has_data: bool,
    after_return: bool,
    overflown: bool,
}

impl SseReader {
    /// A reader at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Events completed by this chunk. Bytes that are not UTF-8 become U+FFFD.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<SseEvent> {
        let mut events = Vec::new();
        for &byte in bytes {
            let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => events.extend(self.end_line()),
                _ if self.line.len() + self.data.len() < LONGEST => self.line.push(byte),
                _ => self.overflown = true,
            }
        }
        events
    }

    /// Whether an event was too long and its end was dropped.
    pub fn overflown(&self) -> bool {
        self.overflown
    }

    fn end_line(&mut self) -> Option<SseEvent> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return self.end_event();
        }
        let colon = line.iter().position(|&b| b == b':');
        let (name, value) = colon.map_or((&line[..], &[][..]), |at| (&line[..at], &line[at + 1..]));
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => {
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.has_data = true;
                self.data.extend_from_slice(value);
            }
            b"event" => self.event = String::from_utf8_lossy(value).into_owned(),
            // Comments (empty name), ids and retry times do not matter here.
            _ => {}
        }
        None
    }

    fn end_event(&mut self) -> Option<SseEvent> {
        let event = std::mem::take(&mut self.event);
        let data = std::mem::take(&mut self.data);
        std::mem::take(&mut self.has_data)
            .then(|| SseEvent { event, data: String::from_utf8_lossy(&data).into_owned() })
    }
}
