//! Phrases that are said again and again, kept as audio: the greeting of the next call is there before the
//! phone is answered, and costs nothing.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use dialogue::WordTime;
use speech::TtsConfig;

/// Samples kept at most, of all phrases together: 16 MB, eight minutes.
const KEPT_SAMPLES: usize = 8 << 20;
/// Longer texts are not phrases.
const LONGEST_TEXT: usize = 500;

/// A phrase as audio at the pipeline's rate.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Clip {
    /// Mono.
    pub samples: Vec<i16>,
    /// When its words sound.
    pub words: Vec<WordTime>,
}

/// Who says what, and how.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClipKey(String);

impl ClipKey {
    /// The key of a text in a voice; nothing for texts that are too long to be phrases.
    #[must_use]
    pub fn new(voice: &TtsConfig, text: &str) -> Option<Self> {
        // A configuration prints everything about the voice but its key.
        (text.len() <= LONGEST_TEXT).then(|| Self(format!("{voice:?}\n{text}")))
    }
}

/// A cheap handle on the process's phrases.
#[derive(Debug, Clone, Default)]
pub struct Clips(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    clips: BTreeMap<ClipKey, Arc<Clip>>,
    /// Oldest first.
    order: VecDeque<ClipKey>,
    samples: usize,
}

impl Clips {
    /// A phrase that was said before.
    #[must_use]
    pub fn get(&self, key: &ClipKey) -> Option<Arc<Clip>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clips.get(key).cloned()
    }

    /// Keeps a phrase; the oldest go when it is too much.
    pub fn put(&self, key: ClipKey, clip: Clip) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if clip.samples.is_empty() || kept.clips.contains_key(&key) {
            return;
        }
        kept.samples += clip.samples.len();
        kept.order.push_back(key.clone());
        kept.clips.insert(key, Arc::new(clip));
        while kept.samples > KEPT_SAMPLES
            && let Some(oldest) = kept.order.pop_front()
            && let Some(gone) = kept.clips.remove(&oldest)
        {
            kept.samples -= gone.samples.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_phrases_go_first() {
        let clips = Clips::default();
        let key = |n: usize| ClipKey(n.to_string());
        let clip = || Clip { samples: vec![0; KEPT_SAMPLES / 4], words: Vec::new() };
        (0..5).for_each(|n| clips.put(key(n), clip()));
        assert!(clips.get(&key(0)).is_none());
        assert!((1..5).all(|n| clips.get(&key(n)).is_some()));
    }
}
