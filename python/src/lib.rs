//! The native part of the Python package `anabranch`: the analysis of the crate `anabranch`, with NumPy's arrays.
//!
//! Everything that has a choice of forms (arguments, data frames, other libraries) is Python, in the folder `anabranch`
//! beside this one. Here are runs, sources over arrays, and results as arrays.

mod arrays;
mod columns;
mod errors;
mod phantom;
mod results;
mod run;
mod session;

use anabranch::store::units::LengthUnit;
use pyo3::prelude::*;

/// The symbol of a unit of length, however it is spelt; `None` if it is not known.
#[pyfunction]
fn unit_symbol(text: &str) -> Option<&'static str> {
    LengthUnit::of(text).map(|unit| unit.symbol)
}

/// The native module.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<arrays::Array>()?;
    module.add_class::<results::Results>()?;
    module.add_class::<session::Session>()?;
    module.add_class::<session::Snapshot>()?;
    module.add_function(wrap_pyfunction!(unit_symbol, module)?)?;
    module.add_function(wrap_pyfunction!(phantom::phantom, module)?)?;
    module.add_function(wrap_pyfunction!(run::run, module)?)?;
    Ok(())
}
