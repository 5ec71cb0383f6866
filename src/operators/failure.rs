//! The errors of a run, shared by the workers of a process.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Error;
use crate::grid::ChunkId;

/// Where operators report errors. A run with an error writes no result, so operators that read, thin or write stop early
/// once there is one.
#[derive(Clone, Debug, Default)]
pub struct Failure(Arc<Reports>);

type Watch = Box<dyn Fn(&Error) + Send + Sync>;

#[derive(Default)]
struct Reports {
    happened: AtomicBool,
    /// Called with the first error.
    watch: Option<Watch>,
    /// The first error of each chunk, and the first one at no chunk.
    errors: Mutex<BTreeMap<Option<ChunkId>, Error>>,
}

impl fmt::Debug for Reports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("happened", &self.happened)
            .field("errors", &self.errors)
            .finish_non_exhaustive()
    }
}

impl Failure {
    /// A failure that calls `watch` with the first error, in the thread that reports it.
    pub fn watched(watch: impl Fn(&Error) + Send + Sync + 'static) -> Self {
        Failure(Arc::new(Reports { watch: Some(Box::new(watch)), ..Reports::default() }))
    }

    /// Reports an error. Of several errors at a chunk, the first is kept.
    pub fn report(&self, error: Error) {
        let first = {
            let mut errors = self.0.errors.lock().unwrap_or_else(PoisonError::into_inner);
            errors.entry(error.chunk()).or_insert_with(|| error.clone());
            !self.0.happened.swap(true, Ordering::AcqRel)
        };
        if let (true, Some(watch)) = (first, &self.0.watch) {
            watch(&error);
        }
    }

    /// Whether an error was reported.
    pub fn happened(&self) -> bool {
        self.0.happened.load(Ordering::Acquire)
    }

    /// Takes all errors out, so that the next epoch can begin, and returns the one at no chunk, or else the one at the
    /// first chunk in raster order.
    pub fn take(&self) -> Option<Error> {
        self.take_all().into_iter().next()
    }

    /// Takes all errors out: the one at no chunk, then one for each chunk in raster order.
    pub fn take_all(&self) -> Vec<Error> {
        let errors = &mut *self.0.errors.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.happened.store(false, Ordering::Release);
        std::mem::take(errors).into_values().collect()
    }
}
