//! Sessions: chunks that come, change and go, and a table that follows.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anabranch::chunk::Dtype;
use anabranch::error::{Error, Result};
use anabranch::grid::ChunkId;
use anabranch::kernel::measure::BranchMeasures;
use anabranch::parameters::{ColumnSet, Parameters};
use anabranch::session::{EpochResults, Session as Running, SessionBuilder};
use anabranch::space::Spacing;
use anabranch::store::StoredType;
use anabranch::table::arrays::ColumnArrays;
use anabranch::table::row::{Frame, Measures};
use numpy::{IntoPyArray, PyReadwriteArray3};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays::{stored_type, voxels};
use crate::columns::to_dict;
use crate::errors::plain;
use crate::results::place;
use crate::run::read_parameters;

/// How often signals are looked for while an epoch runs.
const EVERY: Duration = Duration::from_millis(20);

/// A session that is fed with chunks.
#[pyclass(frozen, module = "anabranch._native")]
#[derive(Debug)]
pub(crate) struct Session {
    /// `None` once it is closed.
    running: Mutex<Option<Arc<Running>>>,
    dtype: Dtype,
    parameters: Parameters,
    shape: [usize; 3],
    workers: usize,
}

/// The results of an epoch, which stay as they are.
#[pyclass(frozen, module = "anabranch._native")]
#[derive(Debug)]
pub(crate) struct Snapshot {
    results: Arc<EpochResults>,
    parameters: Parameters,
    workers: usize,
}

#[pymethods]
impl Session {
    #[new]
    #[pyo3(signature = (shape, chunk, dtype, parameters, *, planar, spacing, hold_values, track_arrival, workers, memory))]
    #[allow(clippy::too_many_arguments, reason = "they are the keywords of the Python class")]
    fn new(
        py: Python<'_>,
        shape: [usize; 3],
        chunk: [usize; 3],
        dtype: &str,
        parameters: &str,
        planar: bool,
        spacing: [f64; 3],
        hold_values: bool,
        track_arrival: bool,
        workers: usize,
        memory: Option<usize>,
    ) -> PyResult<Self> {
        let parameters = read_parameters(py, parameters)?;
        let stored = stored_type(dtype).filter(|stored| StoredType::from(stored.dtype()) == *stored);
        let dtype = stored.map(StoredType::dtype).ok_or_else(|| {
            let message = format!("a session has no values of type {dtype}: give the next wider type");
            plain(py, &Error::usage(message))
        })?;
        let mut builder =
            SessionBuilder::new(shape, chunk, dtype).parameters(&parameters).spacing(Spacing(spacing)).workers(workers);
        if planar {
            builder = builder.planar();
        }
        if hold_values {
            builder = builder.hold_values();
        }
        if track_arrival {
            builder = builder.track_arrival();
        }
        if let Some(memory) = memory {
            builder = builder.memory(memory);
        }
        let running = py.detach(|| builder.build()).map_err(|error| plain(py, &error))?;
        Ok(Session { running: Mutex::new(Some(Arc::new(running))), dtype, parameters, shape, workers })
    }

    /// Inserts a chunk, or replaces one. Waits while too many values are in flight.
    fn set(&self, py: Python<'_>, chunk: [i64; 3], values: &Bound<'_, PyAny>, replace: bool) -> PyResult<()> {
        let voxels = voxels(values, self.dtype.into())?;
        self.with(py, |session| {
            let chunk = chunk_at(chunk)?;
            if replace { session.replace(chunk, voxels) } else { session.insert(chunk, voxels) }
        })
    }

    /// Retracts a chunk.
    fn retract(&self, py: Python<'_>, chunk: [i64; 3]) -> PyResult<()> {
        self.with(py, |session| session.retract(chunk_at(chunk)?))
    }

    /// Closes the epoch and waits for its end. Returns its number, the chunks that have changed, whether a threshold has
    /// moved, and the rows that have come (+1) and gone (-1), by columns.
    fn advance<'py>(&self, py: Python<'py>) -> PyResult<(u64, usize, bool, Bound<'py, PyDict>)> {
        let session = self.session(py)?;
        let epoch = py.detach(|| session.begin());
        while !py.detach(|| epoch.wait_timeout(EVERY)) {
            // An epoch that has begun goes on; its results are there later.
            py.check_signals()?;
        }
        let ended = py.detach(|| epoch.wait()).map_err(|error| plain(py, &error))?;
        let (rows, diffs): (Vec<_>, Vec<_>) = ended.changes.into_iter().map(|(row, diff)| (row, diff as i64)).unzip();
        let frame = session.frame();
        let changes = py.detach(|| changed(&rows, self.parameters.columns, &frame));
        let changes = to_dict(py, changes)?;
        changes.set_item("diff", diffs.into_pyarray(py))?;
        Ok((ended.number, ended.changed, ended.remade, changes))
    }

    /// The results of the last epoch.
    fn results(&self, py: Python<'_>) -> PyResult<Snapshot> {
        let results = self.session(py)?.results();
        Ok(Snapshot { results, parameters: self.parameters.clone(), workers: self.workers })
    }

    /// Changes the bounds, from the next epoch on.
    fn resize(&self, py: Python<'_>, shape: [usize; 3]) -> PyResult<()> {
        self.with(py, |session| session.resize(shape))
    }

    /// Shape along (z, y, x) that it began with.
    #[getter]
    fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Ends the session and its threads.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let taken = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(running) = taken else { return Ok(()) };
        match Arc::try_unwrap(running) {
            Ok(running) => py.detach(|| running.close()).map_err(|error| plain(py, &error)),
            // The last thread that uses it ends it.
            Err(_) => Ok(()),
        }
    }
}

impl Session {
    fn session(&self, py: Python<'_>) -> PyResult<Arc<Running>> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).clone();
        running.ok_or_else(|| plain(py, &Error::usage("the session is closed: begin another one")))
    }

    fn with<T: Send>(&self, py: Python<'_>, act: impl FnOnce(&Running) -> Result<T> + Send) -> PyResult<T> {
        let session = self.session(py)?;
        py.detach(|| act(&session)).map_err(|error| plain(py, &error))
    }
}

#[pymethods]
impl Snapshot {
    /// The tables by their names, each a dictionary of columns, and the summary as JSON.
    fn tables<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyDict>, String)> {
        let found = py.detach(|| {
            let tables = self.results.arrays(self.parameters.columns, self.workers)?;
            let summary = self.results.summary(&self.parameters).to_json()?;
            Ok((tables, summary))
        });
        let (tables, summary) = found.map_err(|error: Error| plain(py, &error))?;
        let all = PyDict::new(py);
        let rest = [("nodes", tables.nodes), ("skeletons", tables.skeletons), ("objects", tables.objects)];
        for (name, table) in std::iter::once(("branches", Some(tables.branches))).chain(rest) {
            if let Some(table) = table {
                all.set_item(name, to_dict(py, table)?)?;
            }
        }
        Ok((all, summary))
    }

    /// Sets the skeleton's voxels to 1 in an array of zeros along (z, y, x).
    fn draw_skeleton(&self, py: Python<'_>, mut into: PyReadwriteArray3<'_, u8>) {
        let mut into = into.as_array_mut();
        py.detach(|| {
            for voxel in self.results.skeletons().flat_map(|(_, skeleton)| &skeleton.voxels) {
                into[place(voxel)] = 1;
            }
        });
    }
}

/// The chunk at a place.
fn chunk_at(at: [i64; 3]) -> Result<ChunkId> {
    ChunkId::new(at).ok_or_else(|| Error::usage(format!("there is no chunk at {at:?}: it is too far from zero")))
}

/// The columns of rows that have come and gone, which are those that depend on a branch alone.
fn changed(rows: &[Measures<BranchMeasures>], columns: ColumnSet, frame: &Frame) -> ColumnArrays {
    ColumnArrays::of_rows(rows, columns.columns().measures(), frame)
}
