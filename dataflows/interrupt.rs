//! Interruption by the user or the system: Ctrl-C, or a request to end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};

use anabranch::error::{Error, Result};

/// What the program ends with when it is interrupted before it has done what it was to do, as shells have it for Ctrl-C.
pub(crate) const INTERRUPTED: i32 = 130;

/// Whether the program has been asked to end. Clones tell the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    happened: AtomicBool,
    sleepers: Mutex<Vec<SyncSender<()>>>,
}

impl Interrupt {
    /// Takes over what Ctrl-C and requests to end do to this process: the first one is only noted, the second ends the
    /// process at once. Once a process.
    pub(crate) fn install() -> Result<Interrupt> {
        let interrupt = Interrupt::default();
        let raised = interrupt.clone();
        let installed = ctrlc::set_handler(move || {
            if raised.happened() {
                std::process::exit(INTERRUPTED);
            }
            raised.raise();
        });
        installed.map_err(|error| Error::internal("interrupts cannot be noticed; report it").because(error))?;
        Ok(interrupt)
    }

    /// Whether it has happened.
    pub(crate) fn happened(&self) -> bool {
        self.0.happened.load(Ordering::Acquire)
    }

    /// Notes it, and wakes whoever sleeps.
    pub(crate) fn raise(&self) {
        self.0.happened.store(true, Ordering::Release);
        for sleeper in self.0.sleepers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            // One that has a signal waiting looks anyway, one that is gone does not mind.
            let _ = sleeper.try_send(());
        }
    }

    /// A signal is sent there when it happens.
    pub(crate) fn wake(&self, sleeper: SyncSender<()>) {
        self.0.sleepers.lock().unwrap_or_else(PoisonError::into_inner).push(sleeper);
    }
}
