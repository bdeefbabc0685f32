/// A voice-like sound made of integers, the same in `tests/data/reference.py`: bursts of a decaying buzz and noise.
pub(crate) fn signal(samples: usize) -> Vec<i16> {
    let mut state: u32 = 12_345;
    (0..samples)
        .map(|at| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = i32::from((state >> 16) as u16) - 32_768;
            let buzz = 120 - i32::try_from(at % 120).unwrap_or(0);
            let loud = i32::from((at / 4_000) % 3 != 2);
            let value = loud * (buzz * buzz / 2 - 2_400) + noise / 64;
            i16::try_from(value).unwrap_or(0)
        })
        .collect()
}
