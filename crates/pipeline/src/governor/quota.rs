//! The CPU time that a control group grants: a container with a limit has less than the machine's CPUs.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where Linux mounts its control groups of version 2. Those of version 1 are not looked at.
const MOUNT: &str = "/sys/fs/cgroup";

/// The quotas that the process is under: of its own control group and of all above it.
#[derive(Debug, Default)]
pub(crate) struct Quotas {
    /// `None` before the first question.
    groups: Option<Vec<Group>>,
}

/// A control group, with the CPU time in microseconds that it had used when it was asked last.
#[derive(Debug)]
struct Group {
    folder: PathBuf,
    last: Option<u64>,
}

impl Quotas {
    /// The unused share of the tightest quota in `wall`, the time since this was asked last; `None` the first time, and where
    /// there is no quota.
    pub(crate) fn idle(&mut self, wall: Duration) -> Option<f32> {
        let groups = self.groups.get_or_insert_with(|| {
            let own = read_to_string("/proc/self/cgroup").unwrap_or_default();
            groups(Path::new(MOUNT), &own)
        });
        groups.iter_mut().filter_map(|group| group.idle(wall)).reduce(f32::min)
    }
}

impl Group {
    /// The quota is read anew each time: it may be changed while the process runs.
    fn idle(&mut self, wall: Duration) -> Option<f32> {
        let used = usage(&read_to_string(self.folder.join("cpu.stat")).ok()?)?;
        let before = self.last.replace(used)?;
        let cpus = cpus(&read_to_string(self.folder.join("cpu.max")).ok()?)?;
        let granted = cpus * wall.as_secs_f64();
        let used = Duration::from_micros(used.saturating_sub(before)).as_secs_f64();
        (granted > 0.0).then(|| (1.0 - used / granted).clamp(0.0, 1.0) as f32)
    }
}

/// The control groups of a process, from its own up to the topmost that is seen: `own` is its `/proc/self/cgroup`
/// (cgroups(7)), in which the line of version 2 is `0::` and a path.
fn groups(mount: &Path, own: &str) -> Vec<Group> {
    let Some(path) = own.lines().find_map(|line| line.strip_prefix("0::/")) else { return Vec::new() };
    let folder = mount.join(path);
    let above = folder.ancestors().take_while(|folder| folder.starts_with(mount));
    above.map(|folder| Group { folder: folder.into(), last: None }).collect()
}

/// How many CPUs `cpu.max` grants: a quota and a period in microseconds, or `max` for as many as there are.
fn cpus(max: &str) -> Option<f64> {
    let (quota, period) = max.trim().split_once(' ')?;
    let (quota, period) = (quota.parse::<u32>().ok()?, period.parse::<u32>().ok()?);
    (period > 0).then(|| f64::from(quota) / f64::from(period))
}

/// The CPU time used, in microseconds: a line of `cpu.stat`.
fn usage(stat: &str) -> Option<u64> {
    stat.lines().find_map(|line| line.strip_prefix("usage_usec "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_tightest_quota_above_a_process_counts_and_may_change() {
        let mount = tempfile::tempdir().expect("a folder");
        let (above, own) = (mount.path().join("pod"), mount.path().join("pod/box"));
        fs::create_dir_all(&own).expect("folders");
        let write = |folder: &Path, max: &str, used: u64| {
            fs::write(folder.join("cpu.max"), max).expect("written");
            fs::write(folder.join("cpu.stat"), format!("usage_usec {used}\nuser_usec 1\n")).expect("written");
        };
        write(&above, "100000 100000\n", 7_000_000);
        write(&own, "max 100000\n", 3_000_000);
        let mut quotas = Quotas { groups: Some(groups(mount.path(), "1:cpu:/other\n0::/pod/box\n")) };
        assert_eq!(quotas.idle(SECOND), None, "the first time");

        // Its own group has no quota; the one above used a quarter of a second of one CPU.
        write(&above, "100000 100000\n", 7_250_000);
        write(&own, "max 100000\n", 3_250_000);
        assert_eq!(quotas.idle(SECOND), Some(0.75));

        // Now its own has half a CPU, all of which it used: more, as far as the clocks tell.
        write(&above, "100000 100000\n", 7_850_000);
        write(&own, "50000 100000\n", 3_850_000);
        assert_eq!(quotas.idle(SECOND), Some(0.0));
        assert_eq!(quotas.idle(Duration::ZERO), None);
    }

    #[test]
    fn what_says_nothing_is_no_quota() {
        for max in ["max 100000\n", "", "100000", "100000 0", "-1 100000", "x y"] {
            assert_eq!(cpus(max), None, "{max:?}");
        }
        assert_eq!(cpus("150000 100000\n"), Some(1.5));
        assert_eq!(usage("user_usec 5\nusage_usec 17\n"), Some(17));
        assert_eq!(usage("nr_periods 0\n"), None);
        assert!(groups(Path::new(MOUNT), "4:memory:/x\n").is_empty(), "version 1");
    }
}
