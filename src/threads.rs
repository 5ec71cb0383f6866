//! Work on many things by several threads that end together.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{Error, Result};

/// Does something with each of several things, on so many threads, which take them in turn. Gives what came of each, in
/// their order.
///
/// # Errors
/// One of those that `act` gave; nothing is begun after the first. `Internal` where a thread has stopped.
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
            // The others end as well.
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
}
