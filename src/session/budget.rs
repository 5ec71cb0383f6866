//! The budget of bytes in flight: callers that bring more wait until there is room.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// A limit of bytes that may be in flight at once.
#[derive(Clone, Debug)]
pub(super) struct Budget(Arc<Ledger>);

#[derive(Debug)]
struct Ledger {
    limit: usize,
    used: Mutex<usize>,
    freed: Condvar,
}

/// Bytes of a budget, returned when this is dropped.
#[derive(Debug)]
pub(super) struct MemoryPermit {
    budget: Budget,
    bytes: usize,
}

impl Budget {
    pub(super) fn new(limit: usize) -> Self {
        Budget(Arc::new(Ledger { limit, used: Mutex::new(0), freed: Condvar::new() }))
    }

    /// Waits until this many bytes are free, and takes them. A request above the limit waits until nothing else is in
    /// flight.
    pub(super) fn take(&self, bytes: usize) -> MemoryPermit {
        let mut used = self.0.used.lock().unwrap_or_else(PoisonError::into_inner);
        while *used > 0 && *used + bytes > self.0.limit {
            used = self.0.freed.wait(used).unwrap_or_else(PoisonError::into_inner);
        }
        *used += bytes;
        MemoryPermit { budget: self.clone(), bytes }
    }
}

impl Drop for MemoryPermit {
    fn drop(&mut self) {
        let shared = &self.budget.0;
        *shared.used.lock().unwrap_or_else(PoisonError::into_inner) -= self.bytes;
        shared.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_brings_too_much_waits_until_there_is_room() {
        let budget = Budget::new(10);
        let first = budget.take(8);
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _second = budget.take(100);
                sender.send(*budget.0.used.lock().unwrap()).unwrap();
            });
            // However long it takes to start, the second waits for the first.
            assert!(receiver.recv_timeout(std::time::Duration::from_millis(50)).is_err());
            drop(first);
            assert_eq!(receiver.recv().unwrap(), 100);
        });
        assert_eq!(*budget.0.used.lock().unwrap(), 0);
    }
}
