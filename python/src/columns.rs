//! Columns of tables as NumPy's arrays.

use anabranch::table::arrays::{ColumnArrays, ColumnValues};
use anabranch::table::columns::Unit;
use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

/// The columns by their names, in order: arrays of int64 (uint64 for labels beyond 2^63), float64, bool or objects.
pub(crate) fn to_dict(py: Python<'_>, table: ColumnArrays) -> PyResult<Bound<'_, PyDict>> {
    let columns = PyDict::new(py);
    for column in table.into_columns() {
        columns.set_item(column.field.name, array(py, column.values)?)?;
    }
    Ok(columns)
}

/// The unit of each column by its name.
pub(crate) fn units(table: &ColumnArrays) -> Vec<(String, &'static str)> {
    let name = |unit: Unit| match unit {
        Unit::Length => "length",
        Unit::Area => "area",
        Unit::Volume => "volume",
        Unit::Image => "image",
        Unit::Voxels => "voxels",
        _ => "",
    };
    table.columns().iter().map(|column| (column.field.name.clone(), name(column.unit))).collect()
}

fn array(py: Python<'_>, values: ColumnValues) -> PyResult<Bound<'_, PyAny>> {
    Ok(match values {
        ColumnValues::Whole(values) => values.into_pyarray(py).into_any(),
        ColumnValues::Number(values) | ColumnValues::Optional(values) => values.into_pyarray(py).into_any(),
        ColumnValues::Flag(values) => values.into_pyarray(py).into_any(),
        ColumnValues::Label(values) => labels(py, &values)?,
        ColumnValues::Text(values) => {
            let texts: Vec<Py<PyAny>> = values.iter().map(|text| PyString::new(py, text).into_any().unbind()).collect();
            PyArray1::from_vec(py, texts).into_any()
        }
        _ => unreachable!("every kind of values is listed"),
    })
}

/// Labels in the type that holds all of them: int64 if it does, else uint64. Those of one image never need both.
fn labels<'py>(py: Python<'py>, values: &[i128]) -> PyResult<Bound<'py, PyAny>> {
    if let Ok(signed) = values.iter().map(|&label| i64::try_from(label)).collect::<Result<Vec<_>, _>>() {
        return Ok(signed.into_pyarray(py).into_any());
    }
    let unsigned: Vec<u64> = values.iter().map(|&label| u64::try_from(label)).collect::<Result<_, _>>()?;
    Ok(unsigned.into_pyarray(py).into_any())
}
