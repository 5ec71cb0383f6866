//! How much memory this process has taken, and what is tried where there may be too little.

use std::cell::Cell;
use std::sync::OnceLock;

use crate::error::{Error, Kind};

thread_local! {
    /// Whether this thread only tries to get memory.
    static TRIES: Cell<bool> = const { Cell::new(false) };
}

/// An empty buffer with room for so many elements; `None` where there is not so much memory.
pub(crate) fn room<T>(count: usize) -> Option<Vec<T>> {
    let bytes = (count as u64).saturating_mul(size_of::<T>() as u64);
    if of_machine().is_some_and(|memory| bytes > memory) {
        // The system may promise it, and end the program when it is used.
        return None;
    }
    let before = TRIES.replace(true);
    let mut buffer = Vec::new();
    let reserved = buffer.try_reserve_exact(count);
    TRIES.set(before);
    reserved.ok().map(|()| buffer)
}

/// Whether the memory that this thread asks for now is asked for by code that goes on without it: for an allocator that ends
/// the program where others cannot.
pub fn is_only_tried() -> bool {
    TRIES.try_with(Cell::get).unwrap_or(false)
}

/// The refusal to work with fewer threads than are needed.
pub fn no_threads(cause: impl std::fmt::Display) -> Error {
    let message = "the system starts no more threads; close other programs, give a smaller --workers, or raise the limits \
                   of processes and memory (ulimit -u, ulimit -v)";
    Error::new(Kind::Io, message).because(cause)
}

/// The memory of this machine, or of the part of it that this process may have; `None` where the operating system does
/// not tell.
pub fn of_machine() -> Option<u64> {
    static FOUND: OnceLock<Option<u64>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let read = |path: &str| std::fs::read_to_string(path).ok();
        let whole = read("/proc/meminfo").and_then(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?.trim();
            line.strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
        });
        let part = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
        let part = part.into_iter().find_map(|path| read(path)?.trim().parse().ok());
        whole.into_iter().chain(part).min()
    })
}

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
    fn more_memory_than_there_is_is_only_tried() {
        assert!(room::<u64>(usize::MAX / 16).is_none());
        assert!(!is_only_tried());
        assert!(room::<u64>(100).is_some_and(|buffer| buffer.is_empty() && buffer.capacity() >= 100));
    }

    #[test]
    fn this_process_has_held_memory() {
        assert!(peak_memory().is_none_or(|bytes| bytes > 1 << 20));
    }
}
