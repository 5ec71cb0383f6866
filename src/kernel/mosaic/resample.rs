//! Placing of tiles on a canvas: they are resampled by their affine maps, and blended where they overlap.
//!
//! Morally a voxel of the canvas takes from each tile the value at the place that the tile's map leads to, if this
//! place is between the centres of the tile's first and last voxels along each axis; otherwise the tile does not cover
//! the voxel. Values between voxels are those of `scipy.ndimage.affine_transform(tile, matrix, offset,
//! mode="constant")` of order 0, 1 or 3: places are computed in `f64` in its order of operations, so that the same
//! voxels are covered; values are computed in `f32` for types of up to 16 bits and `f32`, otherwise in `f64`, so that
//! they may differ from SciPy's by a rounding.
//!
//! The value of a voxel depends on its place alone, not on the requested box of the canvas: the bits are the same for
//! every division of the canvas.

mod canvas;
mod overlap;
mod path;
mod real;
mod rows;
mod shift;
mod weights;
mod spline;
#[cfg(test)]
mod tests;

use ndarray::Array3;
use serde::{Deserialize, Serialize};

pub use self::canvas::Composition;
pub use self::overlap::{Placed, overlap};
use crate::chunk::{Dtype, Voxels};
use crate::error::Result;
use crate::kernel::mosaic::correction::Correction;

/// Interpolation between the voxels of a tile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Interpolation {
    /// The value of the nearest voxel (order 0 of SciPy).
    Nearest,
    /// Linear interpolation between neighbours (order 1).
    #[default]
    Linear,
    /// A cubic spline through all voxels (order 3).
    Cubic,
}

/// The value of a voxel of the canvas that several tiles cover.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Blend {
    /// The largest value.
    #[default]
    Max,
    /// The mean of the values, which are not rounded before the mean.
    Mean,
    /// The value of the tile that was added first.
    First,
    /// The mean of the values, weighted by one more than the distance to the tile's edge, in voxels of the tile: the
    /// smallest distance along the axes that are longer than one voxel.
    Feather,
}

/// The values of a tile, or floating-point coefficients, in C order. Fewer types than images have, to generate less
/// code.
#[derive(Clone, Debug)]
enum Held {
    U8(Array3<u8>),
    U16(Array3<u16>),
    I16(Array3<i16>),
    F32(Array3<f32>),
    F64(Array3<f64>),
}

impl Held {
    fn new(voxels: Voxels) -> Held {
        match voxels {
            Voxels::Bool(values) => Held::U8(values.mapv(u8::from)),
            Voxels::U8(values) => Held::U8(values),
            Voxels::U16(values) => Held::U16(values),
            Voxels::U32(values) => Held::F64(values.mapv(f64::from)),
            Voxels::I16(values) => Held::I16(values),
            Voxels::I32(values) => Held::F64(values.mapv(f64::from)),
            Voxels::I64(values) => Held::F64(values.mapv(|v| v as f64)),
            Voxels::F32(values) => Held::F32(values),
            Voxels::F64(values) => Held::F64(values),
        }
        .in_c_order()
    }

    fn in_c_order(self) -> Held {
        fn sorted<T: Clone>(values: Array3<T>) -> Array3<T> {
            if values.is_standard_layout() { values } else { values.as_standard_layout().into_owned() }
        }
        match self {
            Held::U8(values) => Held::U8(sorted(values)),
            Held::U16(values) => Held::U16(sorted(values)),
            Held::I16(values) => Held::I16(sorted(values)),
            Held::F32(values) => Held::F32(sorted(values)),
            Held::F64(values) => Held::F64(sorted(values)),
        }
    }
}

/// Evaluates an expression with the array of a [`Held`].
macro_rules! with_held {
    ($held:expr, $values:ident => $body:expr) => {
        match $held {
            $crate::kernel::mosaic::resample::Held::U8($values) => $body,
            $crate::kernel::mosaic::resample::Held::U16($values) => $body,
            $crate::kernel::mosaic::resample::Held::I16($values) => $body,
            $crate::kernel::mosaic::resample::Held::F32($values) => $body,
            $crate::kernel::mosaic::resample::Held::F64($values) => $body,
        }
    };
}
use with_held;

/// A tile that is prepared for placing: its values, or the coefficients of the spline through them.
#[derive(Clone, Debug)]
pub struct Prepared {
    values: Held,
    /// The type of the tile's values; coefficients may have another type.
    dtype: Dtype,
    order: Interpolation,
}

impl Prepared {
    /// A tile with these values, for resampling by `order`. Holds eight bytes per voxel for `u32`, `i32` and `f64`; for
    /// other types their own size, or four bytes for [`Interpolation::Cubic`]. Takes time linear in the number of
    /// voxels.
    #[must_use]
    pub fn new(voxels: Voxels, order: Interpolation) -> Prepared {
        let dtype = voxels.dtype();
        let held = Held::new(voxels);
        let values = match order {
            Interpolation::Nearest | Interpolation::Linear => held,
            Interpolation::Cubic => with_held!(&held, values => spline::coefficients(values)),
        };
        Prepared { values, dtype, order }
    }

    /// A tile with corrected values, which are rounded and clipped to the tile's own type only when they are blended.
    /// Holds eight bytes per voxel for `u32`, `i32` and `f64`, four for other types.
    ///
    /// # Errors
    /// Of kind [`Kind::Data`](crate::error::Kind::Data) if the tile has another shape than the correction's images.
    pub fn corrected(voxels: Voxels, order: Interpolation, correction: &Correction) -> Result<Prepared> {
        if correction.is_none() {
            return Ok(Prepared::new(voxels, order));
        }
        let dtype = voxels.dtype();
        Ok(Prepared { dtype, ..Prepared::new(correction.apply(&voxels)?, order) })
    }

    /// Bytes in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        fn of<T>(values: &Array3<T>) -> usize {
            values.len() * size_of::<T>()
        }
        with_held!(&self.values, values => of(values))
    }

    /// Shape (z, y, x) in voxels.
    #[must_use]
    pub fn shape(&self) -> [usize; 3] {
        with_held!(&self.values, values => values.dim().into())
    }

    /// The type of the tile's values.
    #[must_use]
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }
}

/// Evaluates an expression with a tile's typed values, and with the function that fills a row by the tile's order.
macro_rules! with_samples {
    ($tile:expr, |$values:ident, $sample:ident| $body:expr) => {{
        use $crate::kernel::mosaic::resample::{Held, Interpolation, rows, with_held};
        match ($tile.order, &$tile.values) {
            // The coefficients of a spline have no other types.
            (Interpolation::Cubic, Held::F32($values)) => {
                let $sample = rows::cubic;
                $body
            }
            (Interpolation::Cubic, Held::F64($values)) => {
                let $sample = rows::cubic;
                $body
            }
            (Interpolation::Nearest, values) => with_held!(values, $values => {
                let $sample = rows::nearest;
                $body
            }),
            (_, values) => with_held!(values, $values => {
                let $sample = rows::linear;
                $body
            }),
        }
    }};
}
use with_samples;
