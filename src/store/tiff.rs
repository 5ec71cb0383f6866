//! TIFF: a file of pages, or a folder of files with one page each, as a volume of planes.
//!
//! Pages of uncompressed rows are read by seeking to the rows wanted. Of other pages, the strips or tiles that a region
//! meets are decoded whole and held for a while, since the next region along x or y needs them too.

mod calibration;
mod page;
mod reader;
mod slices;
mod tags;
#[cfg(test)]
mod tests;

pub(crate) use self::slices::has_slices;
#[cfg(feature = "mosaic")]
pub(crate) use self::slices::slice_paths;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::calibration::{Described, Planes, described};
use self::page::{Page, PageDecoder, PageFile, Storage};
use crate::chunk::{Chunk, Voxels};
use crate::error::{Error, Result};
use crate::space::Region;
use crate::store::axes::{Axis, Role, select};
use crate::store::cache::BlockCache;
use crate::store::file::{self, read_box};
use crate::store::marker::{FileMark, Marker, mark_of};
use crate::store::plan::read_plan;
use crate::store::units::Settled;
use crate::store::values::{first_unfit, from_bytes, paste, require_inside};
use crate::store::{Description, Mark, Marked, OpenOptions, Source};

/// A volume of TIFF pages, or an image of one. Holds decoded strips and tiles up to the cache's size.
#[derive(Debug)]
pub struct TiffSource {
    /// The page of each plane.
    pages: Vec<Page>,
    calibration: Settled,
    description: Description,
    /// By page and, in it, place of the strip or tile.
    cache: BlockCache<(usize, [usize; 2])>,
}

impl TiffSource {
    /// A file: its pages are planes along z, and one page alone is a 2-D image.
    ///
    /// Where ImageJ or OME metadata name channels and time points the options pick among them.
    ///
    /// # Errors
    /// `Missing` where there is no such file; `Data` where it is damaged, cut off or of an unsupported form, where a
    /// page has several samples a pixel, or other size or type than the first (the page is named); `Usage` where the
    /// options do not fit.
    pub fn open(path: impl AsRef<Path>, options: &OpenOptions) -> Result<Self> {
        let path = path.as_ref();
        let (pages, tags) = page::pages(path)?;
        let built = described(&tags).and_then(|described| {
            let pages = complete(pages, described.planes.as_ref())?;
            let (pages, dimensions) = picked(pages, described.planes.as_ref(), options)?;
            Self::new(path, pages, dimensions, &described, options)
        });
        built.map_err(|error| error.at(path))
    }

    fn new(
        path: &Path,
        pages: Vec<Page>,
        dimensions: usize,
        described: &Described,
        options: &OpenOptions,
    ) -> Result<Self> {
        let first = pages.first().ok_or_else(|| Error::data("has no pages; save the image again"))?;
        for page in &pages[1..] {
            if (page.shape, page.stored) != (first.shape, first.stored) {
                return Err(unequal(page, first).at(&page.file.path));
            }
        }
        let calibration = described.calibration.settle(dimensions, options)?;
        let shape = [pages.len(), first.shape[0], first.shape[1]];
        // Strips go over the whole width: it says nothing about how wide chunks should be.
        let (stored, met) = match first.storage {
            Storage::Rows { .. } => ([1; 3], [1; 3]),
            Storage::Blocks { shape: [y, x], tiled: true, .. } => ([1, y, x], [1, y, x]),
            Storage::Blocks { shape: [y, x], tiled: false, .. } => ([1; 3], [1, y, x]),
        };
        let plan = read_plan(shape, stored, met, dimensions, first.stored.size(), options.cache);
        let description = Description {
            name: path.display().to_string(),
            shape,
            dimensions,
            dtype: first.stored.dtype(),
            stored: first.stored,
            spacing: calibration.spacing,
            unit: calibration.unit.clone(),
            chunk: plan.chunk,
            fill: 0.0,
        };
        Ok(TiffSource { pages, calibration, description, cache: BlockCache::new(plan.cache) })
    }

    /// Copies what a region needs of a plane into place.
    fn read_plane(&self, z: usize, region: &Region, files: &mut OpenFile, into: &mut Voxels) -> Result<()> {
        let page = &self.pages[z];
        let plane = region.min[0] + (z as i64 - region.min[0]);
        let wanted =
            Region { min: [plane, region.min[1], region.min[2]], max: [plane + 1, region.max[1], region.max[2]] };
        match page.storage {
            Storage::Rows { offset } => {
                let [y, x] = [1, 2].map(|a| wanted.min[a] as usize..wanted.max[a] as usize);
                let (shape, size) = ([1, page.shape[0], page.shape[1]], page.stored.size());
                let read = [1, y.len(), x.len()];
                let bytes = read_box(files.of(page)?, offset, size, shape, [0..1, y, x]);
                let bytes = bytes.map_err(|error| file::read_failed(&error))?;
                paste(&from_bytes(page.stored, read, bytes, page.endian()), &wanted, into, region);
            }
            Storage::Blocks { shape, .. } => {
                let mut decoder: Option<PageDecoder<'_>> = None;
                let file = files.of(page)?;
                let first: [usize; 2] = std::array::from_fn(|a| wanted.min[a + 1] as usize / shape[a]);
                let last: [usize; 2] = std::array::from_fn(|a| (wanted.max[a + 1] as usize - 1) / shape[a]);
                for place in (first[0]..=last[0]).flat_map(|y| (first[1]..=last[1]).map(move |x| [y, x])) {
                    let block = self.cache.get(&(z, place), || {
                        let decoder = match &mut decoder {
                            Some(decoder) => decoder,
                            none => none.insert(page.decoder(file)?),
                        };
                        page.decode(decoder, place).map(Some)
                    })?;
                    let Some(block) = block else { continue };
                    let [_, rows, columns] = block.shape().map(|n| n as i64);
                    let [y, x]: [i64; 2] = std::array::from_fn(|a| (place[a] * shape[a]) as i64);
                    let at = Region::new([plane, y, x], [plane + 1, y + rows, x + columns]);
                    paste(&block, &at, into, region);
                }
            }
        }
        Ok(())
    }
}

impl Source for TiffSource {
    fn description(&self) -> &Description {
        &self.description
    }

    fn warnings(&self) -> Vec<String> {
        self.calibration.warning.iter().map(|warning| format!("{}: {warning}", self.description.name)).collect()
    }

    fn read(&self, region: &Region) -> Result<Option<Chunk>> {
        require_inside(region, self.description.shape)?;
        let mut voxels = Voxels::filled(self.description.dtype, region.shape(), 0.0);
        let mut file = OpenFile::default();
        for z in region.min[0] as usize..region.max[0] as usize {
            let read = self.read_plane(z, region, &mut file, &mut voxels);
            read.map_err(|error| error.at(&self.pages[z].file.path))?;
        }
        if let Some(unfit) = first_unfit(&voxels) {
            let z = region.min[0] + unfit.at[0];
            return Err(unfit.refusal(region.min).at(&self.pages[z as usize].file.path));
        }
        Ok(Some(Chunk { region: *region, voxels }))
    }

    fn mark(&self, region: &Region) -> Result<Option<Mark>> {
        require_inside(region, self.description.shape)?;
        let pages = &self.pages[region.min[0] as usize..region.max[0] as usize];
        mark_of(files(pages).map(|file| &*file.path)).map(Some)
    }

    fn marks(&self, regions: &[Region]) -> Result<Vec<Option<Marked>>> {
        let paths: Vec<PathBuf> = files(&self.pages).map(|file| file.path.clone()).collect();
        let marks = FileMark::of_all(&paths)?;
        // The file of each plane, by its number.
        let runs = self.pages.chunk_by(|a, b| Arc::ptr_eq(&a.file, &b.file)).zip(0..);
        let numbers: Vec<usize> = runs.flat_map(|(run, number)| run.iter().map(move |_| number)).collect();
        let marked = |region: &Region| {
            require_inside(region, self.description.shape)?;
            let mut marker = Marker::default();
            for file in numbers[region.min[0] as usize..region.max[0] as usize].chunk_by(|a, b| a == b) {
                marker.add(&marks[file[0]]);
            }
            Ok(Some(marker.finish()))
        };
        regions.iter().map(marked).collect()
    }
}

#[cfg(feature = "mosaic")]
/// The description that a file's first page has.
///
/// # Errors
/// As [`TiffSource::open`] where it cannot be read.
pub(crate) fn description_of(path: &Path) -> Result<Option<String>> {
    Ok(page::pages(path)?.1.descriptions().next())
}

/// The files of pages, in their order; one that several pages in a row are in is given once.
fn files(pages: &[Page]) -> impl Iterator<Item = &PageFile> {
    pages.chunk_by(|a, b| Arc::ptr_eq(&a.file, &b.file)).map(|run| &*run[0].file)
}

/// The file read last, kept open for the next plane.
#[derive(Default)]
struct OpenFile(Option<(Arc<PageFile>, File)>);

impl OpenFile {
    fn of(&mut self, page: &Page) -> Result<&File> {
        let same = self.0.as_ref().is_some_and(|(held, _)| Arc::ptr_eq(held, &page.file));
        if !same {
            self.0 = Some((Arc::clone(&page.file), file::open(&page.file.path)?.0));
        }
        self.0.as_ref().map(|(_, file)| file).ok_or_else(|| Error::internal("a file that was just opened"))
    }
}

/// All pages that the metadata name: ImageJ writes stacks above 4 GiB as one page with the others right behind it.
fn complete(mut pages: Vec<Page>, planes: Option<&Planes>) -> Result<Vec<Page>> {
    let Some(planes) = planes else { return Ok(pages) };
    let (found, named) = (pages.len(), planes.count().unwrap_or(usize::MAX));
    if let ([first], true) = (&pages[..], named > 1) {
        let rest: Option<Vec<Page>> = (1..named).map(|n| first.following(n)).collect();
        pages.extend(rest.unwrap_or_default());
    }
    if pages.len() != named {
        let message = format!(
            "has {found} pages of the {named} that its metadata name; copy it again, or save it as a plain TIFF stack"
        );
        return Err(Error::data(message));
    }
    Ok(pages)
}

/// The pages of the channel and time point that the options pick, and the number of dimensions of what they are.
fn picked(pages: Vec<Page>, planes: Option<&Planes>, options: &OpenOptions) -> Result<(Vec<Page>, usize)> {
    let space = |length: usize| Axis { role: Role::Space, length: length as u64 };
    let [height, width] = pages.first().map_or([0; 2], |page| page.shape);
    let Some(planes) = planes else {
        select(&[space(pages.len()), space(height), space(width)], options)?;
        let dimensions = if pages.len() == 1 { 2 } else { 3 };
        return Ok((pages, dimensions));
    };
    let axis = |role, length: usize| Axis { role, length: length as u64 };
    let (time, channel) = (axis(Role::Time, planes.frames), axis(Role::Channel, planes.channels));
    let selection = select(&[time, channel, space(planes.slices), space(height), space(width)], options)?;
    let [frame, channel] = [0, 1].map(|a| usize::try_from(selection.fixed[a]).unwrap_or(usize::MAX));
    let kept = (0..planes.slices).map(|slice| pages[planes.page(frame, channel, slice)].clone()).collect();
    Ok((kept, selection.kept.len()))
}

/// The refusal of a page that is not like the first.
fn unequal(page: &Page, first: &Page) -> Error {
    let size = |page: &Page| format!("{} x {} pixels of {}", page.shape[1], page.shape[0], page.stored.name());
    let other = match first.number {
        Some(number) => format!("page {number}"),
        None => first.file.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
    };
    let (label, this, that) = (page.label(), size(page), size(first));
    Error::data(format!("{label}has {this}, but {other} has {that}; give planes of one size and type"))
}
