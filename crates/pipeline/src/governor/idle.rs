//! Measures the idle share of the CPUs that this process may use.

use std::fs::read_to_string;
use std::time::Duration;

use crate::governor::quota::Quotas;

/// Measures the idle share of CPU time from one call to the next: of the CPUs that the process may run on, and of each of
/// its quotas. The least share counts. The time of processes with a low priority (`nice`) counts as idle, because they give
/// way.
#[derive(Debug, Default)]
pub(crate) struct Idle {
    last: Option<(u64, u64)>,
    quotas: Quotas,
}

impl Idle {
    /// Returns the idle share since the last call, which was `wall` ago, 0 to 1. Returns `None` at the first call, or if the
    /// system does not provide it.
    pub(crate) fn share(&mut self, wall: Duration) -> Option<f32> {
        let of_quotas = self.quotas.idle(wall);
        [self.of_cpus(), of_quotas].into_iter().flatten().reduce(f32::min)
    }

    fn of_cpus(&mut self) -> Option<f32> {
        let status = read_to_string("/proc/self/status").unwrap_or_default();
        let (idle, total) = ticks(&read_to_string("/proc/stat").ok()?, allowed(&status))?;
        let (idle_before, total_before) = self.last.replace((idle, total))?;
        let wall = total.checked_sub(total_before).filter(|&wall| wall > 0)?;
        Some(idle.saturating_sub(idle_before) as f32 / wall as f32)
    }
}

/// Returns the list of CPUs that the process may run on from Linux's `/proc/self/status` (proc(5)), for example `0-3,8`.
fn allowed(status: &str) -> Option<&str> {
    status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).map(str::trim)
}

/// Returns true if the list contains the CPU.
fn lists(list: &str, cpu: usize) -> bool {
    list.split(',').any(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let end = |text: &str| text.trim().parse::<usize>().ok();
        matches!((end(first), end(last)), (Some(first), Some(last)) if (first..=last).contains(&cpu))
    })
}

/// Returns the idle ticks and all ticks of the listed CPUs together, or of all CPUs without a list. `stat` is Linux's
/// `/proc/stat` (proc(5)), with the columns user, nice, system, idle, iowait, irq, softirq and steal. The first two contain
/// the later columns already.
fn ticks(stat: &str, allowed: Option<&str>) -> Option<(u64, u64)> {
    let mut sums = None;
    for line in stat.lines() {
        let mut words = line.split_whitespace();
        let Some(cpu) = words.next().and_then(|name| name.strip_prefix("cpu")) else { continue };
        let Ok(cpu) = cpu.parse() else { continue }; // The line of all CPUs together.
        if allowed.is_some_and(|list| !lists(list, cpu)) {
            continue;
        }
        let times: Vec<u64> = words.take(8).map_while(|word| word.parse().ok()).collect();
        let idle = times.get(1)? + times.get(3)? + times.get(4).copied().unwrap_or(0);
        let (idle_before, total_before) = sums.unwrap_or((0, 0));
        sums = Some((idle_before + idle, total_before + times.iter().sum::<u64>()));
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 100 5 50 800 20 1 2 22 7 7\ncpu1 0 0 300 700 0 0 0 0 0 0\n\
                        cpu10 500 0 0 500 0 0 0 0 0 0\nintr 1 2\n";

    #[test]
    fn ticks_are_summed_over_the_allowed_cpus() {
        assert_eq!(ticks(STAT, None), Some((825 + 700 + 500, 3000)));
        assert_eq!(ticks(STAT, Some("0")), Some((825, 1000)));
        assert_eq!(ticks(STAT, Some("1-9")), Some((700, 1000)));
        assert_eq!(ticks(STAT, Some("0,10-12")), Some((825 + 500, 2000)));
        assert_eq!(ticks(STAT, Some("2,x,3-")), None);
        assert_eq!(ticks("", None), None);
        assert_eq!(ticks("intr 1 2 3 4", None), None);
        assert_eq!(ticks("cpu0 1 2", None), None);
    }

    #[test]
    fn the_status_lists_the_allowed_cpus() {
        assert_eq!(
            allowed("Name:\tx\nCpus_allowed:\t3\nCpus_allowed_list:\t0-1\nMems_allowed:\t1\n"),
            Some("0-1")
        );
        assert_eq!(allowed("Name:\tx\n"), None);
    }
}
