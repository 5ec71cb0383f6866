//! Random access to the decompressed bytes of a stream.
//!
//! Deflate can only be decompressed from the beginning. On the way the decoder is copied every few MiB, with the 32 KiB
//! that it looks back to, and decompression can continue from the nearest copy before a position (as zran.c, which
//! comes with zlib, does). The latest output is held in windows, so that consecutive rows and planes are decompressed
//! once.

mod member;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use self::member::Decoder;
pub(crate) use self::member::{Packed, Wrap};
use crate::error::{Error, Result};
use crate::store::raw::bytes::Bytes;

/// Bytes of a window.
const WINDOW: u64 = 1 << 20;
/// Copies of decoders are this many windows apart, or further, so that there are at most `COPIES`.
const APART: u64 = 4;
const COPIES: u64 = 512;
/// Number of decoders that are kept where they stopped, for readers at as many positions.
const PARKED: usize = 8;
/// Bytes that may follow the wanted ones until the end of the stream, so that its checksum is verified.
const TAIL: usize = 1 << 20;

/// The first decompressed bytes of a stream, at most `length`.
///
/// # Errors
/// Those of reading [`Inflated`].
pub(crate) fn head(packed: &Packed, length: usize) -> Result<Vec<u8>> {
    Decoder::new(packed).next(packed, length)
}

/// The decompressed bytes of a stream.
pub(crate) struct Inflated {
    packed: Packed,
    path: PathBuf,
    /// Number of its bytes that are wanted.
    total: u64,
    window: u64,
    apart: u64,
    /// Number of windows that are held.
    capacity: usize,
    state: Mutex<State>,
    /// Wakes threads that wait for a window that another thread decompresses, or for its decoder.
    moved: Condvar,
}

#[derive(Default)]
struct State {
    /// Held windows, with the time of their last use.
    windows: HashMap<u64, (Arc<Vec<u8>>, u64)>,
    /// Copies of decoders, by the window that they decompress next.
    copies: BTreeMap<u64, Decoder>,
    /// Decoders that are not in use, by the window that they decompress next; the one used last is at the end.
    parked: Vec<(u64, Decoder)>,
    /// The windows that decoders in use decompress next.
    running: Vec<u64>,
    clock: u64,
}

impl std::fmt::Debug for Inflated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inflated").field("path", &self.path).field("total", &self.total).finish_non_exhaustive()
    }
}

impl Bytes for Inflated {
    fn read_at(&self, mut offset: u64, mut buffer: &mut [u8]) -> Result<()> {
        while !buffer.is_empty() {
            let window = self.window(offset / self.window).map_err(|error| error.at(&self.path))?;
            let within = usize::try_from(offset % self.window).unwrap_or(usize::MAX);
            let here = window.len().saturating_sub(within).min(buffer.len());
            if here == 0 {
                return Err(Error::internal("a read behind the end of a compressed array").at(&self.path));
            }
            let (now, later) = buffer.split_at_mut(here);
            now.copy_from_slice(&window[within..within + here]);
            offset += here as u64;
            buffer = later;
        }
        Ok(())
    }
}

impl Inflated {
    /// The first `total` decompressed bytes of a stream; about `cache` bytes of them are held.
    pub(crate) fn new(packed: Packed, path: &Path, total: u64, cache: usize) -> Inflated {
        Self::with_window(packed, path, total, cache, WINDOW.min(total.max(1)))
    }

    fn with_window(packed: Packed, path: &Path, total: u64, cache: usize, window: u64) -> Inflated {
        let apart = total.div_ceil(window).div_ceil(COPIES).max(APART);
        let capacity = (cache / usize::try_from(window).unwrap_or(usize::MAX)).max(2);
        let (state, moved) = (Mutex::default(), Condvar::new());
        Inflated { packed, path: path.to_owned(), total, window, apart, capacity, state, moved }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is sound at every place where a thread could have panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A window, decompressed now if it is not held.
    fn window(&self, wanted: u64) -> Result<Arc<Vec<u8>>> {
        let mut state = self.lock();
        let mut decoder = loop {
            if let Some(window) = state.held(wanted) {
                return Ok(window);
            }
            // A thread that is nearer than any place to start from gets there first, or leaves its decoder.
            let nearest = state.running.iter().filter(|&&next| next <= wanted).max();
            if nearest > state.begin(wanted).as_ref() {
                state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            break state.take(wanted).unwrap_or_else(|| Decoder::new(&self.packed));
        };
        let mut next = decoder.reached / self.window;
        let mut running = Running { all: self, next };
        state.running.push(next);
        drop(state);
        loop {
            let length = self.window.min(self.total.saturating_sub(next * self.window));
            let window = Arc::new(decoder.next(&self.packed, usize::try_from(length).unwrap_or(usize::MAX))?);
            if window.len() as u64 != length {
                let (found, wanted) = (decoder.reached, self.total);
                let message = format!("is cut off: {found} of {wanted} bytes come out of its compressed data");
                return Err(Error::data(message + "; copy it again from where it came"));
            }
            let is_last = (next + 1) * self.window >= self.total;
            if is_last {
                // The checksum is at the end of the stream.
                decoder.next(&self.packed, TAIL)?;
            }
            let mut state = self.lock();
            state.hold(next, &window, self.capacity);
            running.step(&mut state);
            next += 1;
            if !is_last && next.is_multiple_of(self.apart) {
                state.copies.entry(next).or_insert_with(|| decoder.place());
            }
            if next > wanted {
                if !is_last {
                    state.park(next, decoder);
                }
                return Ok(window);
            }
        }
    }
}

impl State {
    fn held(&mut self, index: u64) -> Option<Arc<Vec<u8>>> {
        self.clock += 1;
        let (window, used) = self.windows.get_mut(&index)?;
        *used = self.clock;
        Some(Arc::clone(window))
    }

    fn hold(&mut self, index: u64, window: &Arc<Vec<u8>>, capacity: usize) {
        self.clock += 1;
        self.windows.insert(index, (Arc::clone(window), self.clock));
        while self.windows.len() > capacity {
            let oldest = self.windows.iter().min_by_key(|(_, (_, used))| *used).map(|(&index, _)| index);
            oldest.and_then(|oldest| self.windows.remove(&oldest));
        }
    }

    /// The next window of the nearest idle decoder at or before the wanted one.
    fn begin(&self, wanted: u64) -> Option<u64> {
        let copied = self.copies.range(..=wanted).next_back().map(|(&next, _)| next);
        self.parked.iter().map(|&(next, _)| next).filter(|&next| next <= wanted).max().max(copied)
    }

    /// The decoder that [`State::begin`] finds.
    fn take(&mut self, wanted: u64) -> Option<Decoder> {
        let next = self.begin(wanted)?;
        match self.parked.iter().position(|&(parked, _)| parked == next) {
            Some(at) => Some(self.parked.remove(at).1),
            None => self.copies.get(&next).map(Decoder::place),
        }
    }

    fn park(&mut self, next: u64, decoder: Decoder) {
        self.parked.push((next, decoder));
        if self.parked.len() > PARKED {
            self.parked.remove(0);
        }
    }
}

/// A decoder in use, unregistered when this is dropped, also after an error.
struct Running<'a> {
    all: &'a Inflated,
    next: u64,
}

impl Running<'_> {
    /// Moves the decoder one window further.
    fn step(&mut self, state: &mut State) {
        if let Some(at) = state.running.iter().position(|&next| next == self.next) {
            state.running[at] += 1;
        }
        self.next += 1;
        self.all.moved.notify_all();
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut state = self.all.lock();
        if let Some(at) = state.running.iter().position(|&next| next == self.next) {
            state.running.swap_remove(at);
        }
        self.all.moved.notify_all();
    }
}

#[cfg(test)]
pub(crate) mod tests;
