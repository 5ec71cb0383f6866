//! Arrays of Python as sources, read box by box.

use std::sync::Arc;

use anabranch::chunk::{Value, Voxels};
use anabranch::error::Result;
use anabranch::ndarray::{Array3, ArrayView1, ArrayView3, Axis};
use anabranch::space::Region;
use anabranch::store::provided::ProvidedSource;
use anabranch::store::{Description, Details, OpenOptions, Source, StoredType};
use numpy::{Element, PyReadonlyArray3};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::errors::{Raised, plain};

/// An array that can be read box by box: a function from the corners of a box to its values.
#[pyclass(frozen, module = "anabranch._native")]
#[derive(Debug)]
pub(crate) struct Array {
    read: Arc<Py<PyAny>>,
    description: Description,
    details: Details,
}

#[pymethods]
impl Array {
    /// `read(z0, z1, y0, y1, x0, x1)` returns a NumPy array of that shape along (z, y, x), of the machine's byte order and
    /// aligned, with the type in which values of the type `stored` are read: int8 as int16, uint64 as the bits of int64,
    /// float16 as float32, bool as uint8.
    #[new]
    fn new(
        read: Py<PyAny>,
        name: &str,
        form: String,
        shape: [usize; 3],
        dimensions: usize,
        stored: &str,
        chunk: Option<[usize; 3]>,
    ) -> PyResult<Self> {
        let stored = stored_type(stored).ok_or_else(|| PyTypeError::new_err(format!("no values of type {stored}")))?;
        let mut description = Description::new(name, shape, dimensions, stored.dtype());
        description.stored = stored;
        if let Some(chunk) = chunk {
            description.chunk = chunk;
        }
        let mut details = Details::default();
        details.format = form;
        Ok(Array { read: Arc::new(read), description, details })
    }
}

impl Array {
    /// The array as a source. What it raises is kept in `raised`.
    ///
    /// # Errors
    /// `Usage` if spacing and unit do not fit.
    pub(crate) fn source(&self, options: &OpenOptions, raised: &Raised) -> Result<Box<dyn Source>> {
        let (read, raised, description) = (Arc::clone(&self.read), raised.clone(), self.description.clone());
        let (stored, name) = (description.stored, description.name.clone());
        let of_box = move |region: &Region| {
            Python::attach(|py| values(read.bind(py), region, stored).map_err(|error| raised.keep(error, &name)))
        };
        let source = ProvidedSource::new(description, of_box).with_details(self.details.clone());
        Ok(Box::new(source.with_options(options)?))
    }

    /// The same, with the exception for its error.
    pub(crate) fn checked(&self, py: Python<'_>, options: &OpenOptions, raised: &Raised) -> PyResult<Box<dyn Source>> {
        self.source(options, raised).map_err(|error| plain(py, &error))
    }
}

/// The values of a box.
fn values(read: &Bound<'_, PyAny>, region: &Region, stored: StoredType) -> PyResult<Voxels> {
    let [z, y, x] = [0, 1, 2].map(|axis| [region.min[axis], region.max[axis]]);
    voxels(&read.call1((z[0], z[1], y[0], y[1], x[0], x[1]))?, stored)
}

/// The values of an array along (z, y, x) in the type in which values of the type `stored` are read.
pub(crate) fn voxels(array: &Bound<'_, PyAny>, stored: StoredType) -> PyResult<Voxels> {
    match stored {
        StoredType::Bool => {
            let bytes: PyReadonlyArray3<'_, u8> = array.extract()?;
            Ok(Voxels::Bool(copied(&bytes.as_array()).mapv(|byte| byte != 0)))
        }
        StoredType::U8 => typed::<u8>(array),
        StoredType::U16 => typed::<u16>(array),
        StoredType::U32 => typed::<u32>(array),
        StoredType::I8 | StoredType::I16 => typed::<i16>(array),
        StoredType::I32 => typed::<i32>(array),
        StoredType::I64 | StoredType::U64 => typed::<i64>(array),
        StoredType::F16 | StoredType::F32 => typed::<f32>(array),
        StoredType::F64 => typed::<f64>(array),
        _ => Err(PyTypeError::new_err(format!("no values of type {}", stored.name()))),
    }
}

fn typed<T: Element + Value>(array: &Bound<'_, PyAny>) -> PyResult<Voxels> {
    let array: PyReadonlyArray3<'_, T> = array.extract()?;
    Ok(T::wrap(copied(&array.as_array())))
}

/// Values along x that are copied together where they do not lie next to each other.
const TOGETHER: usize = 64;

/// The values of a view of any strides, in C order.
fn copied<T: Copy + Default>(view: &ArrayView3<'_, T>) -> Array3<T> {
    let width = view.dim().2;
    let strides = [0, 1, 2].map(|axis| view.strides()[axis].unsigned_abs());
    if width < 2 || strides[2] <= strides[0].min(strides[1]) {
        let mut values = Vec::with_capacity(view.len());
        for row in view.rows() {
            match row.to_slice() {
                Some(row) => values.extend_from_slice(row),
                None => values.extend(row.iter().copied()),
            }
        }
        return Array3::from_shape_vec(view.dim(), values).expect("as many values as the view has");
    }
    // Values that lie next to each other follow each other along z or y: lines of memory are used up before others take their
    // places in the cache.
    let mut values = Array3::from_elem(view.dim(), T::default());
    let along = if strides[0] < strides[1] { 0 } else { 1 };
    let planes = view.axis_iter(Axis(1 - along)).zip(values.axis_iter_mut(Axis(1 - along)));
    for (from, mut into) in planes {
        for (from, mut into) in
            from.axis_chunks_iter(Axis(1), TOGETHER).zip(into.axis_chunks_iter_mut(Axis(1), TOGETHER))
        {
            let lanes: Vec<ArrayView1<'_, T>> = from.axis_iter(Axis(1)).collect();
            for (place, mut row) in into.rows_mut().into_iter().enumerate() {
                row.iter_mut().zip(&lanes).for_each(|(value, lane)| *value = lane[place]);
            }
        }
    }
    values
}

/// The type of this name in NumPy.
pub(crate) fn stored_type(name: &str) -> Option<StoredType> {
    use StoredType::{Bool, F16, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64};
    [Bool, I8, U8, I16, U16, I32, U32, I64, U64, F16, F32, F64].into_iter().find(|stored| stored.name() == name)
}
