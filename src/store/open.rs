//! From a path to a source: which form an image is stored in, and which part of it is wanted.

use std::io::Read;
use std::ops::Range;
use std::path::Path;

use crate::chunk::Chunk;
use crate::error::{Error, Kind, Result};
use crate::space::{Position, Region, Voxel};
use crate::store::address::{self, is_address};
use crate::store::foreign;
use crate::store::options::OpenOptions;
use crate::store::{Absent, Description, Details, Mark, Marked, Source};

/// The forms that images come in, as messages list them.
const FORMS: &str = if cfg!(feature = "mosaic") {
    "a Zarr array, an OME-Zarr image, a TIFF file, a folder of slices, a NIfTI, NRRD, MetaImage, .npy or .npz file, or a \
     table of tiles (.csv)"
} else {
    "a Zarr array, an OME-Zarr image, a TIFF file, a folder of slices, or a NIfTI, NRRD, MetaImage, .npy or .npz file"
};

/// The image at a path: a Zarr v2 or v3 array, an OME-Zarr group (level 0 of its first multiscale), a TIFF file, a
/// folder of TIFF slices, a `.npy` file, or the mosaic of the tiles in a `.csv` or `.tsv` table. With the feature `http` also a Zarr array or an OME-Zarr group at an address
/// `https://...` or `http://...`, and with `s3` at `s3://BUCKET/PATH`, by the environment's `AWS_...` variables.
///
/// # Errors
/// `Missing` where nothing is at the path; `Io` where a server does not give it; `Data` where the form, type or number of axes is none of those supported, or
/// the file is damaged; `Usage` where the options do not fit the image.
pub fn open(path: &Path, options: &OpenOptions) -> Result<Box<dyn Source>> {
    if is_address(path) {
        let source = address::open(path, options)?;
        return viewed(source, options).map_err(|error| error.at(path));
    }
    #[cfg(feature = "zarr")]
    if super::zarr::is_packed(path) && !is_npz(path) {
        let source = super::zarr::ZarrSource::open(path, options)?;
        return viewed(Box::new(source), options).map_err(|error| error.at(path));
    }
    let metadata = std::fs::metadata(path).map_err(|error| absent(path, &error).at(path))?;
    let source = if metadata.is_dir() {
        open_folder(path, options)?
    } else {
        super::file::require_file(&metadata).map_err(|error| error.at(path))?;
        open_file(path, options)?
    };
    viewed(source, options).map_err(|error| error.at(path))
}

fn open_file(path: &Path, options: &OpenOptions) -> Result<Box<dyn Source>> {
    #[cfg(feature = "mosaic")]
    if super::mosaic::is_table(path) {
        return Ok(Box::new(super::mosaic::MosaicSource::open(path, options)?));
    }
    #[cfg(feature = "zarr")]
    super::zarr::refuse_metadata_file(path)?;
    // By its first bytes: microscopes give TIFF files other extensions too.
    let start = start_of(path)?;
    let named =
        |extensions: &[&str]| path.extension().is_some_and(|e| extensions.iter().any(|x| e.eq_ignore_ascii_case(x)));
    if start.starts_with(super::npy::MAGIC) || named(&["npy"]) {
        return Ok(Box::new(super::npy::open(path, options)?));
    }
    #[cfg(feature = "tiff")]
    let is_tiff = [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"].iter().any(|magic| start.starts_with(*magic));
    #[cfg(feature = "tiff")]
    if (is_tiff && !foreign::is_preview(path)) || named(&["tif", "tiff"]) {
        return Ok(Box::new(super::tiff::TiffSource::open(path, options)?));
    }
    if start.is_empty() {
        return Err(Error::data("is empty; copy it again from where it came").at(path));
    }
    #[cfg(feature = "tiff")]
    if let Some(picture) = super::tiff::Picture::of_start(&start) {
        return Ok(Box::new(super::tiff::TiffSource::open_picture(path, picture, options)?));
    }
    #[cfg(feature = "medical")]
    if let Some(source) = open_medical(path, &start, options)? {
        return Ok(source);
    }
    Err(foreign::refusal(path, &start).unwrap_or_else(unknown_form).at(path))
}

/// The image in a file of a form that medical scanners or NumPy's archives have; `None` where it is none.
#[cfg(feature = "medical")]
fn open_medical(path: &Path, start: &[u8], options: &OpenOptions) -> Result<Option<Box<dyn Source>>> {
    use super::{metaimage, nifti, npz, nrrd};
    let named =
        |extensions: &[&str]| path.extension().is_some_and(|e| extensions.iter().any(|x| e.eq_ignore_ascii_case(x)));
    if start.starts_with(nrrd::MAGIC) || named(&["nrrd", "nhdr"]) {
        return Ok(Some(Box::new(nrrd::open(path, options)?)));
    }
    if metaimage::is_metaimage(start) || named(&["mha", "mhd"]) {
        return Ok(Some(Box::new(metaimage::open(path, options)?)));
    }
    let mut inside = None;
    if start.starts_with(&[0x1f, 0x8b]) {
        let packed = super::detached::packed(path, 0)?;
        let head = super::inflate::head(&packed, foreign::LOOKED_AT);
        let name = path.to_string_lossy().to_lowercase();
        let is_named = [".nii.gz", ".hdr.gz", ".img.gz"].iter().any(|end| name.ends_with(end));
        inside = Some(if is_named { head.map_err(|error| error.at(path))? } else { head.unwrap_or_default() });
    }
    if nifti::is_nifti(inside.as_deref().unwrap_or(start)) || named(&["nii"]) || nifti::header_of_img(path).is_some() {
        return Ok(Some(Box::new(nifti::open(path, options)?)));
    }
    if let Some(inside) = inside {
        return Err(foreign::packed_refusal(path, &inside).at(path));
    }
    if start.starts_with(b"PK") && (named(&["npz"]) || npz::is_npz(path)) {
        return Ok(Some(Box::new(npz::open(path, options)?)));
    }
    Ok(None)
}

/// Whether a zip file is one of NumPy's.
#[cfg(feature = "zarr")]
fn is_npz(path: &Path) -> bool {
    #[cfg(feature = "medical")]
    return path.is_file() && super::npz::is_npz(path);
    #[cfg(not(feature = "medical"))]
    {
        let _ = path;
        false
    }
}

/// The first bytes of a file, by which its form is known.
pub(super) fn start_of(path: &Path) -> Result<Vec<u8>> {
    let (file, _) = super::file::open(path)?;
    let mut start = Vec::new();
    let read = file.take(foreign::LOOKED_AT as u64).read_to_end(&mut start);
    read.map_err(|error| super::file::read_failed(&error).at(path))?;
    Ok(start)
}

/// The error of a path at which there is nothing, with what may have been meant.
fn absent(path: &Path, error: &std::io::Error) -> Error {
    let text = path.to_string_lossy();
    let advice = if text.is_empty() {
        "an empty path was given; give the path of an image"
    } else if text.starts_with('~') {
        "is not there: ~ was not replaced by the home folder; give the path without quotes, or in full"
    } else if text.contains(['*', '?']) {
        "is not there: the pattern was not replaced by names; give one file, or the folder of the slices"
    } else {
        return super::file::read_failed(error);
    };
    match error.kind() {
        std::io::ErrorKind::NotFound => Error::new(Kind::Missing, advice),
        _ => super::file::read_failed(error),
    }
}

fn open_folder(path: &Path, options: &OpenOptions) -> Result<Box<dyn Source>> {
    #[cfg(feature = "zarr")]
    if super::zarr::is_zarr(path) || super::zarr::is_named_zarr(path) {
        return Ok(Box::new(super::zarr::ZarrSource::open(path, options)?));
    }
    #[cfg(feature = "tiff")]
    if super::tiff::has_slices(path) {
        return Ok(Box::new(super::tiff::TiffSource::open_slices(path, options)?));
    }
    let _ = options;
    Err(foreign::folder_refusal(path)
        .unwrap_or_else(|| Error::data(format!("is an empty folder; give {FORMS}")))
        .at(path))
}

fn unknown_form() -> Error {
    Error::data(format!("is not an image that can be read; give {FORMS}"))
}

#[cfg(feature = "tiff")]
/// Refuses to pick a channel or a time point where the form has none.
pub(crate) fn refuse_selection(options: &OpenOptions) -> Result<()> {
    for (picked, option) in [(options.channel, "--channel"), (options.time, "--time")] {
        if picked.is_some() {
            return Err(Error::usage(format!("has no such axis to pick from; leave {option} out")));
        }
    }
    Ok(())
}

/// The source as the options want it, once its size has been found to be one that can be worked on.
fn viewed(source: Box<dyn Source>, options: &OpenOptions) -> Result<Box<dyn Source>> {
    let description = source.description();
    if let Some(axis) = (0..3).find(|&a| description.shape[a] == 0) {
        return Err(Error::data(format!("has no voxels along {}; give an image with some", ["z", "y", "x"][axis])));
    }
    let source = match &options.region {
        Some(ranges) => Box::new(RegionView::new(source, ranges)?),
        None => source,
    };
    let description = source.description();
    let fits = |a: usize| i64::try_from(description.shape[a]).is_ok_and(|n| n <= Voxel::END[a]);
    if let Some(axis) = (0..3).find(|&a| !fits(a)) {
        let (name, most) = (["z", "y", "x"][axis], Voxel::END[axis]);
        let message = format!("is too long along {name}: at most {most} voxels; pick a part with --region");
        return Err(Error::new(Kind::Data, message));
    }
    Ok(source)
}

/// A part of a source that is taken for the whole volume: its first voxel is the origin.
pub struct RegionView {
    source: Box<dyn Source>,
    region: Region,
    description: Description,
}

impl RegionView {
    /// The part between ranges along (z, y, x), or (y, x) for a 2-D image.
    ///
    /// # Errors
    /// `Usage` where there are other than as many ranges as dimensions, or one is empty or reaches outside.
    pub fn new(source: Box<dyn Source>, ranges: &[Range<usize>]) -> Result<Self> {
        let mut description = source.description().clone();
        let dimensions = description.dimensions;
        if ranges.len() != dimensions {
            let message = format!("has {dimensions} dimensions; give --region as {dimensions} ranges");
            return Err(Error::usage(message));
        }
        let mut region = Region::of_shape(description.shape);
        for (axis, range) in (3 - dimensions..3).zip(ranges) {
            let length = description.shape[axis];
            if range.start >= range.end || range.end > length {
                let (name, Range { start, end }) = (["z", "y", "x"][axis], range);
                let message = format!("has no voxels {start}:{end} along {name}; give a --region within 0:{length}");
                return Err(Error::usage(message));
            }
            // Within the shape of an image, which is far below the limit of i64.
            (region.min[axis], region.max[axis]) = (range.start as i64, range.end as i64);
        }
        description.shape = region.shape();
        description.chunk = std::array::from_fn(|a| description.chunk[a].min(description.shape[a]));
        Ok(RegionView { source, region, description })
    }
}

impl std::fmt::Debug for RegionView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegionView").field("region", &self.region).field("description", &self.description).finish()
    }
}

impl Source for RegionView {
    fn description(&self) -> &Description {
        &self.description
    }

    fn origin(&self) -> Position {
        let whole = self.source.origin();
        std::array::from_fn(|a| whole[a] + self.region.min[a])
    }

    fn details(&self) -> Details {
        self.source.details()
    }

    fn warnings(&self) -> Vec<String> {
        self.source.warnings()
    }

    fn read(&self, region: &Region) -> Result<Option<Chunk>> {
        super::values::require_inside(region, self.description.shape)?;
        let chunk = self.source.read(&region.shifted(self.region.min))?;
        Ok(chunk.map(|chunk| Chunk { region: *region, voxels: chunk.voxels }))
    }

    fn mark(&self, region: &Region) -> Result<Option<Mark>> {
        self.source.mark(&region.shifted(self.region.min))
    }

    fn absent(&self) -> Result<Option<Absent>> {
        Ok(self.source.absent()?.map(|absent| absent.within(&self.region)))
    }

    fn stored(&self) -> Result<Option<Vec<Region>>> {
        let stored = self.source.stored()?;
        let inside = |unit: Region| unit.intersection(&self.region).shifted(self.region.min.map(|n| -n));
        Ok(stored.map(|units| units.into_iter().map(inside).filter(|unit| !unit.is_empty()).collect()))
    }

    fn marks(&self, regions: &[Region]) -> Result<Vec<Option<Marked>>> {
        let regions: Vec<Region> = regions.iter().map(|region| region.shifted(self.region.min)).collect();
        self.source.marks(&regions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::Voxels;
    use crate::space::Spacing;
    use crate::store::memory::MemorySource;
    use ndarray::Array3;

    fn image() -> Box<dyn Source> {
        let array = Array3::from_shape_fn((1, 6, 8), |(_, y, x)| u8::try_from(10 * y + x).unwrap());
        Box::new(MemorySource::of(Voxels::U8(array), 2))
    }

    #[test]
    fn a_region_is_read_as_if_it_were_the_volume() {
        let view = RegionView::new(image(), &[2..5, 3..8]).unwrap();
        assert_eq!(view.description().shape, [1, 3, 5]);
        assert_eq!(view.description().chunk, [1, 3, 5]);
        assert_eq!(RegionView::new(Box::new(view), &[1..2, 0..5]).unwrap().origin(), [0, 3, 3]);
        let view = RegionView::new(image(), &[2..5, 3..8]).unwrap();
        let region = Region::new([0, 1, 2], [1, 2, 4]);
        let chunk = view.read(&region).unwrap().unwrap();
        assert_eq!(chunk.region, region);
        assert_eq!(chunk.voxels, Voxels::U8(Array3::from_shape_vec((1, 1, 2), vec![35, 36]).unwrap()));
    }

    #[test]
    fn a_region_outside_is_refused() {
        for ranges in [vec![0..7, 0..8], vec![3..3, 0..8], vec![0..1, 0..6, 0..8]] {
            assert_eq!(RegionView::new(image(), &ranges).unwrap_err().kind(), Kind::Usage);
        }
    }

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
            // Chunks of one voxel, so that there are many, with what is around them.
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
