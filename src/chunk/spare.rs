//! Reuses the memory of values.
//!
//! Chunks come and go in the same size, so the values of one take the memory that the same thread has freed before,
//! instead of pages that the system has to clear first.

use std::cell::RefCell;
use std::thread::LocalKey;

use ndarray::Array3;

use super::{Dtype, Value, Voxels};
use crate::{with_dtype, with_voxels};

/// Arrays of a type that a thread keeps: one that was read and one with its surroundings.
const KEPT: usize = 2;
/// Arrays with fewer bytes are not worth keeping, nor are larger ones worth the memory.
const WORTH: std::ops::RangeInclusive<usize> = 64 << 10..=8 << 20;

/// What values of a type are kept in.
pub(crate) type Spare<T> = RefCell<Vec<Vec<T>>>;

/// Values whose memory is used again.
pub(crate) trait Reused: Value {
    /// The memory that this thread keeps.
    fn spare() -> &'static LocalKey<Spare<Self>>;
}

macro_rules! reused {
    ($($t:ty)*) => {$(
        impl Reused for $t {
            fn spare() -> &'static LocalKey<Spare<Self>> {
                thread_local!(static SPARE: Spare<$t> = const { RefCell::new(Vec::new()) });
                &SPARE
            }
        }
    )*};
}

reused!(bool u8 u16 u32 i16 i32 i64 f32 f64);

/// A vector with this many values, of any content.
pub(crate) fn take<T: Reused>(count: usize) -> Vec<T> {
    let kept = T::spare().with_borrow_mut(|kept| {
        // Only of about this size, so that no larger memory is held than is needed.
        let at = kept.iter().position(|values| (count..=count + count / 8).contains(&values.capacity()))?;
        Some(kept.swap_remove(at))
    });
    kept.unwrap_or_else(|| Vec::with_capacity(count))
}

/// Frees values; the next vector of about their size may reuse their memory.
pub(crate) fn give<T: Reused>(values: Vec<T>) {
    if WORTH.contains(&(values.capacity() * size_of::<T>())) {
        T::spare().with_borrow_mut(|kept| {
            // Those that have been unused for longest are freed.
            if kept.len() == KEPT {
                kept.remove(0);
            }
            kept.push(values);
        });
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

    /// Frees the values; the next array of this thread may reuse their memory.
    pub fn recycle(self) {
        with_voxels!(self, array => give(array.into_raw_vec_and_offset().0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_by_arrays_of_about_its_size() {
        let shape = [1, 256, 512];
        let values = Voxels::filled(Dtype::U16, shape, 7.0);
        let Voxels::U16(array) = &values else { unreachable!("of this type") };
        let memory = array.as_ptr();
        values.recycle();
        assert!(take::<u16>(1 << 10).is_empty() && take::<u16>(1 << 20).is_empty());
        let Voxels::U16(again) = Voxels::of_any(Dtype::U16, [1, 250, 480]) else { unreachable!("of this type") };
        assert_eq!((again.as_ptr(), again.dim()), (memory, (1, 250, 480)));
        assert!(u16::spare().with_borrow(Vec::is_empty));
    }

    #[test]
    fn no_more_than_a_few_arrays_are_kept() {
        for count in [40_000, 50_000, 60_000] {
            give(vec![1u32; count]);
        }
        give(vec![1u32; 10]);
        give(vec![1u32; 3 << 20]);
        assert_eq!(u32::spare().with_borrow(|kept| kept.iter().map(Vec::len).collect::<Vec<_>>()), [50_000, 60_000]);
    }
}
