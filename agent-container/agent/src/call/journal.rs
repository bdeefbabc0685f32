//! Journals on disk: one file a call, written by one thread for all calls.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;

use dialogue::{CallTime, Config, Input, JournalLine, Output};
use domain::CallId;
use tracing::{error, warn};

/// Lines that may wait for the disk. Beyond it a journal is given up, never the call.
const LINE_BOUND: usize = 16_384;

/// Hands out journals.
#[derive(Debug, Clone)]
pub struct Journals(Option<SyncSender<Entry>>);

#[derive(Debug)]
enum Entry {
    Line { call: String, line: String },
    End { call: String },
}

impl Journals {
    /// No journals.
    #[must_use]
    pub const fn off() -> Self {
        Self(None)
    }

    /// Journals in a folder, which is made if need be.
    ///
    /// # Errors
    /// The folder or the thread cannot be made.
    pub fn in_folder(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let (lines, receiver) = sync_channel(LINE_BOUND);
        let folder = folder.to_owned();
        thread::Builder::new().name("journal".to_owned()).spawn(move || write_all(&folder, &receiver))?;
        Ok(Self(Some(lines)))
    }

    /// The journal of one call.
    #[must_use]
    pub fn open(&self, call: &CallId, started_at: &str, config: &Config) -> Journal {
        let mut journal = Journal { call: call.as_str().to_owned(), lines: self.0.clone() };
        if journal.lines.is_some() {
            journal.write(&JournalLine::header(call.as_str(), started_at, config.clone()));
        }
        journal
    }
}

/// The journal of one call.
#[derive(Debug)]
pub struct Journal {
    call: String,
    lines: Option<SyncSender<Entry>>,
}

impl Journal {
    /// Something reached the dialogue.
    pub fn input(&mut self, at: CallTime, input: &Input) {
        if self.lines.is_some() {
            self.write(&JournalLine::In { at, input: input.clone() });
        }
    }

    /// The dialogue wanted something.
    pub fn output(&mut self, at: CallTime, output: &Output) {
        if self.lines.is_some() {
            self.write(&JournalLine::Out { at, output: output.clone() });
        }
    }

    fn write(&mut self, line: &JournalLine) {
        match serde_json::to_string(line) {
            Ok(line) => self.send(Entry::Line { call: self.call.clone(), line }),
            Err(error) => {
                error!(%error, "journal line cannot be written");
                self.lines = None;
            }
        }
    }

    fn send(&mut self, entry: Entry) {
        let Some(lines) = &self.lines else { return };
        // A journal with a hole would replay to something else.
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = lines.try_send(entry) {
            warn!(call_id = self.call, "journal given up: the disk is too slow");
            self.lines = None;
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        let call = std::mem::take(&mut self.call);
        self.send(Entry::End { call });
    }
}

fn write_all(folder: &Path, entries: &Receiver<Entry>) {
    let mut files: BTreeMap<String, BufWriter<File>> = BTreeMap::new();
    while let Ok(first) = entries.recv() {
        write_entry(folder, &mut files, first);
        // Everything that waits, then once to the disk: whoever follows the file sees it at once.
        while let Ok(entry) = entries.try_recv() {
            write_entry(folder, &mut files, entry);
        }
        files.values_mut().for_each(|file| report(file.flush()));
    }
}

fn write_entry(folder: &Path, files: &mut BTreeMap<String, BufWriter<File>>, entry: Entry) {
    match entry {
        Entry::Line { call, line } => {
            if !files.contains_key(&call) {
                match File::create(path(folder, &call)) {
                    Ok(file) => files.insert(call.clone(), BufWriter::new(file)),
                    Err(error) => return report(Err(error)),
                };
            }
            if let Some(file) = files.get_mut(&call) {
                report(writeln!(file, "{line}"));
            }
        }
        Entry::End { call } => {
            if let Some(mut file) = files.remove(&call) {
                report(file.flush());
            }
        }
    }
}

/// Call ids come from outside: what could leave the folder is replaced.
fn path(folder: &Path, call: &str) -> PathBuf {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
    folder.join(format!("{}.jsonl", call.chars().map(plain).collect::<String>()))
}

fn report(written: io::Result<()>) {
    if let Err(error) = written {
        warn!(%error, "journal not written");
    }
}
