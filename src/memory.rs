//! How much memory this process has taken.

/// The most memory that this process has held, in bytes, where the operating system tells: on Linux.
pub fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_held_memory() {
        assert!(peak_memory().is_none_or(|bytes| bytes > 1 << 20));
    }
}
