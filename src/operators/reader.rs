//! Reading from a source, on a thread of its own.
//!
//! Reading and decoding take and free large blocks for every chunk, and the rest of a worker's work takes small ones that
//! stay. An allocator that gives both from the same memory leaves it in pieces: where a large block was, small ones lie, and
//! the next large one takes new memory, until what is resident is several times what is in use. Allocators give threads
//! memory of their own, so each worker has a thread that does its reading, and waits for it. Of images that are read in a
//! few seconds little can be left in pieces, and each hand-over takes some microseconds, so workers read these themselves.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use crate::chunk::{Chunk, Voxels};
use crate::error::Result;
use crate::space::Region;
use crate::store::Source;

/// Chunks with fewer bytes are read by the worker itself.
const LEAST: usize = 64 << 10;
/// So are those of images with fewer bytes.
const LEAST_IMAGE: usize = 2 << 30;

/// The values of a box of a source, read for this thread; `None` if no part of it is stored.
///
/// # Errors
/// Those of [`Source::read`].
pub(crate) fn read(source: &Arc<dyn Source>, region: &Region) -> Result<Option<Voxels>> {
    thread_local!(static READER: RefCell<Option<Reader>> = const { RefCell::new(None) });
    let image = source.description();
    let bytes = |shape: [usize; 3]| shape.into_iter().fold(image.dtype.size(), usize::saturating_mul);
    let read = if bytes(region.shape()) < LEAST || bytes(image.shape) < LEAST_IMAGE {
        source.read(region)
    } else {
        READER.with_borrow_mut(|reader| {
            if reader.is_none() {
                *reader = Reader::start();
            }
            // Where there is no thread left, this one reads.
            reader.as_mut().map_or_else(|| source.read(region), |reader| reader.read(source, region))
        })
    };
    Ok(read?.map(|chunk| chunk.voxels))
}

type Read = Result<Option<Chunk>>;

/// A thread that reads for another one, and ends with it.
struct Reader {
    orders: Option<Sender<(Arc<dyn Source>, Region)>>,
    read: Receiver<Read>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    /// Starts the thread; `None` if there is none left.
    fn start() -> Option<Reader> {
        let (orders, to_read) = channel::<(Arc<dyn Source>, Region)>();
        let (answers, read) = channel();
        let work = move || {
            for (source, region) in to_read {
                let read = source.read(&region);
                // The source is let go first, so that nobody finds it held after an answer.
                drop(source);
                if answers.send(read).is_err() {
                    break;
                }
            }
        };
        let thread = std::thread::Builder::new().name("reader".to_owned()).spawn(work).ok()?;
        Some(Reader { orders: Some(orders), read, thread: Some(thread) })
    }

    fn read(&mut self, source: &Arc<dyn Source>, region: &Region) -> Read {
        let sent = self.orders.as_ref().is_some_and(|orders| orders.send((Arc::clone(source), *region)).is_ok());
        if let (true, Ok(read)) = (sent, self.read.recv()) {
            return read;
        }
        // It has panicked, and so would this thread if it had read itself.
        match self.thread.take().map(JoinHandle::join) {
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            _ => source.read(region),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // Whoever waited for it knows if it has panicked.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::thread::ThreadId;

    use super::*;
    use crate::chunk::Dtype;
    use crate::error::Error;
    use crate::store::Description;

    /// Tells which thread reads, fails at some boxes, and panics at others.
    struct Told(Description, std::sync::Mutex<Vec<ThreadId>>);

    impl Source for Told {
        fn description(&self) -> &Description {
            &self.0
        }

        fn read(&self, region: &Region) -> Read {
            self.1.lock().unwrap().push(std::thread::current().id());
            match region.min[0] {
                0 => Ok(Some(Chunk { region: *region, voxels: Voxels::filled(Dtype::U8, region.shape(), 3.0) })),
                1 => Ok(None),
                2 => Err(Error::data("is damaged")),
                _ => panic!("a fault"),
            }
        }
    }

    #[test]
    fn large_chunks_of_large_images_are_read_by_one_other_thread() {
        let of_shape = |shape| Arc::new(Told(Description::new("told", shape, 3, Dtype::U8), Default::default()));
        let told = of_shape([1 << 15, 256, 256]);
        let source: Arc<dyn Source> = told.clone();
        let of = |z, size| Region::new([z, 0, 0], [z + 1, size, size]);
        for _ in 0..2 {
            assert_eq!(read(&source, &of(0, 256)).unwrap(), Some(Voxels::filled(Dtype::U8, [1, 256, 256], 3.0)));
            assert_eq!(read(&source, &of(1, 256)).unwrap(), None);
            assert_eq!(read(&source, &of(2, 256)).unwrap_err().to_string(), "is damaged");
        }
        assert_eq!(Arc::strong_count(&told), 2);
        let threads = std::mem::take(&mut *told.1.lock().unwrap());
        assert!(threads.iter().all(|&id| id == threads[0] && id != std::thread::current().id()) && threads.len() == 6);
        assert_eq!(read(&source, &of(1, 2)).unwrap(), None);
        assert_eq!(*told.1.lock().unwrap(), [std::thread::current().id()]);
        let small = of_shape([9, 256, 256]);
        let source_of_small: Arc<dyn Source> = small.clone();
        assert_eq!(read(&source_of_small, &of(1, 256)).unwrap(), None);
        assert_eq!(*small.1.lock().unwrap(), [std::thread::current().id()]);
        let panic = catch_unwind(AssertUnwindSafe(|| read(&source, &of(3, 256)))).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"a fault"));
    }
}
