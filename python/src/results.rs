//! The results of a run, as arrays.

use std::path::PathBuf;
use std::sync::Arc;

use anabranch::analysis::{Analysis, Results as Found};
use anabranch::space::Voxel;
use anabranch::table::arrays::ColumnArrays;
use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyReadwriteArray3};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::columns::{to_dict, units};
use crate::errors::plain;

/// Numbers as an array.
type Numbers<'py, T> = Bound<'py, PyArray1<T>>;

/// Positions along (z, y, x) as an array, a row each.
type Places<'py> = Bound<'py, PyArray2<i64>>;

/// The results of a run. All positions are along (z, y, x).
#[pyclass(frozen, module = "anabranch._native")]
#[derive(Debug)]
pub(crate) struct Results {
    analysis: Arc<Analysis>,
    found: Arc<Found>,
}

impl Results {
    pub(crate) fn new(analysis: Analysis, found: Found) -> Self {
        Results { analysis: Arc::new(analysis), found: Arc::new(found) }
    }
}

#[pymethods]
impl Results {
    /// Shape of the image along its own axes.
    #[getter]
    fn shape(&self) -> Vec<usize> {
        let description = self.analysis.source.description();
        description.shape[3 - description.dimensions..].to_vec()
    }

    /// Size of a voxel along its own axes.
    #[getter]
    fn spacing(&self) -> Vec<f64> {
        let description = self.analysis.source.description();
        description.spacing.0[3 - description.dimensions..].to_vec()
    }

    /// The first voxel along its own axes in the image that this one is a part of.
    #[getter]
    fn origin(&self) -> Vec<i64> {
        self.analysis.source.origin()[3 - self.analysis.dimensions()..].to_vec()
    }

    /// The unit of the spacing.
    #[getter]
    fn unit(&self) -> Option<String> {
        self.analysis.source.description().unit.clone()
    }

    /// The name of the image.
    #[getter]
    fn name(&self) -> &str {
        &self.analysis.source.description().name
    }

    /// Warnings about the image itself.
    #[getter]
    fn warnings(&self) -> Vec<String> {
        self.analysis.image.warnings.clone()
    }

    /// What is understood of the image, in a line.
    #[getter]
    fn headline(&self) -> String {
        self.analysis.image.headline()
    }

    /// The tables by their names, each a dictionary of columns, with the kinds of their units, and the summary as JSON.
    fn tables<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyDict>, Bound<'py, PyDict>, String)> {
        let found = py.detach(|| {
            let tables = self.found.arrays(&self.analysis)?;
            let summary = tables.written.summary.to_json()?;
            Ok((tables, summary))
        });
        let (tables, summary) = found.map_err(|error| plain(py, &error))?;
        let (all, all_units) = (PyDict::new(py), PyDict::new(py));
        let add = |name: &str, table: Option<ColumnArrays>| -> PyResult<()> {
            let Some(table) = table else { return Ok(()) };
            all_units.set_item(name, units(&table))?;
            all.set_item(name, to_dict(py, table)?)
        };
        add("branches", Some(tables.branches))?;
        add("nodes", tables.nodes)?;
        add("skeletons", tables.skeletons)?;
        add("objects", tables.objects)?;
        add("regions", tables.regions)?;
        Ok((all, all_units, summary))
    }

    /// Sets the skeleton's voxels to 1 in an array of zeros of the image's shape along (z, y, x).
    fn draw_skeleton(&self, py: Python<'_>, mut into: PyReadwriteArray3<'_, u8>) {
        let mut into = into.as_array_mut();
        py.detach(|| {
            for voxel in self.found.skeletons.iter().flat_map(|(_, skeleton)| &skeleton.voxels) {
                into[place(voxel)] = 1;
            }
        });
    }

    /// Sets the voxels of each branch to its number plus 1, in order, so that the last one of several counts.
    fn draw_branches(&self, py: Python<'_>, mut into: PyReadwriteArray3<'_, i32>) {
        let mut into = into.as_array_mut();
        py.detach(|| {
            for (number, branch) in (1..).zip(self.found.paths()) {
                branch.voxels().for_each(|voxel| into[place(voxel)] = number);
            }
        });
    }

    /// The paths of all branches, in order: where each begins in the arrays that follow, and the voxels and their ranks.
    fn paths<'py>(&self, py: Python<'py>) -> PyResult<(Numbers<'py, i64>, Places<'py>, Numbers<'py, i64>)> {
        let found = py.detach(|| {
            let ranks = self.found.ranks(&self.analysis)?;
            let (mut lookup, mut offsets, mut places, mut of_voxels) =
                (ranks.lookup(), vec![0], Vec::new(), Vec::new());
            for branch in self.found.paths() {
                for voxel in branch.voxels() {
                    places.extend(voxel.position());
                    of_voxels.push(lookup.of(voxel) as i64);
                }
                offsets.push(of_voxels.len() as i64);
            }
            Ok((offsets, places, of_voxels))
        });
        let (offsets, places, of_voxels) = found.map_err(|error| plain(py, &error))?;
        let places = PyArray1::from_vec(py, places).reshape([of_voxels.len(), 3])?;
        Ok((offsets.into_pyarray(py), places, of_voxels.into_pyarray(py)))
    }

    /// The skeleton's voxels in raster order, by their ranks, and the image's values there.
    fn voxels<'py>(&self, py: Python<'py>) -> PyResult<(Places<'py>, Numbers<'py, f64>)> {
        let all = py.detach(|| {
            let mut all: Vec<(Voxel, f64)> = Vec::new();
            for (_, skeleton) in &self.found.skeletons {
                let value = |place: usize| skeleton.values.0.value(place);
                all.extend(skeleton.voxels.iter().enumerate().map(|(place, voxel)| (voxel, value(place))));
            }
            all.sort_unstable_by_key(|(voxel, _)| *voxel);
            all
        });
        let values: Vec<f64> = all.iter().map(|(_, value)| *value).collect();
        let places: Vec<i64> = all.iter().flat_map(|(voxel, _)| voxel.position()).collect();
        Ok((PyArray1::from_vec(py, places).reshape([all.len(), 3])?, values.into_pyarray(py)))
    }

    /// Writes the files of `anabranch run` into a folder.
    fn write(&self, py: Python<'_>, folder: PathBuf, overwrite: bool) -> PyResult<()> {
        let written = py.detach(|| self.analysis.write(&self.found, folder, overwrite));
        written.map(drop).map_err(|error| plain(py, &error))
    }
}

/// The place of a voxel of an image, which begins at zero.
pub(crate) fn place(voxel: Voxel) -> [usize; 3] {
    voxel.position().map(|along| usize::try_from(along).expect("voxels of an image are not before its first"))
}
