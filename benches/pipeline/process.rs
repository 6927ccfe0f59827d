//! The CPU time and the memory of this process and its threads, as Linux reports them.

use std::collections::BTreeMap;
use std::fs;

/// The milliseconds of a tick of Linux's clock for CPU times.
const TICK_MILLIS: f64 = 10.0;

/// Returns the CPU time so far of this process and of its ended children, in seconds (Linux's proc(5): `stat`, in
/// hundredths), or 0 if the system does not report it.
pub(super) fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat_fields(&stat);
    (11..=14).map(|at| field(&fields, at)).sum::<f64>() * TICK_MILLIS / 1e3
}

/// Returns the CPU time so far of the running threads in milliseconds, those with one name together. Numbers at the end of a
/// name, such as that of a camera, are left out.
pub(super) fn thread_cpu_millis() -> BTreeMap<String, f64> {
    let mut threads = BTreeMap::new();
    for task in fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let Ok(stat) = fs::read_to_string(task.path().join("stat")) else { continue };
        let Some(name) = stat.split_once('(').and_then(|(_, rest)| rest.rsplit_once(')')) else { continue };
        let kind = name.0.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | ' '));
        let fields = stat_fields(&stat);
        *threads.entry(kind.to_owned()).or_default() +=
            (field(&fields, 11) + field(&fields, 12)) * TICK_MILLIS;
    }
    threads
}

/// Returns a line of `/proc/self/status`, in KiB for memory, or 0 if the system does not report it.
pub(super) fn status(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|l| l.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Returns the fields of a `stat` file after the name, of which the first is the state.
fn stat_fields(stat: &str) -> Vec<&str> {
    stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect()
}

fn field(fields: &[&str], at: usize) -> f64 {
    fields.get(at).and_then(|field| field.parse().ok()).unwrap_or(0.0)
}
