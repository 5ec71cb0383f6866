//! Work on many items by several threads that end together.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::ScopedJoinHandle;

use crate::error::{Error, Result};

/// Calls `act` with each item, on a number of threads, which take items in turn. Returns the results in the order of
/// the items.
///
/// # Errors
/// One of the errors of `act`; no item is begun after the first. `Internal` if a thread has stopped.
pub fn each<T: Sync, R: Send>(
    all: &[T],
    threads: usize,
    act: impl Fn(usize, &T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<(usize, R)>> {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(one) = all.get(at) else { return Ok(done) };
            // The other threads end as well.
            done.push((at, act(at, one).inspect_err(|_| next.store(all.len(), Ordering::Relaxed))?));
        }
    };
    let done: Vec<Result<_>> = std::thread::scope(|scope| {
        let more: Vec<_> = (1..threads.min(all.len())).map(|_| scope.spawn(work)).collect();
        let own = work();
        let stopped = |_| Err(Error::internal("one of several threads has stopped"));
        std::iter::once(own).chain(more.into_iter().map(|thread| thread.join().unwrap_or_else(stopped))).collect()
    });
    let mut results = Vec::with_capacity(all.len());
    for done in done {
        results.extend(done?);
    }
    results.sort_unstable_by_key(|(at, _)| *at);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

/// The result of a thread. Panics as that has.
pub(crate) fn joined<D>(thread: ScopedJoinHandle<'_, D>) -> D {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Which thread hands over next.
struct Turns<F, E> {
    state: Mutex<Turn<F, E>>,
    changed: Condvar,
}

struct Turn<F, E> {
    next: usize,
    take: F,
    /// The result, if it is over before the end.
    over: Option<std::result::Result<(), E>>,
}

impl<F, E> Turns<F, E> {
    fn lock(&self) -> MutexGuard<'_, Turn<F, E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Releases the other threads if this one stops in the middle.
struct LetGo<'a, F, E>(&'a Turns<F, E>);

impl<F, E> Drop for LetGo<'_, F, E> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.lock().over.get_or_insert(Ok(()));
            self.0.changed.notify_all();
        }
    }
}

/// Makes a number of items on a number of threads, and hands them over one at a time in their order. Each thread has a
/// workplace, in which it makes one item at a time and keeps it until it is taken.
///
/// # Errors
/// The first error of `take`; no item is taken after it.
///
/// # Panics
/// If `make` or `take` do.
pub fn in_turn<S, E: Send>(
    count: usize,
    threads: usize,
    workplace: impl Fn() -> S + Sync,
    make: impl Fn(&mut S, usize) + Sync,
    take: impl FnMut(&mut S) -> std::result::Result<(), E> + Send,
) -> std::result::Result<(), E> {
    let begun = AtomicUsize::new(0);
    let turns = Turns { state: Mutex::new(Turn { next: 0, take, over: None }), changed: Condvar::new() };
    let work = || {
        let _let_go = LetGo(&turns);
        let mut workplace = workplace();
        loop {
            let at = begun.fetch_add(1, Ordering::Relaxed);
            if at >= count {
                return;
            }
            make(&mut workplace, at);
            let waits = |turn: &mut Turn<_, E>| turn.next != at && turn.over.is_none();
            let turn = turns.changed.wait_while(turns.lock(), waits);
            let mut turn = turn.unwrap_or_else(PoisonError::into_inner);
            if turn.over.is_some() {
                return;
            }
            let taken = (turn.take)(&mut workplace);
            turn.next += 1;
            turn.over = taken.is_err().then_some(taken);
            turns.changed.notify_all();
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(count) {
            scope.spawn(work);
        }
        work();
    });
    turns.state.into_inner().unwrap_or_else(PoisonError::into_inner).over.unwrap_or(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn each_is_done_once_and_given_in_order() {
        let all: Vec<usize> = (0..100).collect();
        for threads in [0, 1, 3, 200] {
            let done = each(&all, threads, |at, &one| Ok((at, one * one))).unwrap();
            assert_eq!(done, all.iter().map(|&one| (one, one * one)).collect::<Vec<_>>());
        }
        assert_eq!(each(&[] as &[u8], 4, |_, _| Ok(())).unwrap(), []);
    }

    #[test]
    fn the_first_error_ends_the_work() {
        let begun = AtomicUsize::new(0);
        let error = each(&[0; 100], 1, |at, _| {
            begun.fetch_add(1, Ordering::Relaxed);
            if at == 5 { Err(Error::data("is damaged")) } else { Ok(()) }
        });
        assert_eq!((error.unwrap_err().kind(), begun.into_inner()), (Kind::Data, 6));
    }

    #[test]
    fn things_are_handed_over_in_order_and_not_after_an_error() {
        for threads in [0, 1, 3, 200] {
            for last in [100, 37] {
                let mut taken = Vec::new();
                let take = |made: &mut usize| {
                    taken.push(*made);
                    if *made == last * last { Err(last) } else { Ok(()) }
                };
                let result = in_turn(100, threads, || 0, |made, at| *made = at * at, take);
                assert_eq!(result, if last == 37 { Err(37) } else { Ok(()) });
                assert_eq!(taken, (0..100.min(last + 1)).map(|at| at * at).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn nobody_waits_for_a_thread_that_has_stopped() {
        let stopped = std::panic::catch_unwind(|| {
            in_turn(100, 3, || (), |(), at| assert!(at != 50, "stops here"), |()| Ok::<(), ()>(()))
        });
        assert!(stopped.is_err());
    }
}
