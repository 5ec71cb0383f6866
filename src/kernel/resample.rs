//! Tiles put down on a canvas: resampled by their affine maps, and blended where several cover a voxel.
//!
//! Plainly: the voxel of the canvas at a place takes from each tile the value at the place that the tile's map leads to,
//! where this lies within the centres of the tile's first and last voxel along each axis; elsewhere the tile does not
//! cover the voxel. Values between voxels are those of `scipy.ndimage.affine_transform(tile, matrix, offset,
//! mode="constant")` of order 0, 1 or 3: places are computed in `f64` in its order of operations, so that the same voxels
//! are covered; values in `f32` for types of up to 16 bits and `f32`, else in `f64`, so that they may differ from its own
//! by a rounding.
//!
//! What a voxel gets depends on its place alone, not on the box of the canvas that is asked for: the same bits come out
//! however the canvas is cut.

mod canvas;
mod overlap;
mod real;
mod rows;
mod spline;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use self::canvas::Composition;
pub use self::overlap::{Placed, overlap};
use crate::chunk::{Dtype, Value, Voxels};
use crate::error::Result;
use crate::kernel::correction::Correction;
use crate::with_voxels;

/// How values between a tile's voxels are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Order {
    /// The nearest voxel's (order 0 of SciPy).
    Nearest,
    /// Linearly between neighbours (order 1).
    #[default]
    Linear,
    /// By a cubic spline through all voxels (order 3).
    Cubic,
}

/// What a voxel of the canvas gets where tiles cover it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Blend {
    /// The largest value.
    #[default]
    Max,
    /// The mean of the values, which are not rounded before.
    Mean,
    /// The value of the tile that was added first.
    First,
    /// The mean of the values, weighted by one more than the distance to the tile's edge, in the tile's voxels: the
    /// smallest along the axes that are longer than one voxel.
    Feather,
}

/// A tile made ready to be put down: its values, or the coefficients of the spline through them.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// In C order.
    values: Voxels,
    /// The type of the tile's values, which the coefficients need not have.
    dtype: Dtype,
    order: Order,
}

impl Prepared {
    /// The tile with these values, to be resampled by an order. For [`Order::Cubic`] takes time in proportion to the
    /// voxels, and eight bytes a voxel for `u32`, `i32` and `f64`, four for other types; otherwise the values are kept as
    /// they are.
    #[must_use]
    pub fn new(voxels: Voxels, order: Order) -> Prepared {
        let dtype = voxels.dtype();
        let values = match order {
            Order::Nearest | Order::Linear => with_voxels!(voxels, values => Value::wrap(rows::in_c_order(values))),
            Order::Cubic => with_voxels!(&voxels, values => spline::coefficients(values)),
        };
        Prepared { values, dtype, order }
    }

    /// The same of corrected values, which are rounded and clipped to the tile's own type only when they are blended. Holds
    /// eight bytes a voxel for `u32`, `i32` and `f64`, four for other types.
    ///
    /// # Errors
    /// [`Kind::Data`](crate::error::Kind::Data) where the tile has another shape than the correction's images.
    pub fn corrected(voxels: Voxels, order: Order, correction: &Correction) -> Result<Prepared> {
        if correction.is_none() {
            return Ok(Prepared::new(voxels, order));
        }
        let dtype = voxels.dtype();
        Ok(Prepared { dtype, ..Prepared::new(correction.apply(&voxels)?, order) })
    }

    /// Bytes that it holds.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.values.bytes()
    }

    /// Voxels along (z, y, x).
    #[must_use]
    pub fn shape(&self) -> [usize; 3] {
        self.values.shape()
    }

    /// The type of the tile's values.
    #[must_use]
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }
}

/// Evaluates an expression with a tile's typed values, and with the function that fills a row by their order.
macro_rules! with_samples {
    ($tile:expr, |$values:ident, $sample:ident| $body:expr) => {{
        use $crate::chunk::Voxels;
        use $crate::kernel::resample::{Order, rows};
        match ($tile.order, &$tile.values) {
            // The coefficients of a spline are of no other types.
            (Order::Cubic, Voxels::F32($values)) => {
                let $sample = rows::cubic;
                $body
            }
            (Order::Cubic, Voxels::F64($values)) => {
                let $sample = rows::cubic;
                $body
            }
            (Order::Nearest, values) => $crate::with_voxels!(values, $values => {
                let $sample = rows::nearest;
                $body
            }),
            (_, values) => $crate::with_voxels!(values, $values => {
                let $sample = rows::linear;
                $body
            }),
        }
    }};
}
use with_samples;
