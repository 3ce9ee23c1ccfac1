//! What a server has used: the CPU time and the memory of a process and all its children, from `/proc`.
//!
//! Time of live threads is read in nanoseconds (`schedstat`), that of processes which have ended in ticks of
//! their parent (`stat`, fields 16 and 17). A thread that ended within a live process is not counted.

use std::fs;
use std::path::{Path, PathBuf};

/// `USER_HZ`: the ticks of `/proc/PID/stat` in a second, the same on every Linux that we know.
const TICKS: f64 = 100.0;

/// A process and all that descend from it.
fn processes(root: u32) -> Vec<PathBuf> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
        let number: u32 = entry.file_name().to_str()?.parse().ok()?;
        let parent = field(&stat(&entry.path())?, 4)?;
        Some((number, parent, entry.path()))
    });
    let all: Vec<_> = all.collect();
    let mut found = vec![root];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        let children = all.iter().filter(|(_, of, _)| *of == f64::from(parent));
        found.extend(children.map(|(number, ..)| *number));
        next += 1;
    }
    all.into_iter().filter(|(number, ..)| found.contains(number)).map(|(.., path)| path).collect()
}

/// The fields of `stat` behind the name of the program, which may hold anything.
fn stat(process: &Path) -> Option<String> {
    let stat = fs::read_to_string(process.join("stat")).ok()?;
    Some(stat.rsplit_once(')')?.1.to_owned())
}

/// The field of this number, as proc(5) counts them: the first behind the name is the third.
fn field(stat: &str, number: usize) -> Option<f64> {
    stat.split_whitespace().nth(number.checked_sub(3)?)?.parse().ok()
}

/// CPU seconds of a process and its descendants so far.
pub(super) fn cpu(root: u32) -> f64 {
    processes(root).iter().map(|process| live(process) + ended(process)).sum()
}

fn live(process: &Path) -> f64 {
    let threads = fs::read_dir(process.join("task")).into_iter().flatten().flatten();
    let nanos = threads.filter_map(|thread| {
        let schedstat = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        schedstat.split_whitespace().next()?.parse::<f64>().ok()
    });
    nanos.sum::<f64>() / 1e9
}

fn ended(process: &Path) -> f64 {
    let ticks = stat(process).and_then(|stat| Some(field(&stat, 16)? + field(&stat, 17)?));
    ticks.unwrap_or_default() / TICKS
}

/// KiB of memory of a process and its descendants, what is shared divided by those who share it.
pub(super) fn memory(root: u32) -> f64 {
    let pss = |process: &PathBuf| {
        let rollup = fs::read_to_string(process.join("smaps_rollup")).ok()?;
        let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    };
    processes(root).iter().filter_map(pss).sum()
}
