//! How much of the CPUs that this process may use is idle.

use std::fs::read_to_string;
use std::time::Duration;

use crate::governor::quota::Quotas;

/// The share of CPU time that nobody used, from one question to the next: of the CPUs that the process may run on, and of
/// each quota that it is under; the least counts. What runs at a low priority (`nice`) counts as idle, since it gives way.
#[derive(Debug, Default)]
pub(crate) struct Idle {
    last: Option<(u64, u64)>,
    quotas: Quotas,
}

impl Idle {
    /// The share since this was asked last, 0 to 1; `None` the first time, and where the system does not say. `wall` is how
    /// long ago that was.
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

/// The CPUs that the process may run on, as Linux lists them in `/proc/self/status` (proc(5)): `0-3,8`.
fn allowed(status: &str) -> Option<&str> {
    status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).map(str::trim)
}

/// Whether such a list has this one.
fn lists(list: &str, cpu: usize) -> bool {
    list.split(',').any(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let end = |text: &str| text.trim().parse::<usize>().ok();
        matches!((end(first), end(last)), (Some(first), Some(last)) if (first..=last).contains(&cpu))
    })
}

/// Idle and all ticks of these CPUs together, of all where no list is known: the lines of Linux's `/proc/stat` (proc(5)):
/// user, nice, system, idle, iowait, irq, softirq, steal; what follows is in the first two already.
fn ticks(stat: &str, allowed: Option<&str>) -> Option<(u64, u64)> {
    let mut sums = None;
    for line in stat.lines() {
        let mut words = line.split_whitespace();
        let Some(cpu) = words.next().and_then(|name| name.strip_prefix("cpu")) else { continue };
        let Ok(cpu) = cpu.parse() else { continue }; // The sum over all.
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
    fn the_lines_of_the_cpus_that_may_be_used_tell_idle_and_all() {
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
    fn the_status_names_the_cpus_that_may_be_used() {
        assert_eq!(
            allowed("Name:\tx\nCpus_allowed:\t3\nCpus_allowed_list:\t0-1\nMems_allowed:\t1\n"),
            Some("0-1")
        );
        assert_eq!(allowed("Name:\tx\n"), None);
    }
}
