use std::sync::LazyLock;

use super::{BINS, Dense, FFT, HIDDEN};

/// `silero_vad_16k_op15.onnx` of the PyPI package `silero-vad` 6.2.3, unchanged.
/// SHA-256 `7ed98ddbad84ccac4cd0aeb3099049280713df825c610a8ed34543318f1b2c49`.
pub(super) static FILE: &[u8] = include_bytes!("../../../models/silero-vad/silero_vad_16k_op15.onnx");

/// What the network has learnt, arranged for the processor; the same for every stream.
#[derive(Debug)]
pub(super) struct Weights {
    /// Window of the spectrum (Hann).
    pub(super) window: Vec<f32>,
    pub(super) conv1: Dense<4, 2>,
    pub(super) conv2: Dense<2, 4>,
    pub(super) conv3: Dense<1, 8>,
    pub(super) conv4: Dense<1, 8>,
    /// Input and hidden state to the four gates of the LSTM.
    pub(super) gates: Dense<1, 8>,
    pub(super) last: Vec<f32>,
    pub(super) last_bias: f32,
}

impl Weights {
    pub(super) fn shared() -> &'static Self {
        static SHARED: LazyLock<Weights> = LazyLock::new(|| Weights::read(FILE));
        &SHARED
    }

    fn read(file: &[u8]) -> Self {
        let mut tensors = Tensors::of_onnx(file);
        // The spectrum's weights are a windowed Fourier transform: its first row is the window itself.
        let window = tensors.next(2 * BINS * FFT)[..FFT].to_vec();
        let conv1 = Dense::new(&tensors.next(128 * 129 * 3), tensors.next(128));
        let conv2 = Dense::new(&tensors.next(64 * 128 * 3), tensors.next(64));
        let conv3 = Dense::new(&kernel_columns(&tensors.next(64 * 64 * 3), 1..3), tensors.next(64));
        let conv4 = Dense::new(&kernel_columns(&tensors.next(128 * 64 * 3), 1..2), tensors.next(128));
        let (input, hidden) = (tensors.next(4 * HIDDEN * HIDDEN), tensors.next(4 * HIDDEN * HIDDEN));
        let bias =
            tensors.next(4 * HIDDEN).iter().zip(tensors.next(4 * HIDDEN)).map(|(a, b)| a + b).collect();
        let rows = input.chunks_exact(HIDDEN).zip(hidden.chunks_exact(HIDDEN));
        let gates = Dense::new(&rows.flat_map(|(i, h)| [i, h].concat()).collect::<Vec<_>>(), bias);
        let (last, last_bias) = (tensors.next(HIDDEN), tensors.next(1)[0]);
        Self { window, conv1, conv2, conv3, conv4, gates, last, last_bias }
    }
}

/// The columns of a kernel of three that ever meet a sample.
fn kernel_columns(weights: &[f32], columns: std::ops::Range<usize>) -> Vec<f32> {
    weights.chunks_exact(3).flat_map(|kernel| kernel[columns.clone()].to_vec()).collect()
}

/// The tensors of a model, in the order of its file.
pub(super) struct Tensors<'a>(std::vec::IntoIter<&'a [u8]>);

impl<'a> Tensors<'a> {
    /// Field numbers are those of onnx.proto3: a model's graph, its initializers, their raw data.
    pub(super) fn of_onnx(file: &'a [u8]) -> Self {
        let graphs = fields(file, 7);
        let tensors = graphs.iter().flat_map(|graph| fields(graph, 5));
        Self(tensors.flat_map(|tensor| fields(tensor, 9)).collect::<Vec<_>>().into_iter())
    }

    /// The next tensor, which has as many values; zeros when the file has none (a test says it has).
    pub(super) fn next(&mut self, values: usize) -> Vec<f32> {
        let raw = self.0.next().unwrap_or_default();
        let (words, _) = raw.as_chunks::<4>();
        let mut tensor: Vec<f32> = words.iter().map(|&word| f32::from_le_bytes(word)).collect();
        tensor.resize(values, 0.0);
        tensor
    }

    /// Values of each tensor that is left.
    #[cfg(test)]
    pub(super) fn lengths(self) -> Vec<usize> {
        self.0.map(|raw| raw.len() / 4).collect()
    }
}

/// The contents of every field `number` of a protobuf message that has a length.
fn fields(message: &[u8], number: u64) -> Vec<&[u8]> {
    let (mut found, mut rest) = (Vec::new(), message);
    while let Some(key) = varint(&mut rest) {
        // Wire types: 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes.
        let length = match key & 7 {
            0 => varint(&mut rest).map(|_| 0),
            1 => Some(8),
            2 => varint(&mut rest).and_then(|length| usize::try_from(length).ok()),
            5 => Some(4),
            _ => None,
        };
        let Some((content, after)) = length.and_then(|length| rest.split_at_checked(length)) else { break };
        rest = after;
        if key == number << 3 | 2 {
            found.push(content);
        }
    }
    found
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
