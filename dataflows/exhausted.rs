//! Running out of memory or threads: the program removes what it has begun to write, prints a sentence, and ends.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use anabranch::error::{Error, Kind, Result};
use anabranch::memory::{is_only_tried, no_threads};

use crate::terminal::log;
use crate::{interrupt, status};

/// The system's allocator; when that has no more memory, the program ends with a sentence.
#[derive(Debug)]
pub(crate) struct OrEnd;

#[global_allocator]
static ALLOCATOR: OrEnd = OrEnd;

/// How long a thread may take to remove what the program has begun to write.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether a thread has begun to end the program.
static ENDING: AtomicBool = AtomicBool::new(false);

/// Memory to be freed before the program ends, for the clearing away; never used.
static RESERVE: Mutex<Vec<u8>> = Mutex::new(Vec::new());
const RESERVED: usize = 4 << 20;
const WATCH_STACK: usize = 64 << 10;

/// A thread that ends the program if the thread that was about to do so waits for one that cannot go on.
static WATCH: OnceLock<Thread> = OnceLock::new();

/// Prepares the program to end in order when memory or threads run out.
///
/// # Errors
/// `Io` if there are none already.
pub(crate) fn prepare() -> Result<()> {
    *RESERVE.lock().unwrap_or_else(PoisonError::into_inner) = Vec::with_capacity(RESERVED);
    let watch = || {
        while !ENDING.load(Ordering::Acquire) {
            std::thread::park();
        }
        std::thread::sleep(PATIENCE);
        std::process::exit(i32::from(Kind::Io.exit_code()));
    };
    let thread = std::thread::Builder::new().name("end".to_owned()).stack_size(WATCH_STACK).spawn(watch);
    let _ = WATCH.set(thread.map_err(no_threads)?.thread().clone());
    Ok(())
}

/// Makes the program end in a moment, whatever the threads that want to end it wait for. Returns whether another thread
/// has called this before.
pub(crate) fn begin_to_end() -> bool {
    let before = ENDING.swap(true, Ordering::AcqRel);
    if let Some(watch) = WATCH.get() {
        watch.unpark();
    }
    before
}

thread_local! {
    /// Whether this thread ends the program.
    static ENDS: Cell<bool> = const { Cell::new(false) };
}

#[allow(
    unsafe_code,
    reason = "the standard library aborts where there is no memory, and nothing stable is asked before"
)]
// SAFETY: every call goes to the system's allocator, whose results are passed on unchanged.
unsafe impl GlobalAlloc for OrEnd {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        or_end(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        or_end(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as the caller promises.
        or_end(unsafe { System.realloc(pointer, layout, size) }, size)
    }
}

#[inline]
fn or_end(pointer: *mut u8, bytes: usize) -> *mut u8 {
    if pointer.is_null() && !is_only_tried() {
        end(bytes);
    }
    pointer
}

/// Ends the program when the system has refused this many bytes.
#[cold]
fn end(bytes: usize) {
    let code = i32::from(Kind::Io.exit_code());
    if ENDS.replace(true) {
        // There is not even enough memory to clear away.
        std::process::exit(code);
    }
    if begin_to_end() {
        // Another thread ends the program, if it can.
        std::thread::sleep(PATIENCE);
        std::process::exit(code);
    }
    // In one piece, and without allocating.
    let mut buffer = [0; 512];
    let mut rest = &mut buffer[..];
    let (before, after) = match log::is_json() {
        true => ("{\"level\":\"error\",\"event\":\"error\",\"exit_code\":74,\"message\":\"", "\"}"),
        false => ("anabranch: ", ""),
    };
    let _ = writeln!(
        rest,
        "{before}the system gives no more memory ({bytes} bytes were asked for); close other programs, give smaller \
         --memory, --workers or --chunk, or raise the limit (ulimit -v){after}"
    );
    let left = rest.len();
    let _ = std::io::stderr().write_all(&buffer[..buffer.len() - left]);
    if let Ok(mut reserve) = RESERVE.try_lock() {
        *reserve = Vec::new();
    }
    status::end_at_once("the system gives no more memory", Kind::Io.exit_code());
    interrupt::clear_all();
    std::process::exit(code);
}

/// The error that a panic's message stands for, if a library has panicked because it could not start a thread or get memory.
pub(crate) fn error_of(message: &str) -> Option<Error> {
    // zstd allocates by itself, and its crate panics when that fails.
    if message.contains("zstd returned null pointer") {
        let message = "the system gives no more memory; close other programs, give smaller --memory, --workers or --chunk, or raise \
                       the limit (ulimit -v)";
        return Some(Error::new(Kind::Io, message));
    }
    if message.contains("what was put aside cannot be read again") {
        let message = "what the run wrote to a file without a name cannot be read again; check the disk";
        return Some(Error::new(Kind::Io, message));
    }
    // The last three are timely's, about threads that were to come.
    let threads = [
        "failed to spawn thread",
        "ThreadPoolBuildError",
        "has not been initialized",
        "buzzer",
        "MergeQueue",
        "push queue",
    ];
    let is_of_threads = threads.iter().any(|text| message.contains(text)) || message.contains("WouldBlock");
    is_of_threads.then(|| no_threads("a thread could not be started"))
}
