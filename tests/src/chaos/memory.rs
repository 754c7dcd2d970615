//! How much memory a process has had at most.

/// The peak of its resident memory, in KiB, as the kernel counts it.
pub(crate) fn peak_kb(pid: u32) -> Option<u64> {
    parse(&std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
}

fn parse(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_and_a_process_without_memory_has_none() {
        let status = "Name:\ttapeline\nVmPeak:\t  900000 kB\nVmHWM:\t   45678 kB\nVmRSS:\t 1 kB\n";
        assert_eq!(parse(status), Some(45_678));
        assert_eq!(parse("Name:\tzombie\n"), None);
        assert!(peak_kb(std::process::id()).is_some_and(|kb| kb > 100));
    }
}
