//! Parts of arrays.

use ndarray::{Array3, s};

use super::spare::{self, Reused};
use super::{Voxels, copy_rows};
use crate::space::Region;
use crate::with_voxels;

impl Voxels {
    /// A copy of a part; `part` is relative to the array's own first voxel.
    #[must_use]
    pub fn part(&self, part: &Region) -> Voxels {
        fn cut<T: Reused>(array: &Array3<T>, part: &Region) -> Voxels {
            let ((_, height, width), [nz, ny, nx]) = (array.dim(), part.shape());
            let [z, y, x] = part.min.map(|p| p as usize);
            let mut values = spare::take(part.volume());
            values.resize(part.volume(), T::default());
            match array.as_slice() {
                Some(from) if !part.is_empty() => {
                    for (plane, to) in (z..z + nz).zip(values.chunks_exact_mut(ny * nx)) {
                        copy_rows(&from[(plane * height + y) * width + x..], width, to, nx, [ny, nx]);
                    }
                }
                _ => {
                    let cut = array.slice(s![z..z + nz, y..y + ny, x..x + nx]);
                    values.iter_mut().zip(cut).for_each(|(to, from)| *to = *from);
                }
            }
            T::wrap(Array3::from_shape_vec([nz, ny, nx], values).expect("as many values as the part has"))
        }
        with_voxels!(self, array => cut(array, part))
    }
}
