//! How much time passed, and how much CPU a process used meanwhile.

use std::fs;
use std::time::{Duration, Instant};

/// The unit of the kernel's times in /proc, whatever its own clock ticks with.
const TICKS_PER_SECOND: f64 = 100.0;

/// A process at a moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    at: Instant,
    cpu_seconds: f64,
}

/// What was done between two samples.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    /// By the wall clock.
    pub per_second: f64,
    /// By the process's own CPU time, in its code and in the kernel.
    pub per_cpu_second: f64,
}

impl Sample {
    /// None once the process is gone.
    pub fn of(pid: u32) -> Option<Self> {
        Self::read(&format!("/proc/{pid}/stat"))
    }

    pub fn of_this_process() -> Self {
        Self::read("/proc/self/stat").unwrap()
    }

    fn read(path: &str) -> Option<Self> {
        let ticks = ticks(&fs::read_to_string(path).ok()?)?;
        Some(Self {
            at: Instant::now(),
            cpu_seconds: ticks as f64 / TICKS_PER_SECOND,
        })
    }

    pub fn seconds_until(self, end: Self) -> f64 {
        end.at.duration_since(self.at).as_secs_f64()
    }

    pub fn cpu_until(self, end: Self) -> f64 {
        end.cpu_seconds - self.cpu_seconds
    }

    pub fn rate_until(self, end: Self, count: u64) -> Rate {
        let count = count as f64;
        Rate {
            per_second: count / self.seconds_until(end),
            per_cpu_second: count / self.cpu_until(end),
        }
    }
}

/// utime and stime, in clock ticks, of the text of a `/proc/<pid>/stat`.
fn ticks(stat: &str) -> Option<u64> {
    // The second field is the program's name in parentheses, which may hold both itself.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

/// How much of all processors' time nobody used during `span`; none where it cannot be known.
pub(crate) fn idle_share(span: Duration) -> Option<f64> {
    let before = idle_and_total(&fs::read_to_string("/proc/stat").ok()?)?;
    let deadline = Instant::now() + span;
    std::thread::sleep(deadline.saturating_duration_since(Instant::now()));
    let after = idle_and_total(&fs::read_to_string("/proc/stat").ok()?)?;
    let (idle, total) = (after.0 - before.0, after.1 - before.1);
    (total > 0).then(|| idle as f64 / total as f64)
}

/// Of the text of a `/proc/stat`, in clock ticks since the start.
fn idle_and_total(stat: &str) -> Option<(u64, u64)> {
    let times = stat.lines().next()?.strip_prefix("cpu ")?;
    let times: Vec<u64> = times
        .split_ascii_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    // Waiting for a disk is no use of a processor; guests are part of the users' time.
    let idle = times.get(3)? + times.get(4)?;
    Some((idle, times.iter().take(8).sum()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_are_found_behind_any_name() {
        let stat = "42 (a) b (c)) S 1 42 42 0 -1 4194560 1500 0 3 0 731 69 0 0 20 0 9 0 88 1 2";
        assert_eq!(ticks(stat), Some(800));
        assert_eq!(ticks("42 (a) S 1 42"), None);
        assert_eq!(ticks(""), None);
    }

    #[test]
    fn idle_time_is_a_part_of_all_time() {
        let stat = "cpu  10 1 20 100 7 1 2 3 4 0\ncpu0 5 0 10 50 3 0 1 1 2 0\n";
        assert_eq!(idle_and_total(stat), Some((107, 144)));
        assert_eq!(idle_and_total("cpu  1 2 3"), None);
        assert_eq!(idle_and_total("intr 1 2 3 4 5 6"), None);
    }

    #[test]
    fn a_process_has_a_sample_and_nobody_has_none() {
        let sample = Sample::of_this_process();
        assert!(sample.cpu_seconds >= 0.0);
        assert!(Sample::of(u32::MAX).is_none());
    }
}
