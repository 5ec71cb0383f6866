//! A request to end, which wakes sleeping threads.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};

/// A request to end, which may have been made or not. All clones are one request.
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
            // A thread with a waiting signal looks anyway; one that is gone needs none.
            let _ = sleeper.try_send(());
        }
    }

    /// Sends a signal there when the request is made.
    pub fn wake(&self, sleeper: SyncSender<()>) {
        self.0.sleepers.lock().unwrap_or_else(PoisonError::into_inner).push(sleeper);
    }
}
