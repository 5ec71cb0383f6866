//! The first error of a run, shared by the workers of a process.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Error;

/// Where operators report errors. A run with an error writes no result, so operators stop early once there is one.
#[derive(Clone, Debug, Default)]
pub struct Failure(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    happened: AtomicBool,
    first: Mutex<Option<Error>>,
}

impl Failure {
    /// Reports an error. Of several, the one of the first chunk in raster order is kept.
    pub fn report(&self, error: Error) {
        let mut first = self.0.first.lock().unwrap_or_else(PoisonError::into_inner);
        if first.as_ref().is_none_or(|known| error.chunk() < known.chunk()) {
            *first = Some(error);
        }
        self.0.happened.store(true, Ordering::Release);
    }

    /// Whether something was reported.
    pub fn happened(&self) -> bool {
        self.0.happened.load(Ordering::Acquire)
    }

    /// Takes the error out, so that a next epoch can begin.
    pub fn take(&self) -> Option<Error> {
        let error = self.0.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.0.happened.store(false, Ordering::Release);
        error
    }
}
