//! How busy the machine is, as the worker reports it.

use std::fs;

/// Measures the share of the CPU in use between two readings of `/proc/stat`.
#[derive(Debug, Default)]
pub struct CpuMeter {
    busy: u64,
    total: u64,
}

impl CpuMeter {
    /// Share of all cores in use since the last call, 0 to 1; 0 where the kernel does not say.
    pub fn sample(&mut self) -> f32 {
        let Some((busy, total)) = fs::read_to_string("/proc/stat").ok().as_deref().and_then(parse) else {
            return 0.0;
        };
        let (busy_delta, total_delta) = (busy.saturating_sub(self.busy), total.saturating_sub(self.total));
        (self.busy, self.total) = (busy, total);
        if total_delta == 0 {
            return 0.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "a share needs no more than 24 bits")]
        let share = busy_delta as f32 / total_delta as f32;
        share
    }
}

/// Busy and total ticks of the first line: user nice system idle iowait irq softirq steal (proc(5)).
fn parse(stat: &str) -> Option<(u64, u64)> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = line.split_whitespace().take(8).filter_map(|n| n.parse().ok()).collect();
    let total: u64 = ticks.iter().sum();
    let idle = ticks.get(3)? + ticks.get(4)?;
    Some((total - idle, total))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn idle_and_waiting_ticks_are_not_busy() {
        assert_eq!(parse("cpu  10 1 5 80 4 0 0 0 0 0\ncpu0 …"), Some((16, 100)));
        assert_eq!(parse("intr 1 2 3"), None);
    }
}
