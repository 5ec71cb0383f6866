//! The thread of a session that conducts its workers: it does one job after the other, so that callers need not.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use super::handle::{EpochHandle, promise};
use crate::error::{Error, Result};

/// The reason why a session cannot go on, once there is one.
#[derive(Clone, Debug, Default)]
pub(super) struct Broken(Arc<OnceLock<Error>>);

impl Broken {
    /// Notes that the session cannot go on. The first reason stands.
    pub(super) fn set(&self, why: &Error) {
        self.0.get_or_init(|| why.clone());
    }

    /// # Errors
    /// Why the session cannot go on.
    pub(super) fn check(&self) -> Result<()> {
        self.0.get().map_or(Ok(()), |error| Err(error.clone()))
    }
}

/// Marks the session as broken if a job panics.
struct Alarm(Broken);

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.set(&Error::internal("the session has stopped: start another session"));
        }
    }
}

type Job<I> = Box<dyn FnOnce(&mut I) + Send>;

/// A thread that owns the conductor of the workers. It ends, and is joined, when this is dropped.
pub(super) struct Conductor<I> {
    jobs: Option<Sender<Job<I>>>,
    thread: Option<JoinHandle<()>>,
    broken: Broken,
}

impl<I: Send + 'static> Conductor<I> {
    /// Starts the thread.
    ///
    /// # Errors
    /// `Io` if the system starts no more threads.
    pub(super) fn start(mut inner: I, broken: &Broken) -> Result<Self> {
        let (jobs, todo) = channel::<Job<I>>();
        let conduct = move || {
            for job in todo {
                job(&mut inner);
            }
        };
        let builder = std::thread::Builder::new().name("session".to_owned());
        let thread = builder.spawn(conduct).map_err(crate::memory::no_threads)?;
        Ok(Conductor { jobs: Some(jobs), thread: Some(thread), broken: broken.clone() })
    }

    /// Queues a job. Its tracing events go to the caller's subscriber.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut I) -> Result<T> + Send + 'static,
    ) -> EpochHandle<T> {
        let (promise, handle) = promise();
        let (alarm, subscriber) = (Alarm(self.broken.clone()), tracing::dispatcher::get_default(Clone::clone));
        let job: Job<I> = Box::new(move |inner| {
            // Dropped before the promise, so that a caller that learns of a panic finds the session broken.
            let _alarm = alarm;
            let result = tracing::dispatcher::with_default(&subscriber, || job(inner));
            promise.keep(result);
        });
        if let Some(jobs) = &self.jobs {
            // A thread that has panicked takes no jobs: the job is dropped, and its handle returns an error.
            let _ = jobs.send(job);
        }
        handle
    }
}

impl<I> Drop for Conductor<I> {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // A thread that has panicked has marked the session as broken.
            let _ = thread.join();
        }
    }
}
