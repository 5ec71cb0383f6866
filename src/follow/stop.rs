//! A request to end, which threads that sleep notice.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};

/// A request to end, which may have been made. All clones are one request.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<Waker>);

#[derive(Debug, Default)]
struct Waker {
    happened: AtomicBool,
    sleepers: Mutex<Vec<SyncSender<()>>>,
}

impl Stop {
    /// Whether it has happened.
    pub fn happened(&self) -> bool {
        self.0.happened.load(Ordering::Acquire)
    }

    /// Asks for the end, and wakes all threads that sleep.
    pub fn raise(&self) {
        self.0.happened.store(true, Ordering::Release);
        for sleeper in self.0.sleepers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            // One that has a signal waiting looks anyway, one that is gone does not mind.
            let _ = sleeper.try_send(());
        }
    }

    /// A signal is sent there when it happens.
    pub fn wake(&self, sleeper: SyncSender<()>) {
        self.0.sleepers.lock().unwrap_or_else(PoisonError::into_inner).push(sleeper);
    }
}
