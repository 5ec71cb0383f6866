//! Interruption by the user or the system: Ctrl-C, or a request to end.
//!
//! The program ends at once, whatever it is doing: it tells the other processes of the run, removes what it has staged,
//! and leaves nothing in place. Once outputs are being put in place, a request comes too late: the program ends in a
//! moment, as if there had been none. `watch` checks for requests by itself, and ends between two epochs.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use anabranch::error::{Error, Kind, Result};
use anabranch::follow::Stop;
use anabranch::store::output::Remover;

use crate::{processes, status};

/// Whether the program has been asked to end, and what it is doing. Clones share both.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt {
    pub(crate) stop: Stop,
    work: Arc<Mutex<Work>>,
}

/// What the program is doing when it is interrupted.
#[derive(Debug, Default)]
struct Work {
    phase: Phase,
    staged: Vec<Remover>,
    /// Whether a part of the results is complete and in place.
    has_part: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// Nothing is in place yet.
    #[default]
    Working,
    /// The program ends in a moment.
    Finishing,
    /// The program checks for requests by itself.
    Followed,
}

/// The one of this process.
static INTERRUPT: OnceLock<Interrupt> = OnceLock::new();

impl Interrupt {
    /// Handles Ctrl-C and requests to end for this process; a second request ends it at once. To be called once.
    pub(crate) fn install() -> Result<()> {
        let interrupt = INTERRUPT.get_or_init(Interrupt::default);
        let installed = on_request(move || {
            if interrupt.stop.happened() {
                let code = Kind::Interrupted.exit_code();
                status::end_at_once("interrupted twice", code);
                std::process::exit(i32::from(code));
            }
            interrupt.stop.raise();
            interrupt.end();
        });
        let message = "requests to end could not be noticed; raise the limits of this shell (ulimit -n, ulimit -u)";
        installed.map_err(|error| Error::new(Kind::Io, message).because(error))
    }

    /// The one of this process, which does nothing by itself from now on.
    pub(crate) fn followed() -> Interrupt {
        let interrupt = INTERRUPT.get_or_init(Interrupt::default).clone();
        interrupt.work().phase = Phase::Followed;
        interrupt
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the program, unless it ends by itself. No other thread can end it or put anything in place meanwhile.
    fn end(&self) {
        let work = self.work();
        if work.phase != Phase::Working {
            return;
        }
        let told = if work.has_part { "what was complete before is kept" } else { "nothing was written" };
        let error = Error::new(Kind::Interrupted, format!("interrupted; {told}"));
        // Before the folder that they write to is removed.
        processes::interrupted(&error);
        work.staged.iter().for_each(Remover::remove);
        processes::speak(&error);
        status::end(&Err(error.clone()));
        std::process::exit(i32::from(error.kind().exit_code()));
    }
}

/// Calls `act` in a thread of its own at every request to end: Ctrl-C, termination, and the end of the terminal, unless
/// the program was started to outlive that, as by `nohup`.
#[cfg(unix)]
fn on_request(act: impl Fn() + Send + 'static) -> std::io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let hangup = Some(SIGHUP).filter(|&signal| !is_ignored(signal));
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM].into_iter().chain(hangup))?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || signals.forever().for_each(|_| act()))?;
    Ok(())
}

/// Whether a signal was ignored when the program started; known on Linux only.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    ignored.is_some_and(|signals| signals >> (signal - 1) & 1 == 1)
}

/// Calls `act` in a thread of its own at every request to end.
#[cfg(not(unix))]
fn on_request(act: impl FnMut() + Send + 'static) -> std::result::Result<(), ctrlc::Error> {
    ctrlc::set_handler(act)
}

/// Ends the program as a request to end does.
pub(crate) fn request() {
    let interrupt = INTERRUPT.get_or_init(Interrupt::default);
    interrupt.stop.raise();
    interrupt.end();
}

/// Removes what is staged, unless another thread is about to put it in place.
pub(crate) fn clear_all() {
    if let Some(Ok(work)) = INTERRUPT.get().map(|interrupt| interrupt.work.try_lock()) {
        work.staged.iter().for_each(Remover::try_remove);
    }
}

/// Returns what `begin` stages. It is removed if the program is interrupted from now on. An interruption during this
/// call waits, so that nothing is staged that an interruption would not know of.
///
/// # Errors
/// The errors of `begin`.
pub(crate) fn stage<T>(begin: impl FnOnce() -> Result<T>, remover: impl FnOnce(&T) -> Remover) -> Result<T> {
    let mut work = INTERRUPT.get_or_init(Interrupt::default).work();
    let begun = begin()?;
    work.staged.retain(|staged| !staged.is_over());
    work.staged.push(remover(&begun));
    Ok(begun)
}

/// From here on the program ends by itself in a moment. Does not return if it has been interrupted before.
pub(crate) fn finish() {
    let mut work = INTERRUPT.get_or_init(Interrupt::default).work();
    if work.phase == Phase::Working {
        work.phase = Phase::Finishing;
    }
}

/// Puts in place what the program goes on from. Does not return if the program has been interrupted before. An
/// interruption during this call waits, and leaves what was put in place.
///
/// # Errors
/// The errors of `act`.
pub(crate) fn finish_part(act: impl FnOnce() -> Result<()>) -> Result<()> {
    let mut work = INTERRUPT.get_or_init(Interrupt::default).work();
    act()?;
    work.has_part = true;
    Ok(())
}
