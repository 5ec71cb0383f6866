//! How much memory this process has taken, and allocations that may fail.

use std::cell::Cell;
use std::sync::OnceLock;

#[cfg(feature = "tiff")]
use crate::error::Result;
use crate::error::{Error, Kind};

thread_local! {
    /// Whether this thread can go on if it gets no memory.
    static TRIES: Cell<bool> = const { Cell::new(false) };
}

/// An empty buffer with room for `count` elements; `None` if there is too little memory.
#[cfg(any(test, feature = "zarr", feature = "tiff", feature = "dataflow"))]
pub(crate) fn room<T>(count: usize) -> Option<Vec<T>> {
    let bytes = (count as u64).saturating_mul(size_of::<T>() as u64);
    if of_machine().is_some_and(|memory| bytes > memory) {
        // The system may promise memory, and end the program when it is used.
        return None;
    }
    let before = TRIES.replace(true);
    let mut buffer = Vec::new();
    let reserved = buffer.try_reserve_exact(count);
    TRIES.set(before);
    reserved.ok().map(|()| buffer)
}

/// Smaller sizes are not tried first: if so little is missing, the size of an image is not the cause.
#[cfg(feature = "tiff")]
const LARGE: u64 = 32 << 20;

#[cfg(feature = "tiff")]
/// Refuses work that needs more memory at once than the system has.
///
/// # Errors
/// `Data` with the size and `advice`, which says what to do about the image.
pub(crate) fn require(bytes: u64, advice: &str) -> Result<()> {
    let fits = bytes < LARGE || usize::try_from(bytes).is_ok_and(|bytes| room::<u8>(bytes).is_some());
    if fits { Ok(()) } else { Err(too_large(bytes, advice)) }
}

#[cfg(any(feature = "zarr", feature = "tiff"))]
/// The error of work that needs this much memory at once.
pub(crate) fn too_large(bytes: u64, advice: &str) -> Error {
    Error::data(format!("needs {} of memory at once, which the system does not give; {advice}", in_units(bytes)))
}

#[cfg(any(feature = "zarr", feature = "tiff"))]
/// A number of bytes as people write it: `3.5 GiB`.
pub(crate) fn in_units(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let power = (bytes.ilog2() / 10).min(6);
    format!("{:.1} {}", bytes as f64 / 1024f64.powi(power.cast_signed()), UNITS[power as usize - 1])
}

/// Whether the code that allocates now can go on without the memory; for an allocator that ends the program otherwise.
pub fn is_only_tried() -> bool {
    TRIES.try_with(Cell::get).unwrap_or(false)
}

static RETURN_FREED: OnceLock<fn()> = OnceLock::new();

/// Sets what is called where much memory was freed of which little will be needed again, for an allocator that keeps it: it is
/// to return what it can to the system, in milliseconds. The first function stays.
pub fn return_freed_with(function: fn()) {
    let _ = RETURN_FREED.set(function);
}

/// Much memory was freed, and little of it will be needed again.
#[cfg(feature = "dataflow")]
pub(crate) fn much_is_freed() {
    if let Some(function) = RETURN_FREED.get() {
        function();
    }
}

/// The error of too few threads.
pub fn no_threads(cause: impl std::fmt::Display) -> Error {
    let message = "the system starts no more threads; close other programs, give a smaller --workers, or raise the limits \
                   of processes and memory (ulimit -u, ulimit -v)";
    Error::new(Kind::Io, message).because(cause)
}

/// The memory of this machine, or the part of it that this process may use; `None` if it is unknown.
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

/// The most memory that this process has held, in bytes; `None` unless on Linux.
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

    #[cfg(feature = "tiff")]
    #[test]
    fn what_is_too_large_is_refused_with_its_size_and_the_advice() {
        assert!(require(LARGE, "").is_ok());
        let error = require(7 << 60, "write it in smaller chunks").unwrap_err();
        assert_eq!(error.kind(), Kind::Data);
        let sentence = "needs 7.0 EiB of memory at once, which the system does not give; write it in smaller chunks";
        assert_eq!(error.to_string(), sentence);
        let sizes = [0, 1023, 1024, 3 << 29, (1 << 40) - 1, u64::MAX].map(in_units);
        assert_eq!(sizes, ["0 bytes", "1023 bytes", "1.0 KiB", "1.5 GiB", "1024.0 GiB", "16.0 EiB"]);
    }

    #[test]
    fn this_process_has_held_memory() {
        assert!(peak_memory().is_none_or(|bytes| bytes > 1 << 20));
    }
}
