//! Opens the image at a path.

pub(crate) mod by_form;

use std::path::Path;
use std::sync::Arc;

use self::by_form::open_image;
use crate::error::{Error, Result};
use crate::store::Source;
use crate::store::atlas::{Atlas, read_region_names};
use crate::store::companions::{Accompanied, companion_error};
use crate::store::options::OpenOptions;
use crate::store::region_view::viewed;

/// Opens the image at a path: a Zarr v2 or v3 array, an OME-Zarr group (level 0 of its first multiscale), a TIFF file,
/// a folder of TIFF slices, a NIfTI, NRRD, MetaImage, `.npy` or `.npz` file, or the mosaic of the tiles in a table
/// (`.csv`, `.tsv`). With the feature `http` also a Zarr array or an OME-Zarr group at an address `https://...` or
/// `http://...`, and with `s3` at `s3://BUCKET/PATH`, configured by the environment's `AWS_...` variables.
///
/// # Errors
/// `Missing` if the path does not exist; `Io` if a server does not deliver the image; `Data` if its format, type or
/// number of axes is not supported, the file is damaged, or a mask, an atlas or an
/// image of intensities has another shape; `Usage` if the options do not fit the image.
pub fn open(path: &Path, options: &OpenOptions) -> Result<Box<dyn Source>> {
    if options.atlas_names.is_some() && options.atlas.is_none() {
        return Err(Error::usage("--atlas-names names the regions of an atlas, but there is none: add --atlas"));
    }
    if options.mask.is_none() && options.atlas.is_none() && options.intensity.is_none() {
        return open_alone(path, options);
    }
    let plain = OpenOptions { patience: options.patience, ..OpenOptions::default() };
    let companion = |path: &Path, options: &OpenOptions, what| open_alone(path, options).map_err(companion_error(what));
    let mut with = CompanionSources::default();
    if let Some(mask) = &options.mask {
        with.mask = Some(companion(mask, &plain, "the mask of a region of interest")?);
    }
    if let Some(atlas) = &options.atlas {
        let exact = OpenOptions { labels: true, ..plain.clone() };
        let labels = companion(atlas, &exact, "an atlas")?;
        let names = options.atlas_names.as_deref().map(read_region_names).transpose()?;
        with.atlas = Some(Atlas::new(Arc::from(labels), names)?);
    }
    if let Some(values) = &options.intensity {
        with.intensity = Some(companion(values, &plain, "the image of --intensity")?);
    }
    let whole = OpenOptions { region: None, mask: None, atlas: None, intensity: None, ..options.clone() };
    accompanied(open_alone(path, &whole)?, with, options)
}

/// Images that go with another one, as sources.
#[derive(Default)]
#[non_exhaustive]
pub struct CompanionSources {
    /// A mask: the analysis is confined to where it is not zero.
    pub mask: Option<Box<dyn Source>>,
    /// An atlas, whose regions divide the network.
    pub atlas: Option<Atlas>,
    /// The image whose values are measured along branches in place of the image's own.
    pub intensity: Option<Box<dyn Source>>,
}

impl std::fmt::Debug for CompanionSources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = |source: &Option<Box<dyn Source>>| source.as_ref().map(|source| source.description().name.clone());
        let (mask, intensity) = (name(&self.mask), name(&self.intensity));
        let mut shown = f.debug_struct("CompanionSources");
        shown.field("mask", &mask).field("atlas", &self.atlas).field("intensity", &intensity).finish()
    }
}

/// A whole image with others that go with it, and the region of the options in place of the whole: what [`open`] returns, for
/// images that a program has as sources, such as arrays in memory. Of the options, the region alone counts.
///
/// # Errors
/// `Data` if one of them has another shape than the image, or the image has no voxels; `Usage` if the region does not fit.
pub fn accompanied(image: Box<dyn Source>, with: CompanionSources, options: &OpenOptions) -> Result<Box<dyn Source>> {
    let name = image.description().name.clone();
    let mut image = Accompanied::new(image);
    if let Some(mask) = with.mask {
        image = image.with_mask(mask)?;
    }
    if let Some(atlas) = with.atlas {
        image = image.with_atlas(atlas)?;
    }
    if let Some(values) = with.intensity {
        image = image.with_intensity(values)?;
    }
    viewed(Box::new(image), options).map_err(|error| error.at(name))
}

/// The same, with no regard to a mask or an atlas.
fn open_alone(path: &Path, options: &OpenOptions) -> Result<Box<dyn Source>> {
    #[cfg(feature = "mosaic")]
    if path.is_file() && super::mosaic::is_table(path) {
        let mosaic = super::mosaic::MosaicSource::open(path, options)?;
        return viewed(Box::new(mosaic), options).map_err(|error| error.at(path));
    }
    open_image(path, options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    #[cfg(all(feature = "zarr", feature = "tiff"))]
    use crate::space::{Region, Spacing};
    #[cfg(all(feature = "zarr", feature = "tiff"))]
    use crate::store::RegionView;

    #[cfg(all(feature = "zarr", feature = "tiff"))]
    #[test]
    fn the_form_follows_from_the_path() {
        use crate::store::fixtures::fixture;
        let region = Some(vec![1..3, 2..12, 0..7]);
        let options = OpenOptions { channel: Some(1), time: Some(1), region, ..OpenOptions::default() };
        let part = open(&fixture("ome05.zarr"), &options).unwrap();
        assert_eq!(part.description().shape, [2, 10, 7]);
        assert_eq!(part.description().spacing, Spacing([2.0, 0.5, 0.5]));
        for (name, shape) in [
            ("slices", [11, 6, 7]),
            ("imagej.tif", [5, 12, 14]),
            ("c_i4.npy", [5, 12, 14]),
            ("v3_blosc_2d.zarr", [1, 12, 14]),
        ] {
            let path = fixture(name);
            let source = open(&path, &OpenOptions::default()).unwrap();
            assert_eq!((source.description().shape, &source.description().name), (shape, &path.display().to_string()));
            let channel = OpenOptions { channel: Some(7), ..OpenOptions::default() };
            let error = open(&path, &channel).err().unwrap();
            assert_eq!(error.kind(), Kind::Usage);
            assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
        }
    }

    #[cfg(all(feature = "zarr", feature = "tiff"))]
    #[test]
    fn many_boxes_have_the_marks_that_each_has_alone() {
        let folder = tempfile::tempdir().unwrap();
        for (name, one_file) in [
            ("v2_blosc.zarr", false),
            ("v3_sharded.zarr", false),
            ("ome05.zarr", true),
            ("slices", false),
            ("imagej.tif", true),
            ("c_i4.npy", true),
        ] {
            let path = crate::store::fixtures::copy(name, folder.path());
            let picked = name.starts_with("ome").then_some(1);
            let options = OpenOptions { channel: picked, time: picked, ..OpenOptions::default() };
            let whole = open(&path, &options).unwrap();
            let [z, y, x] = whole.description().shape;
            let view = RegionView::new(whole, &[1..z, 2..y, 0..x]).unwrap();
            // Many chunks of one voxel with their halos.
            let bounds = Region::of_shape(view.description().shape);
            let grid = crate::grid::Grid::new(bounds, [1; 3]);
            let around = |id| grid.region(id).dilated([1, 2, 3]).intersection(&bounds);
            let regions: Vec<Region> = grid.chunks().map(around).collect();
            let alone: Vec<_> = regions.iter().map(|region| view.mark(region).unwrap().unwrap()).collect();
            let together = view.marks(&regions).unwrap();
            assert_eq!(together.iter().map(|marked| marked.unwrap().mark).collect::<Vec<_>>(), alone, "{name}");
            assert!(together.iter().all(|marked| marked.unwrap().youngest.is_some()), "{name}");
            assert_eq!(alone.iter().collect::<std::collections::BTreeSet<_>>().len() == 1, one_file, "{name}");
        }
    }

    #[test]
    fn a_path_that_is_no_image_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |path: &Path| open(path, &OpenOptions::default()).err().unwrap();
        assert_eq!(refused(&folder.path().join("none.npy")).kind(), Kind::Missing);
        assert_eq!(refused(folder.path()).kind(), Kind::Data);
        let text = folder.path().join("notes.txt");
        std::fs::write(&text, "hello").unwrap();
        assert!(refused(&text).to_string().contains("give a Zarr array, an OME-Zarr image"));
    }
}
