//! Reuses the memory of values.
//!
//! Chunks come and go in the same size, so the values of one take the memory that another has freed before, instead of
//! pages that the system has to clear first. It is not given back to the allocator in between: blocks of this size,
//! among the small ones that stay, would leave its memory in pieces, several times larger than what is in them.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use ndarray::Array3;

use super::{Dtype, Value, Voxels};
use crate::{with_dtype, with_voxels};

/// Bytes of each type that are kept.
const MOST: usize = 16 << 20;
/// Arrays with fewer bytes are not worth keeping, nor are larger ones worth the memory.
const WORTH: std::ops::RangeInclusive<usize> = 64 << 10..=8 << 20;

/// Vectors of values to be used again, those freed first at the front. All threads share them: values often end on
/// another thread than they began on.
#[derive(Debug)]
pub(crate) struct Spare<T> {
    kept: VecDeque<Vec<T>>,
    bytes: usize,
}

impl<T> Spare<T> {
    const fn new() -> Self {
        Spare { kept: VecDeque::new(), bytes: 0 }
    }

    /// A vector with room for `count` values, and for no more than `most`.
    fn take(&mut self, count: usize, most: usize) -> Option<Vec<T>> {
        let at = self.kept.iter().rposition(|values| (count..=most).contains(&values.capacity()))?;
        let values = self.kept.remove(at)?;
        self.bytes -= size_of_all(&values);
        Some(values)
    }

    /// Keeps a vector; those that have been unused for longest are returned, to be freed.
    fn keep(&mut self, values: Vec<T>) -> Vec<Vec<T>> {
        self.bytes += size_of_all(&values);
        self.kept.push_back(values);
        let mut freed = Vec::new();
        while self.bytes > MOST
            && let Some(oldest) = self.kept.pop_front()
        {
            self.bytes -= size_of_all(&oldest);
            freed.push(oldest);
        }
        freed
    }
}

/// The bytes that a vector takes.
fn size_of_all<T>(values: &Vec<T>) -> usize {
    values.capacity() * size_of::<T>()
}

/// Values whose memory is used again.
pub(crate) trait Reused: Value {
    /// The memory that is kept.
    fn spare() -> &'static Mutex<Spare<Self>>;
}

macro_rules! reused {
    ($($t:ty)*) => {$(
        impl Reused for $t {
            fn spare() -> &'static Mutex<Spare<Self>> {
                static SPARE: Mutex<Spare<$t>> = Mutex::new(Spare::new());
                &SPARE
            }
        }
    )*};
}

reused!(bool u8 u16 u32 i16 i32 i64 f32 f64);

/// A vector with room for this many values, with any number of any values.
pub(crate) fn take<T: Reused>(count: usize) -> Vec<T> {
    let kept = WORTH.contains(&(count * size_of::<T>())).then(|| {
        // Only of about this size, so that no larger memory is held than is needed.
        T::spare().lock().unwrap_or_else(PoisonError::into_inner).take(count, count + count / 8)
    });
    kept.flatten().unwrap_or_else(|| Vec::with_capacity(count))
}

/// Frees values; the next vector of about their size may reuse their memory.
pub(crate) fn give<T: Reused>(values: Vec<T>) {
    if WORTH.contains(&size_of_all(&values)) {
        // Freed without the lock.
        drop(T::spare().lock().unwrap_or_else(PoisonError::into_inner).keep(values));
    }
}

impl Voxels {
    /// An array of any content, to be overwritten.
    pub fn of_any(dtype: Dtype, shape: [usize; 3]) -> Voxels {
        fn array<T: Reused>(shape: [usize; 3]) -> Voxels {
            let count = shape.iter().product();
            let mut values = take(count);
            values.resize(count, T::default());
            T::wrap(Array3::from_shape_vec(shape, values).expect("as many values as the shape has"))
        }
        with_dtype!(dtype, T => array::<T>(shape))
    }

    /// Frees the values; the next array may reuse their memory.
    pub fn recycle(self) {
        with_voxels!(self, array => give(array.into_raw_vec_and_offset().0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_by_arrays_of_about_its_size() {
        // Of a type and a size that no other test frees.
        let shape = [1, 1, 131_077];
        let values = Voxels::filled(Dtype::I64, shape, 7.0);
        let Voxels::I64(array) = &values else { unreachable!("of this type") };
        let memory = array.as_ptr();
        values.recycle();
        assert!(take::<i64>(1 << 10).is_empty() && take::<i64>(1 << 20).is_empty());
        let Voxels::I64(again) = Voxels::of_any(Dtype::I64, [1, 1, 131_000]) else { unreachable!("of this type") };
        assert_eq!((again.as_ptr(), again.dim()), (memory, (1, 1, 131_000)));
        assert_eq!(i64::spare().lock().unwrap().take(131_000, 131_100), None);
    }

    #[test]
    fn those_unused_for_longest_are_freed_beyond_the_most() {
        let mut spare = Spare::new();
        let kept = |spare: &Spare<u64>| spare.kept.iter().map(Vec::capacity).collect::<Vec<_>>();
        let of = |count: usize| Vec::<u64>::with_capacity(count);
        for count in [600_000, 700_000, 500_000] {
            assert!(spare.keep(of(count)).is_empty());
        }
        assert_eq!(spare.keep(of(800_000)).iter().map(Vec::capacity).collect::<Vec<_>>(), [600_000]);
        assert_eq!((kept(&spare), spare.bytes), (vec![700_000, 500_000, 800_000], 16_000_000));
        assert_eq!(spare.take(400_000, 750_000).map(|values| values.capacity()), Some(500_000));
        assert_eq!(spare.take(400_000, 600_000), None);
        assert_eq!((kept(&spare), spare.bytes), (vec![700_000, 800_000], 12_000_000));
        assert!(!WORTH.contains(&size_of_all(&of(10))) && !WORTH.contains(&size_of_all(&of(3 << 20))));
    }
}
