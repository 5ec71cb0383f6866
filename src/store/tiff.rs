//! TIFF: a file of pages, or a folder of files with one page each, as a volume of planes.
//!
//! Pages of uncompressed rows are read by seeking to the wanted rows. Of other pages, the strips or tiles that a region
//! meets are decoded whole and cached, since the next region along x or y needs them too.

mod blocks;
mod codec;
mod describe;
mod directory;
mod form;
mod lzw;
mod packbits;
mod one_page;
mod pages;
mod picture;
mod planes;
mod reader;
mod samples;
mod slices;
mod stack;
mod tags;
#[cfg(test)]
mod tests;

pub(crate) use self::picture::Picture;
pub(crate) use self::slices::has_slices;
#[cfg(feature = "mosaic")]
pub(crate) use self::slices::{natural, slice_paths};

use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::blocks::{BlockFile, Blocks};
use self::describe::{Given, described, is_micromanager, micromanager_pages};
use self::one_page::{Page, PageFile, Storage};
use self::pages::{Pages, pages, tags_of, tags_of_pages};
use self::planes::arrange;
use self::stack::{FileDescription, PlaneAxes};
use self::tags::FileTags;
use crate::chunk::{Chunk, Voxels};
use crate::error::{Error, Kind, Result};
use crate::space::Region;
use crate::store::cache::BlockCache;
use crate::store::details::shown_names;
use crate::store::file::{self, read_box};
use crate::store::marker::{FileMark, Marker, mark_of};
use crate::store::plan::read_plan;
use crate::store::values::{first_unfit, from_bytes, paste, require_inside};
use crate::store::{Description, Details, Mark, Marked, OpenOptions, Source};

/// A volume of TIFF pages, or an image of one. Holds decoded strips and tiles up to the cache's size.
#[derive(Debug)]
pub struct TiffSource {
    /// The page of each plane.
    pages: Vec<Page>,
    /// The axes of planes in the file, from which the pages were selected.
    planes: PlaneAxes,
    description: Description,
    /// By the address of a page's strips or tiles, and the position among them of those that are decoded at once.
    cache: BlockCache<(usize, [usize; 3])>,
    details: Details,
    warnings: Vec<String>,
    /// Whether values are labels, of which all 64 bits count.
    labels: bool,
}

impl TiffSource {
    /// Opens a file: its pages are planes along z, and a single page is a 2-D image.
    ///
    /// If ImageJ or OME metadata name channels and time points, the options pick among them.
    ///
    /// # Errors
    /// `Missing` if there is no such file; `Data` if it is damaged, cut off or of an unsupported format, or if a page
    /// has several samples for each pixel, or another size or type than the first (the page is named); `Usage` if the
    /// options do not fit.
    pub fn open(path: impl AsRef<Path>, options: &OpenOptions) -> Result<Self> {
        let path = path.as_ref();
        let Pages { pages, tags, notes, warnings } = pages(path)?;
        let given = Given { path, pages: pages.len(), slice: false };
        let built = of_file(&tags, &given, options).and_then(|described| {
            let arranged = arrange(pages, &described, path, options)?;
            let source = Self::new(path, arranged.pages, arranged.dimensions, &described, options)?;
            let warnings = warnings.into_iter().chain(source.warnings).collect();
            let several = |axis| arranged.axes.iter().find(|(name, _)| *name == axis).map(|(_, length)| *length);
            let details = Details { channels: several('c'), times: several('t'), notes, ..source.details };
            Ok(TiffSource { planes: arranged.axes, details, warnings, ..source })
        });
        built.map_err(|error| if error.is_placed() { error } else { error.at(path) })
    }

    fn new(
        path: &Path,
        pages: Vec<Page>,
        dimensions: usize,
        described: &FileDescription,
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
        // Strips span the whole width, which is no reason to make chunks so wide.
        let (stored, met) = match &first.storage {
            Storage::Rows { .. } => ([1; 3], [1; 3]),
            Storage::Blocks { blocks, .. } if blocks.tiled => (blocks.shape(), blocks.shape()),
            Storage::Blocks { blocks, .. } => ([1; 3], blocks.shape()),
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
            offset: [0.0; 3],
            downsample: Description::downsample_of(first.stored.dtype()),
        };
        let cache = BlockCache::new(plan.cache);
        let details = Details {
            format: if described.form.is_empty() { "TIFF" } else { described.form }.to_owned(),
            spacing_from: calibration.from.clone().unwrap_or_default(),
            channel_names: shown_names(&described.channel_names),
            series: described.series,
            ..Details::default()
        };
        let planes = if dimensions == 3 { vec![('z', pages.len() as u64)] } else { Vec::new() };
        let warnings = described.warnings.iter().cloned().chain(calibration.warning).collect();
        Ok(TiffSource { pages, planes, description, cache, details, warnings, labels: options.labels })
    }

    /// Copies the part of a region in a plane of rows.
    fn read_rows(&self, z: usize, offset: u64, region: &Region, files: &mut OpenFile, into: &mut Voxels) -> Result<()> {
        let page = &self.pages[z];
        let wanted = plane_of(region, z);
        let [y, x] = [1, 2].map(|a| wanted.min[a] as usize..wanted.max[a] as usize);
        let (shape, size) = ([1, page.shape[0], page.shape[1]], page.stored.size());
        let read = [1, y.len(), x.len()];
        let bytes = read_box(&files.of(page)?.file, offset, size, shape, [0..1, y, x]);
        let bytes = bytes.map_err(|error| file::read_failed(&error))?;
        paste(&from_bytes(page.stored, read, bytes, page.endian()), &wanted, into, region);
        Ok(())
    }

    /// Copies the part of a region in strips or tiles. Those that another thread is decoding come last, so that threads
    /// that need the same ones share the work.
    fn read_blocks(&self, jobs: Vec<Job<'_>>, region: &Region, files: &mut OpenFile, into: &mut Voxels) -> Result<()> {
        let mut later = Vec::new();
        for job in jobs {
            match self.block(&job, false, files)? {
                Some(block) => job.paste(&block, region, into),
                None => later.push(job),
            }
        }
        for job in later {
            let block = self.block(&job, true, files)?.ok_or_else(|| Error::internal("a block that was waited for"))?;
            job.paste(&block, region, into);
        }
        Ok(())
    }

    /// A decoded block; `None` if another thread is decoding it and `wait` is false.
    fn block(&self, job: &Job<'_>, wait: bool, files: &mut OpenFile) -> Result<Option<Arc<Voxels>>> {
        let page = &self.pages[job.z];
        let key = (Arc::as_ptr(job.blocks) as usize, job.place);
        let decode = || page.decode(files.of(page)?, job.blocks, job.place).map(Some);
        let found = if wait { self.cache.get(&key, decode) } else { self.cache.get_unless_busy(&key, decode) };
        found.map_err(|error| error.at(&page.file.path))
    }
}

/// Strips or tiles that are decoded at once, and the planes of the volume in them.
struct Job<'p> {
    blocks: &'p Arc<Blocks>,
    place: [usize; 3],
    /// A plane of the volume, and its index among the decoded ones.
    z: usize,
    plane: usize,
    /// Number of consecutive planes of the volume in it.
    count: usize,
}

impl Job<'_> {
    fn paste(&self, block: &Voxels, region: &Region, into: &mut Voxels) {
        let [_, rows, columns] = block.shape().map(|n| n as i64);
        let shape = self.blocks.shape();
        let [y, x] = [1, 2].map(|a| (self.place[a] * shape[a]) as i64);
        let (z, count) = (region.min[0] + (self.z as i64 - region.min[0]), self.count as i64);
        let at = Region::new([z, y, x], [z + count, y + rows, x + columns]);
        if block.shape()[0] == self.count {
            paste(block, &at, into, region);
        } else {
            let plane = self.plane as i64;
            let part = Region::new([plane, 0, 0], [plane + count, rows, columns]);
            paste(&block.part(&part), &at, into, region);
        }
    }
}

/// The strips or tiles of a plane that a region meets.
fn places<'p>(z: usize, plane: usize, blocks: &'p Arc<Blocks>, region: &Region) -> impl Iterator<Item = Job<'p>> {
    let shape = blocks.shape();
    let first: [usize; 2] = std::array::from_fn(|a| region.min[a + 1] as usize / shape[a + 1]);
    let last: [usize; 2] = std::array::from_fn(|a| (region.max[a + 1] as usize - 1) / shape[a + 1]);
    let places = (first[0]..=last[0]).flat_map(move |y| (first[1]..=last[1]).map(move |x| [plane / shape[0], y, x]));
    places.map(move |place| Job { blocks, place, z, plane: plane % shape[0], count: 1 })
}

/// Joins jobs of planes that are decoded at once.
fn joined(mut jobs: Vec<Job<'_>>) -> Vec<Job<'_>> {
    if jobs.iter().all(|job| job.blocks.shape()[0] == 1) {
        return jobs;
    }
    jobs.sort_by_key(|job| (Arc::as_ptr(job.blocks) as usize, job.place, job.z));
    let mut kept: Vec<Job<'_>> = Vec::new();
    for job in jobs {
        match kept.last_mut() {
            Some(last)
                if Arc::ptr_eq(last.blocks, job.blocks)
                    && last.place == job.place
                    && (last.z + last.count, last.plane + last.count) == (job.z, job.plane) =>
            {
                last.count += 1;
            }
            _ => kept.push(job),
        }
    }
    kept
}

/// The part of a region in one plane.
fn plane_of(region: &Region, z: usize) -> Region {
    let z = region.min[0] + (z as i64 - region.min[0]);
    Region { min: [z, region.min[1], region.min[2]], max: [z + 1, region.max[1], region.max[2]] }
}

impl Source for TiffSource {
    fn description(&self) -> &Description {
        &self.description
    }

    fn warnings(&self) -> Vec<String> {
        self.warnings.iter().map(|warning| format!("{}: {warning}", self.description.name)).collect()
    }

    fn details(&self) -> Details {
        let (shape, first) = (self.description.shape, &self.pages[0]);
        let chunk = match &first.storage {
            Storage::Rows { .. } => Vec::new(),
            // Few are deeper than one plane.
            Storage::Blocks { blocks, .. } => {
                blocks.stored[usize::from(blocks.stored[0] == 1)..].iter().map(|&n| n as u64).collect()
            }
        };
        let [_, y, x] = shape.map(|n| n as u64);
        let axes = self.planes.iter().copied().chain([('y', y), ('x', x)]);
        let axes = axes.map(|(name, length)| (name.to_string(), length)).collect();
        Details { axes, chunk, codec: first.codec(), ..self.details.clone() }
    }

    fn read(&self, region: &Region) -> Result<Option<Chunk>> {
        require_inside(region, self.description.shape)?;
        let mut voxels = Voxels::filled(self.description.dtype, region.shape(), 0.0);
        let mut file = OpenFile::default();
        let mut jobs: Vec<Job<'_>> = Vec::new();
        for z in region.min[0] as usize..region.max[0] as usize {
            match &self.pages[z].storage {
                Storage::Rows { offset } => {
                    let read = self.read_rows(z, *offset, region, &mut file, &mut voxels);
                    read.map_err(|error| error.at(&self.pages[z].file.path))?;
                }
                Storage::Blocks { blocks, plane } => jobs.extend(places(z, *plane, blocks, region)),
            }
        }
        self.read_blocks(joined(jobs), region, &mut file, &mut voxels)?;
        if let (false, Some(unfit)) = (self.labels, first_unfit(&voxels, self.description.stored)) {
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
/// The OME metadata of a file, if it has any.
///
/// # Errors
/// Those of [`TiffSource::open`], if they cannot be read.
pub(crate) fn ome_of(path: &Path) -> Result<Option<crate::store::ome_xml::Ome>> {
    tags_of(path).and_then(|tags| describe::ome_of(&tags))
}

/// The files of pages, in their order; consecutive pages of one file return it once.
fn files(pages: &[Page]) -> impl Iterator<Item = &PageFile> {
    pages.chunk_by(|a, b| Arc::ptr_eq(&a.file, &b.file)).map(|run| &*run[0].file)
}

/// The last file read, kept open for the next plane.
#[derive(Default)]
struct OpenFile(Option<(Arc<PageFile>, BlockFile)>);

impl OpenFile {
    fn of(&mut self, page: &Page) -> Result<&mut BlockFile> {
        let same = self.0.as_ref().is_some_and(|(held, _)| Arc::ptr_eq(held, &page.file));
        if !same {
            self.0 = Some((Arc::clone(&page.file), page.open()?));
        }
        self.0.as_mut().map(|(_, file)| file).ok_or_else(|| Error::internal("a file that was just opened"))
    }
}

/// The description of a file. If `--axes` names the axes of its pages, an unreadable description is not an error.
fn of_file(tags: &FileTags, given: &Given<'_>, options: &OpenOptions) -> Result<FileDescription> {
    let found = described(tags, given).and_then(|found| {
        let by_pages = found.stack.is_none() && is_micromanager(tags);
        if by_pages { micromanager_pages(tags_of_pages(given.path)?) } else { Ok(found) }
    });
    match found {
        Err(error) if options.axes.is_some() && error.kind() == Kind::Data => {
            let warning = format!("its metadata are left alone, since it {error}");
            Ok(FileDescription { warnings: vec![warning], ..FileDescription::default() })
        }
        found => found,
    }
}

/// The refusal of a page that differs from the first.
fn unequal(page: &Page, first: &Page) -> Error {
    let size = |page: &Page| format!("{} x {} pixels of {}", page.shape[1], page.shape[0], page.stored.name());
    let other = match first.number {
        Some(number) => format!("page {number}"),
        None => first.file.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
    };
    let (label, this, that) = (page.label(), size(page), size(first));
    Error::data(format!("{label}has {this}, but {other} has {that}; give planes of one size and type"))
}
