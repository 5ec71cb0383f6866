//! Phantoms: synthetic trees of branching tubes.

use anabranch::kernel::phantom::PhantomTree;
use anabranch::ndarray::Axis;
use anabranch::space::Region;
use numpy::{IntoPyArray, PyArrayDyn};
use pyo3::prelude::*;

use crate::errors::plain;

/// A mask of a tree as uint8, of a shape (z, y, x) or (y, x).
#[pyfunction]
#[pyo3(signature = (shape, seed, roots, radius))]
pub(crate) fn phantom<'py>(
    py: Python<'py>,
    shape: Vec<usize>,
    seed: u64,
    roots: Option<usize>,
    radius: Option<f64>,
) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
    let drawn = py.detach(|| {
        let tree = PhantomTree::new(&shape, seed, roots, radius)?;
        Ok((tree.dimensions(), tree.mask(&Region::of_shape(tree.shape()))))
    });
    let (dimensions, mask) = drawn.map_err(|error| plain(py, &error))?;
    let mask = if dimensions == 2 { mask.index_axis_move(Axis(0), 0).into_dyn() } else { mask.into_dyn() };
    Ok(mask.into_pyarray(py))
}
