//! How much of the machine is idle.

/// The share of the machine's CPU time that nobody used, from one question to the next. What runs at a low priority
/// (`nice`) counts as idle, since it gives way.
#[derive(Debug, Default)]
pub(crate) struct Idle {
    last: Option<(u64, u64)>,
}

impl Idle {
    /// The share since this was asked last, 0 to 1; `None` the first time, and where the system does not say.
    pub(crate) fn share(&mut self) -> Option<f32> {
        let (idle, total) = ticks(&std::fs::read_to_string("/proc/stat").ok()?)?;
        let (idle_before, total_before) = self.last.replace((idle, total))?;
        let wall = total.checked_sub(total_before).filter(|&wall| wall > 0)?;
        Some(idle.saturating_sub(idle_before) as f32 / wall as f32)
    }
}

/// Idle and all ticks of all CPUs together: the first line of Linux's `/proc/stat` (proc(5)): user, nice, system,
/// idle, iowait, irq, softirq, steal; what follows is in the first two already.
fn ticks(stat: &str) -> Option<(u64, u64)> {
    let mut words = stat.lines().next()?.split_whitespace();
    words.next().filter(|&name| name == "cpu")?;
    let times: Vec<u64> = words.take(8).map_while(|word| word.parse().ok()).collect();
    let idle = times.get(1)? + times.get(3)? + times.get(4).copied().unwrap_or(0);
    Some((idle, times.iter().sum()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_tells_idle_and_all() {
        let stat = "cpu  100 5 50 800 20 1 2 22 7 7\ncpu0 1 2 3 4\n";
        assert_eq!(ticks(stat), Some((825, 1000)));
        assert_eq!(ticks(""), None);
        assert_eq!(ticks("intr 1 2 3 4"), None);
        assert_eq!(ticks("cpu 1 2"), None);
    }
}
