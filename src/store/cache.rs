//! Decoded blocks (stored chunks, strips, tiles of a file or a scan) that may be needed again soon.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
#[cfg(feature = "tiff")]
use std::sync::TryLockError;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::chunk::Voxels;
use crate::error::Result;

/// A value that takes memory while it is held.
pub(crate) trait Weighed {
    /// Its size in bytes.
    fn bytes(&self) -> usize;
}

impl Weighed for Voxels {
    fn bytes(&self) -> usize {
        Voxels::bytes(self)
    }
}

/// The slot of a block: `None` until it has been decoded.
type Slot<V> = Arc<Mutex<Option<Arc<V>>>>;

/// A cache of decoded blocks, bounded in bytes, that evicts the least recently used first. If several threads request a
/// block at once, one of them decodes it.
#[derive(Debug)]
pub(crate) struct BlockCache<K, V = Voxels> {
    capacity: usize,
    held: Mutex<Held<K, V>>,
}

#[derive(Debug)]
struct Held<K, V> {
    slots: HashMap<K, Entry<V>>,
    /// Keys by the time of their last use.
    order: BTreeMap<u64, K>,
    clock: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Entry<V> {
    slot: Slot<V>,
    used: u64,
    bytes: usize,
}

impl<K: Hash + Eq + Clone, V: Weighed> BlockCache<K, V> {
    /// A cache that holds at most `capacity` bytes of values; the block decoded last is held even if it is larger.
    pub(crate) fn new(capacity: usize) -> Self {
        let held = Held { slots: HashMap::new(), order: BTreeMap::new(), clock: 0, bytes: 0 };
        BlockCache { capacity, held: Mutex::new(held) }
    }

    /// The block of a key, decoded now if it is not held. `None` and errors of `decode` are passed on and not cached.
    pub(crate) fn get(&self, key: &K, decode: impl FnOnce() -> Result<Option<V>>) -> Result<Option<Arc<V>>> {
        let slot = self.slot(key);
        // A thread that panicked while it decoded left the slot empty, which is a sound state.
        let value = slot.lock().unwrap_or_else(PoisonError::into_inner);
        self.fill(key, &slot, value, decode)
    }

    #[cfg(feature = "tiff")]
    /// Like [`BlockCache::get`], but returns `None` at once if another thread is decoding the block.
    pub(crate) fn get_unless_busy(
        &self,
        key: &K,
        decode: impl FnOnce() -> Result<Option<V>>,
    ) -> Result<Option<Arc<V>>> {
        let slot = self.slot(key);
        let value = match slot.try_lock() {
            Ok(value) => value,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(None),
        };
        self.fill(key, &slot, value, decode)
    }

    /// The value of a slot, decoded now if the slot is empty.
    fn fill(
        &self,
        key: &K,
        slot: &Slot<V>,
        mut value: MutexGuard<'_, Option<Arc<V>>>,
        decode: impl FnOnce() -> Result<Option<V>>,
    ) -> Result<Option<Arc<V>>> {
        if let Some(block) = value.as_ref() {
            return Ok(Some(Arc::clone(block)));
        }
        match decode() {
            Ok(Some(block)) => {
                let block = Arc::new(block);
                *value = Some(Arc::clone(&block));
                drop(value);
                self.account(key, slot, block.bytes());
                Ok(Some(block))
            }
            other => {
                drop(value);
                self.forget(key, slot);
                other.map(|_| None)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held<K, V>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(&self, key: &K) -> Slot<V> {
        let mut guard = self.lock();
        let held = &mut *guard;
        held.clock += 1;
        let now = held.clock;
        let entry =
            held.slots.entry(key.clone()).or_insert_with(|| Entry { slot: Slot::default(), used: now, bytes: 0 });
        held.order.remove(&entry.used);
        entry.used = now;
        held.order.insert(now, key.clone());
        Arc::clone(&entry.slot)
    }

    fn forget(&self, key: &K, slot: &Slot<V>) {
        let mut guard = self.lock();
        let held = &mut *guard;
        // Another thread may have decoded it meanwhile: a block that has been counted stays.
        if let Some(entry) = held.slots.get(key)
            && Arc::ptr_eq(&entry.slot, slot)
            && entry.bytes == 0
        {
            held.order.remove(&entry.used);
            held.slots.remove(key);
        }
    }

    /// Counts a decoded block, and evicts the oldest ones beyond the capacity.
    fn account(&self, key: &K, slot: &Slot<V>, bytes: usize) {
        let mut guard = self.lock();
        let held = &mut *guard;
        // The entry may have been evicted or replaced while the block was decoded.
        match held.slots.get_mut(key) {
            Some(entry) if Arc::ptr_eq(&entry.slot, slot) && entry.bytes == 0 => {
                entry.bytes = bytes;
                held.bytes += bytes;
            }
            _ => return,
        }
        while held.bytes > self.capacity && held.slots.len() > 1 {
            let Some((_, oldest)) = held.order.pop_first() else { break };
            if let Some(entry) = held.slots.remove(&oldest) {
                held.bytes -= entry.bytes;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::Dtype;
    use crate::error::Error;

    fn block(value: u8) -> Result<Option<Voxels>> {
        Ok(Some(Voxels::filled(Dtype::U8, [1, 1, 100], f64::from(value))))
    }

    #[test]
    fn the_least_recently_used_block_goes_first() {
        let cache = BlockCache::new(250);
        for key in [1u8, 2, 1, 3] {
            cache.get(&key, || block(key)).unwrap();
        }
        // 1 was used after 2, so 2 was evicted.
        let held = |key: u8| cache.get(&key, || Err(Error::data("decoded again"))).is_ok();
        assert!(held(1) && held(3));
        assert!(!held(2));
    }

    #[test]
    fn a_block_larger_than_the_cache_is_held_until_the_next() {
        let cache = BlockCache::new(10);
        cache.get(&1u8, || block(1)).unwrap();
        assert!(cache.get(&1u8, || Err(Error::data("decoded again"))).is_ok());
        cache.get(&2u8, || block(2)).unwrap();
        assert!(cache.get(&1u8, || Err(Error::data("decoded again"))).is_err());
    }

    #[test]
    fn threads_that_ask_at_once_decode_once() {
        let cache = BlockCache::new(1000);
        let decoded = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    cache
                        .get(&7u8, || {
                            decoded.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                            block(7)
                        })
                        .unwrap();
                });
            }
        });
        assert_eq!(decoded.into_inner(), 1);
    }
}
