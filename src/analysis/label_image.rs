//! `objects.zarr`: an image of the labels of objects.

use std::sync::Arc;

use super::Analysis;
use crate::chunk::{Chunk, Dtype, Value};
use crate::error::{Error, Result};
use crate::kernel::image::coarsen::Downsample;
use crate::kernel::objects::labels::ObjectLabels;
use crate::space::{Position, Region};
use crate::store::output::folder::OBJECT_LABELS;
use crate::store::output::{OutputFolder, PyramidForm, PyramidWriter};
use crate::store::{Description, Source};

/// Chunks of an image and of a volume of labels: they follow from the number of axes alone.
const CHUNK: [[usize; 3]; 2] = [[1, 1024, 1024], [64; 3]];

/// Labels as an image that can be read.
struct LabelSource {
    labels: Arc<ObjectLabels>,
    description: Description,
    origin: Position,
}

impl Source for LabelSource {
    fn description(&self) -> &Description {
        &self.description
    }

    fn origin(&self) -> Position {
        self.origin
    }

    fn read(&self, region: &Region) -> Result<Option<Chunk>> {
        let Some(labels) = self.labels.read(region) else { return Ok(None) };
        let array = ndarray::Array3::from_shape_vec(region.shape(), labels)
            .map_err(|error| Error::internal("labels do not fill their box").because(error))?;
        Ok(Some(Chunk { region: *region, voxels: <u32 as Value>::wrap(array) }))
    }
}

impl Analysis {
    /// Writes the image of labels into a folder of outputs: a label image of OME-Zarr 0.5, aligned with the
    /// image that was analysed; coarser resolutions hold the most frequent label of each eight voxels.
    ///
    /// # Errors
    /// If it cannot be written; `Data` if there are too many objects to number them.
    pub(super) fn write_labels(&self, folder: &OutputFolder, labels: &Arc<ObjectLabels>) -> Result<()> {
        let of_image = self.source.description();
        if u32::try_from(labels.objects()).is_err() {
            let message = format!("has {} objects, too many for an image of labels", labels.objects());
            return Err(Error::data(message).at(&of_image.name));
        }
        let (shape, dimensions, origin) = (of_image.shape, of_image.dimensions, self.source.origin());
        let form = PyramidForm {
            name: "objects".to_owned(),
            shape,
            dimensions,
            channels: None,
            dtype: Dtype::U32.into(),
            chunk: CHUNK[usize::from(dimensions == 3)],
            levels: None,
            spacing: of_image.spacing,
            unit: of_image.unit.clone(),
            origin: self.source.place(),
            downsample: Downsample::Mode,
            labels: Some(serde_json::json!({})),
            of_fuse: false,
        };
        let writer = PyramidWriter::create(folder.path(OBJECT_LABELS), form)?;
        let description = Description::new("objects", shape, dimensions, Dtype::U32);
        let labels = Arc::clone(labels);
        let source: Arc<dyn Source> = Arc::new(LabelSource { labels, description, origin });
        writer.write(|_| Ok(Arc::clone(&source)), self.workers(), || Ok(()))
    }
}
