//! Handles of running epochs: threads wait for them, and async code awaits them.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::error::{Error, Result};

/// A handle of a running epoch. Threads call [`EpochHandle::wait`]; async code awaits the handle, on any runtime. An
/// epoch whose handle is dropped runs to its end all the same.
#[derive(Debug)]
#[must_use = "an epoch may fail: its handle returns the error"]
pub struct EpochHandle<T>(Arc<Ending<T>>);

/// The other end of a handle, which sends the result.
#[derive(Debug)]
pub(super) struct Promise<T>(Arc<Ending<T>>);

#[derive(Debug)]
struct Ending<T> {
    state: Mutex<State<T>>,
    ended: Condvar,
}

#[derive(Debug)]
enum State<T> {
    Running(Option<Waker>),
    Ended(Result<T>),
    /// The result has been returned.
    Returned,
}

/// A promise and its handle.
pub(super) fn promise<T>() -> (Promise<T>, EpochHandle<T>) {
    let shared = Arc::new(Ending { state: Mutex::new(State::Running(None)), ended: Condvar::new() });
    (Promise(Arc::clone(&shared)), EpochHandle(shared))
}

impl<T> Ending<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, result: Result<T>) {
        let before = std::mem::replace(&mut *self.state(), State::Ended(result));
        self.ended.notify_all();
        if let State::Running(Some(waker)) = before {
            waker.wake();
        }
    }
}

impl<T> EpochHandle<T> {
    /// Waits until the epoch has ended, and returns its outcome.
    ///
    /// # Errors
    /// The error of the epoch.
    pub fn wait(self) -> Result<T> {
        let running = |state: &mut State<T>| matches!(state, State::Running(_));
        let state = self.0.ended.wait_while(self.0.state(), running);
        take(&mut state.unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until the epoch has ended, but no longer than `timeout`. Returns whether it has: then [`EpochHandle::wait`]
    /// returns at once.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        let running = |state: &mut State<T>| matches!(state, State::Running(_));
        let waited = self.0.ended.wait_timeout_while(self.0.state(), timeout, running);
        let (_state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        !waited.timed_out()
    }

    /// Whether the epoch has ended.
    pub fn has_ended(&self) -> bool {
        !matches!(*self.0.state(), State::Running(_))
    }
}

fn take<T>(state: &mut State<T>) -> Result<T> {
    match std::mem::replace(state, State::Returned) {
        State::Ended(result) => result,
        _ => Err(Error::internal("the result of this epoch has been returned before")),
    }
}

impl<T> Future for EpochHandle<T> {
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        match &mut *self.0.state() {
            State::Running(waker) => {
                *waker = Some(context.waker().clone());
                Poll::Pending
            }
            ended => Poll::Ready(take(ended)),
        }
    }
}

impl<T> Promise<T> {
    pub(super) fn keep(self, result: Result<T>) {
        self.0.end(result);
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        let running = matches!(*self.0.state(), State::Running(_));
        if running {
            self.0.end(Err(Error::internal("the session has stopped: start another session")));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;
    use crate::error::Kind;

    #[derive(Default)]
    struct Bell(AtomicUsize);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_handle_is_awaited_by_the_task_that_polled_it_last_and_returns_its_result_once() {
        let (promise, mut handle) = promise();
        let (first, last) = (Arc::new(Bell::default()), Arc::new(Bell::default()));
        for bell in [&first, &last] {
            let waker = Waker::from(Arc::clone(bell));
            assert!(Pin::new(&mut handle).poll(&mut Context::from_waker(&waker)).is_pending());
        }
        assert!(!handle.has_ended() && !handle.wait_timeout(Duration::ZERO));
        promise.keep(Ok(7));
        assert_eq!([first, last].map(|bell| bell.0.load(Ordering::Relaxed)), [0, 1]);
        assert!(handle.has_ended() && handle.wait_timeout(Duration::ZERO));
        let ready = Pin::new(&mut handle).poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(ready, Poll::Ready(Ok(7))));
        assert_eq!(handle.wait().unwrap_err().kind(), Kind::Internal);
    }

    #[test]
    fn a_promise_that_is_not_kept_ends_the_wait_with_an_error() {
        let (promise, handle) = promise::<()>();
        let waiting = std::thread::spawn(|| handle.wait());
        drop(promise);
        assert!(waiting.join().unwrap().unwrap_err().to_string().contains("start another session"));
    }
}
