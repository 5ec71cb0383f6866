//! Memory that was freed, and that the allocator keeps.

/// Returns freed memory to the system. The GNU allocator keeps what worker threads have freed for threads to come, of which
/// there may be none: about a third of what outputs take later. Takes some milliseconds.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code, reason = "a function of the C library")]
pub(crate) fn give_back() {
    // SAFETY: the function may be called at any time, from any thread.
    unsafe { libc::malloc_trim(0) };
}

/// Other allocators have no such function, or need none.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn give_back() {}
