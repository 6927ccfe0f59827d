//! Reads the CPU quotas of control groups. A container with a quota has less CPU time than the machine.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The folder of Linux's control groups of version 2. Version 1 is not supported.
const MOUNT: &str = "/sys/fs/cgroup";

/// The quotas of the process: those of its own control group and of all groups above it.
#[derive(Debug, Default)]
pub(crate) struct Quotas {
    /// `None` before the first call.
    groups: Option<Vec<Group>>,
}

/// A control group, with the CPU time in microseconds that it had used at the last call.
#[derive(Debug)]
struct Group {
    folder: PathBuf,
    last: Option<u64>,
}

impl Quotas {
    /// Returns the unused share of the tightest quota since the last call, which was `wall` ago. Returns `None` at the first
    /// call, or if no group has a quota.
    pub(crate) fn idle(&mut self, wall: Duration) -> Option<f32> {
        let groups = self.groups.get_or_insert_with(|| {
            let own = read_to_string("/proc/self/cgroup").unwrap_or_default();
            groups(Path::new(MOUNT), &own)
        });
        groups.iter_mut().filter_map(|group| group.idle(wall)).reduce(f32::min)
    }
}

impl Group {
    /// Reads the quota again at each call, because it may change while the process runs.
    fn idle(&mut self, wall: Duration) -> Option<f32> {
        let used = usage(&read_to_string(self.folder.join("cpu.stat")).ok()?)?;
        let before = self.last.replace(used)?;
        let cpus = cpus(&read_to_string(self.folder.join("cpu.max")).ok()?)?;
        let granted = cpus * wall.as_secs_f64();
        let used = Duration::from_micros(used.saturating_sub(before)).as_secs_f64();
        (granted > 0.0).then(|| (1.0 - used / granted).clamp(0.0, 1.0) as f32)
    }
}

/// Returns the control groups of a process, from its own up to the topmost visible one. `own` is the text of
/// `/proc/self/cgroup` (cgroups(7)), in which the line of version 2 is `0::` and a path.
fn groups(mount: &Path, own: &str) -> Vec<Group> {
    let Some(path) = own.lines().find_map(|line| line.strip_prefix("0::/")) else { return Vec::new() };
    let folder = mount.join(path);
    let above = folder.ancestors().take_while(|folder| folder.starts_with(mount));
    above.map(|folder| Group { folder: folder.into(), last: None }).collect()
}

/// Returns the number of CPUs that the text of `cpu.max` grants, or `None` without a quota. The text has a quota and a period in
/// microseconds, or `max`.
fn cpus(max: &str) -> Option<f64> {
    let (quota, period) = max.trim().split_once(' ')?;
    let quota = quota.parse::<u32>().ok()?;
    let period = period.parse::<u32>().ok()?;
    (period > 0).then(|| f64::from(quota) / f64::from(period))
}

/// Returns the used CPU time in microseconds from the text of `cpu.stat`.
fn usage(stat: &str) -> Option<u64> {
    stat.lines().find_map(|line| line.strip_prefix("usage_usec "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_tightest_quota_counts() {
        let mount = tempfile::tempdir().expect("a folder");
        let above = mount.path().join("pod");
        let own = mount.path().join("pod/box");
        fs::create_dir_all(&own).expect("folders");
        let write = |folder: &Path, max: &str, used: u64| {
            fs::write(folder.join("cpu.max"), max).expect("written");
            fs::write(folder.join("cpu.stat"), format!("usage_usec {used}\nuser_usec 1\n")).expect("written");
        };
        write(&above, "100000 100000\n", 7_000_000);
        write(&own, "max 100000\n", 3_000_000);
        let mut quotas = Quotas { groups: Some(groups(mount.path(), "1:cpu:/other\n0::/pod/box\n")) };
        assert_eq!(quotas.idle(SECOND), None, "the first time");

        // Its own group has no quota. The group above used a quarter of a second of one CPU.
        write(&above, "100000 100000\n", 7_250_000);
        write(&own, "max 100000\n", 3_250_000);
        assert_eq!(quotas.idle(SECOND), Some(0.75));

        // Now its own group has half a CPU and used all of it, or slightly more by the clocks.
        write(&above, "100000 100000\n", 7_850_000);
        write(&own, "50000 100000\n", 3_850_000);
        assert_eq!(quotas.idle(SECOND), Some(0.0));
        assert_eq!(quotas.idle(Duration::ZERO), None);
    }

    #[test]
    fn an_unreadable_text_is_no_quota() {
        for max in ["max 100000\n", "", "100000", "100000 0", "-1 100000", "x y"] {
            assert_eq!(cpus(max), None, "{max:?}");
        }
        assert_eq!(cpus("150000 100000\n"), Some(1.5));
        assert_eq!(usage("user_usec 5\nusage_usec 17\n"), Some(17));
        assert_eq!(usage("nr_periods 0\n"), None);
        assert!(groups(Path::new(MOUNT), "4:memory:/x\n").is_empty(), "version 1");
    }
}
