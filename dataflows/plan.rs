//! From options to what will be done: every default resolved and every contradiction refused.

use std::collections::BTreeSet;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use anabranch::chunk::Dtype;
use anabranch::error::{Error, Result};
use anabranch::grid::Grid;
use anabranch::kernel::binarise::Binarise;
use anabranch::kernel::mask::Layout;
use anabranch::kernel::planes::PlaneLayout;
use anabranch::kernel::smooth::Gaussian;
use anabranch::kernel::threshold::Threshold;
use anabranch::memory::of_machine;
use anabranch::operators::read::Selection;
use anabranch::operators::sample::KEPT_VALUES;
use anabranch::operators::window::{MEMORY, Window};
use anabranch::space::{Region, Spacing};
use anabranch::store::units::length_name;
use anabranch::store::{Image, Source, StoredType, is_address, open};
use anabranch::table::arrival::Arrival;
use anabranch::table::branch_columns::Columns;
use anabranch::table::columns::Field;
use anabranch::table::row::Frame;

use crate::apart::resolved;
use crate::arguments::{ImageOptions, Method, RunOptions};
use crate::opening::{Part, open_options};
use crate::processes::Seat;
use crate::sizes::{format_size, parse_size};
use crate::terminal::{print, print_warning};

/// What a run will do.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) source: Arc<dyn Source>,
    pub(crate) grid: Grid,
    pub(crate) spacing: Spacing,
    pub(crate) unit: Option<String>,
    /// What the program understands of the image, in a line.
    pub(crate) headline: String,
    /// Where the spacing comes from; empty where voxels count as one long.
    pub(crate) spacing_from: String,
    pub(crate) method: Method,
    pub(crate) gaussian: Option<Gaussian>,
    pub(crate) sigma: Option<f64>,
    pub(crate) threshold: Choice,
    pub(crate) processes: usize,
    /// Workers of each process.
    pub(crate) workers: usize,
    /// Chunks in flight.
    pub(crate) window: usize,
    /// The budget that this follows from, in bytes.
    pub(crate) memory: usize,
    /// Chunks in reach of something that is stored.
    stored: Selection,
    /// Bytes of foreground values that a worker may hold, so as not to read chunks again.
    pub(crate) keep: usize,
    /// Whether the table tells which branches are provisional.
    pub(crate) provisional: bool,
    /// What a person should know of the image, each in a sentence.
    pub(crate) warnings: Vec<String>,
    /// Whether a warning is an error.
    pub(crate) strict: bool,
    /// Which part of what is stored is analysed.
    pub(crate) part: Part,
    /// Which image it is.
    pub(crate) image: ImageName,
    /// The state that is kept, if one is.
    pub(crate) state: Option<String>,
}

/// Which image a run analyses, as `run.json` has it: outputs of another one are not replaced unless asked for.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ImageName {
    /// Where it is, without links and relative parts; an address as messages have it.
    path: String,
    channel: Option<usize>,
    time: Option<usize>,
    region: Option<String>,
}

impl ImageName {
    fn new(image: &ImageOptions, source: &dyn Source) -> Self {
        let (channel, time, region) = (image.channel, image.time, image.region.clone());
        let path = match is_address(&image.input) {
            true => source.description().name.clone(),
            false => resolved(&image.input).to_string_lossy().into_owned(),
        };
        ImageName { path, channel, time, region }
    }
}

/// What was asked for as a threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Choice {
    Nonzero,
    Above(f64),
    Otsu,
}

impl Plan {
    /// Opens the input and resolves the options.
    pub(crate) fn new(options: &RunOptions, seat: &Seat) -> Result<Plan> {
        let processes = seat.processes();
        let workers = match options.workers {
            // Processes that share a machine share its cores.
            None => (workers(None)? / seat.on_this_machine()).max(1),
            asked => workers(asked)?,
        };
        if workers * seat.on_this_machine() > MOST_WORKERS {
            let message = format!(
                "{} processes of {workers} workers are asked for, but at most {MOST_WORKERS} workers run on a machine; \
                 give fewer --workers",
                seat.on_this_machine()
            );
            return Err(Error::usage(message));
        }
        let threshold = parse_threshold(options.threshold.as_deref())?;
        if options.sigma.is_some() && threshold == Choice::Nonzero {
            return Err(Error::usage(
                "--sigma smooths the image before a threshold, but there is none: add --threshold",
            ));
        }
        #[cfg(feature = "mosaic")]
        crate::gains::settle(&options.image, seat, workers * seat.on_this_machine(), options.quiet)?;
        let wanted = open_options(&options.image)?;
        let source: Arc<dyn Source> = Arc::from(open(&options.image.input, &wanted)?);
        let image = Image::of(&*source, &wanted);
        if seat.is_first() {
            image.warnings.iter().for_each(|warning| print_warning(warning));
            if let (true, Some(first)) = (options.strict, image.warnings.first()) {
                return Err(Error::data(format!("{first} (--strict)")));
            }
        }
        let description = source.description().clone();
        let dimensions = description.dimensions;
        if threshold != Choice::Nonzero && description.dtype == Dtype::Bool {
            return Err(
                Error::usage("the input is a mask of bools already: leave --threshold out").at(&options.image.input)
            );
        }
        let bounds = Region::of_shape(description.shape);
        let method = match options.method {
            Some(Method::Zhang) if dimensions == 3 => {
                return Err(Error::usage("--method zhang is for 2-D images, and this volume is 3-D: use lee")
                    .at(&options.image.input));
            }
            Some(method) => method,
            None if dimensions == 2 => Method::Zhang,
            None => Method::Lee,
        };
        let (spacing, unit) = (description.spacing, description.unit.clone());
        let headline = image.headline();
        let spacing_from = image.details.spacing_from;
        let threshold = match threshold {
            Choice::Above(value) if description.stored == StoredType::F16 && options.sigma.is_none() => {
                match Threshold::Above(value).of_halves() {
                    Threshold::Above(rounded) => Choice::Above(rounded),
                    Threshold::Nonzero => threshold,
                }
            }
            other => other,
        };
        let gaussian = options.sigma.map(|sigma| Gaussian::new(sigma, dimensions)).transpose()?;
        let chunk = match &options.chunk {
            Some(text) => parse_chunk(text, dimensions)?,
            // The chunks of a volume that may grow follow from how it is stored, not from how much of it is there.
            None if options.state.is_some() => roomy(description.chunk, description.shape, dimensions),
            // Smoothing takes the time of a gray image, and is fastest in chunks that fit into a cache.
            None if options.sigma.is_some() => description.chunk,
            None => wide(description.chunk, description.shape, dimensions, workers * processes),
        };
        let chunk = match options.state {
            Some(_) => chunk,
            None => std::array::from_fn(|a| chunk[a].min(description.shape[a].max(1))),
        };
        if !Layout::fits(chunk) {
            return Err(Error::usage(format!(
                "a chunk of {chunk:?} voxels is too large: choose one below 2^31 voxels"
            )));
        }
        let grid = Grid::new(bounds, chunk).among(processes);
        let depth = gaussian.as_ref().map_or([0; 3], Gaussian::depth);
        let (window, memory) = window(&grid, depth, description.dtype, workers, options.memory.as_deref())?;
        let stored = match options.state {
            // All chunks have records.
            Some(_) => Selection::All.within_limit(&grid),
            None => Selection::of_stored(&*source, &grid, depth),
        };
        let stored = stored.map_err(|error| error.at(&options.image.input))?;
        let keep = KEPT_VALUES / workers;
        let (sigma, provisional) = (options.sigma, options.provisional);
        let (warnings, strict) = (image.warnings, options.strict);
        let part = Part::new(&options.image, &wanted);
        let image = ImageName::new(&options.image, &*source);
        let state = options.state.as_deref().map(|state| resolved(state).to_string_lossy().into_owned());
        Ok(Plan {
            source,
            grid,
            spacing,
            unit,
            headline,
            spacing_from,
            method,
            gaussian,
            sigma,
            threshold,
            processes,
            workers,
            window,
            memory,
            stored,
            keep,
            provisional,
            warnings,
            strict,
            part,
            image,
            state,
        })
    }

    /// In what coordinates are told.
    pub(crate) fn frame(&self) -> Frame {
        Frame { dimensions: self.dimensions(), spacing: self.spacing, origin: [0; 3] }
    }

    /// Prints what the program understands of the image, unless quiet.
    pub(crate) fn print_headline(&self, quiet: bool) {
        print(&format!("{}: {}\n", self.source.description().name, self.headline), quiet);
    }

    /// What lengths are counted in.
    pub(crate) fn length_unit(&self) -> String {
        length_name(self.spacing, self.unit.as_deref(), &self.spacing_from)
    }

    /// What has arrived by now, where the table is to tell; asked for before anything is read, a branch can be provisional
    /// though the missing part has just come, but not the other way round.
    pub(crate) fn arrival(&self) -> Result<Option<Arrival>> {
        if !self.provisional {
            return Ok(None);
        }
        Ok(Some(match self.source.absent()? {
            Some(absent) => Arrival::without(absent.grid, absent.origin, &absent.missing),
            // The whole image is one unit, and is there.
            None => {
                Arrival::without(Grid::new(self.grid.bounds(), self.grid.bounds().shape()), [0; 3], &BTreeSet::new())
            }
        }))
    }

    /// How masks are thinned: Lee's method has four directions in volumes of one plane.
    pub(crate) fn thinning(&self) -> anabranch::kernel::method::Method {
        use anabranch::kernel::method::Method as Kernel;
        match self.method {
            Method::Zhang => Kernel::Zhang,
            Method::Lee if self.source.description().shape[0] == 1 => Kernel::LeePlanar,
            Method::Lee => Kernel::Lee,
        }
    }

    /// Whether the volume is thinned in planes, which the workers of one process hand on to each other: faster than in
    /// chunks, but with a bit for every voxel of the rows that hold foreground, and only where all workers have planes to
    /// work on.
    pub(crate) fn thins_in_planes(&self) -> bool {
        use anabranch::kernel::method::Method as Kernel;
        let suits = || PlaneLayout::new(self.grid.bounds().shape()).suits(self.workers);
        self.thinning() == Kernel::Lee && self.processes == 1 && suits()
    }

    /// The chunks whose values have to be counted one by one: where the others hold one value, as often as they have
    /// voxels.
    pub(crate) fn chunks_to_count(&self, kernel: &Binarise) -> Result<Selection> {
        // Smoothing may round other values than zero.
        let stay = kernel.gaussian.is_none() || kernel.fill == 0.0;
        if stay { Ok(self.stored.clone()) } else { self.all_chunks() }
    }

    /// The chunks that can hold foreground.
    pub(crate) fn chunks_to_binarise(&self, kernel: &Binarise) -> Result<Selection> {
        let first = kernel.bounds.min;
        let voxel = Region::new(first, first.map(|p| p + 1));
        let is_background = || kernel.clone().mask(None, &voxel, &voxel).is_none();
        let stay = kernel.gaussian.is_none() || kernel.fill == 0.0;
        if stay && is_background() { Ok(self.stored.clone()) } else { self.all_chunks() }
    }

    /// How many chunks a run looks at, at least.
    pub(crate) fn chunks_read(&self) -> u64 {
        self.stored.count(&self.grid) as u64
    }

    fn all_chunks(&self) -> Result<Selection> {
        let all = Selection::All.within_limit(&self.grid);
        all.map_err(|error| error.at(&self.source.description().name))
    }

    /// Columns of the table after the ranks.
    pub(crate) fn columns(&self) -> Vec<Field> {
        <Columns>::default().fields(self.dimensions(), self.provisional).collect()
    }

    /// 2 or 3: how many of the axes are the image's own.
    pub(crate) fn dimensions(&self) -> usize {
        self.source.description().dimensions
    }
}

/// Chunks that are as long along an axis as the whole volume, made long enough for a volume that grows.
fn roomy(chunk: [usize; 3], shape: [usize; 3], dimensions: usize) -> [usize; 3] {
    let least = if dimensions == 2 { [1, 1024, 1024] } else { [64; 3] };
    std::array::from_fn(|a| match chunk[a] == shape[a] && shape[a] > 1 {
        true => chunk[a].max(least[a]),
        false => chunk[a],
    })
}

/// Chunks of a volume put together along x in twos, fours and so on, up to 256 voxels and while every worker has 16 of
/// them: there are fewer seams, and those along x cost most.
fn wide(chunk: [usize; 3], shape: [usize; 3], dimensions: usize, workers: usize) -> [usize; 3] {
    let put_together = |count: usize| [chunk[0], chunk[1], count * chunk[2]];
    let is_enough = |chunk: [usize; 3]| {
        (0..3).map(|a| shape[a].div_ceil(chunk[a])).fold(1, usize::saturating_mul) >= workers.saturating_mul(16)
    };
    let most = if dimensions == 3 { (256 / chunk[2].max(1)).max(1) } else { 1 };
    let counts = (1..=most.ilog2()).rev().map(|power| 1 << power);
    counts.map(put_together).find(|&chunk| is_enough(chunk)).unwrap_or(chunk)
}

/// Worker threads on a machine at most. Each has a channel to each other one for every exchange of the dataflow: 512 take
/// a gigabyte and 18 seconds of a processor before they begin, 256 a quarter of that.
const MOST_WORKERS: usize = 256;

/// How many workers to start: as many as were asked for, or one a core.
pub(crate) fn workers(asked: Option<usize>) -> Result<usize> {
    match asked {
        Some(0) => Err(Error::usage("--workers is 0, but at least one is needed")),
        Some(workers) if workers > MOST_WORKERS => {
            let message =
                format!("--workers is {workers}, but at most {MOST_WORKERS} are started; more than cores help little");
            Err(Error::usage(message))
        }
        Some(workers) => Ok(workers),
        None => Ok(std::thread::available_parallelism().map_or(1, usize::from).min(MOST_WORKERS)),
    }
}

/// How many chunks may be in flight within the budget, and the budget in bytes.
fn window(
    grid: &Grid,
    depth: [usize; 3],
    dtype: Dtype,
    workers: usize,
    memory: Option<&str>,
) -> Result<(usize, usize)> {
    let chunk = grid.chunk_shape();
    let needed = Window::bytes(grid, depth, dtype, workers, Window::least(grid, depth, workers));
    let budget = match memory {
        Some(text) => parse_size(text)?,
        None => MEMORY.max(needed),
    };
    if let (None, Some(most)) = (memory, of_machine().filter(|&most| needed as u64 > most)) {
        return Err(Error::data(format!(
            "chunks of {chunk:?} voxels on {workers} workers need {} of memory, and there are {}; give a smaller --chunk, \
             fewer --workers, or --memory where there is more",
            format_size(needed),
            format_size(usize::try_from(most).unwrap_or(usize::MAX))
        )));
    }
    if budget < needed {
        return Err(Error::usage(format!(
            "--memory {} is too little: chunks of {chunk:?} voxels with a halo of {depth:?} on {workers} workers need \
             {} at least; give that, or a smaller --chunk",
            memory.unwrap_or_default(),
            format_size(needed)
        )));
    }
    Ok((Window::within(grid, depth, dtype, workers, budget), budget))
}

fn parse_threshold(text: Option<&str>) -> Result<Choice> {
    match text {
        None => Ok(Choice::Nonzero),
        Some("otsu") => Ok(Choice::Otsu),
        Some(text) => match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Choice::Above(value)),
            _ => Err(Error::usage(format!("--threshold {text} is neither a number nor otsu"))),
        },
    }
}

/// Voxels of a chunk along (z, y, x).
pub(crate) fn parse_chunk(text: &str, dimensions: usize) -> Result<[usize; 3]> {
    let wrong = || {
        Error::usage(format!(
            "--chunk {text} does not fit: give one number of voxels, or {dimensions} of them separated by commas, each at \
             least 1"
        ))
    };
    let values: Vec<usize> =
        text.split(',').map(|v| v.trim().parse()).collect::<std::result::Result<_, _>>().map_err(|_| wrong())?;
    if values.contains(&0) {
        return Err(wrong());
    }
    match values[..] {
        [one] => Ok([one; 3]),
        [y, x] if dimensions == 2 => Ok([1, y, x]),
        [z, y, x] if dimensions == 3 => Ok([z, y, x]),
        _ => Err(wrong()),
    }
}

pub(crate) fn parse_region(text: &str) -> Result<Vec<Range<usize>>> {
    parse_ranges(text).ok_or_else(|| {
        Error::usage(format!("--region {text} does not read as z0:z1,y0:y1,x0:x1 with each range not empty"))
    })
}

/// A range along each axis, none of them empty.
pub(crate) fn parse_ranges<T: FromStr + PartialOrd>(text: &str) -> Option<Vec<Range<T>>> {
    let range = |part: &str| {
        let (from, to) = part.split_once(':')?;
        let (from, to) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
        (from < to).then_some(from..to)
    };
    text.split(',').map(range).collect()
}

/// A time from a number of seconds.
pub(crate) fn parse_seconds(option: &str, value: f64) -> Result<Duration> {
    match Duration::try_from_secs_f64(value) {
        Ok(duration) if value > 0.0 => Ok(duration),
        _ => Err(Error::usage(format!("{option} {value} is no time: give a number of seconds above zero"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_put_together_along_x_while_there_are_enough() {
        assert_eq!(wide([64; 3], [512; 3], 3, 2), [64, 64, 256]);
        assert_eq!(wide([64; 3], [256; 3], 3, 2), [64, 64, 128]);
        assert_eq!(wide([64; 3], [256; 3], 3, 64), [64; 3]);
        assert_eq!(wide([64, 64, 100], [1000; 3], 3, 8), [64, 64, 200]);
        assert_eq!(wide([1, 512, 512], [1, 9000, 9000], 2, 2), [1, 512, 512]);
        assert_eq!(wide([64, 64, 300], [1000; 3], 3, 2), [64, 64, 300]);
    }

    #[test]
    fn a_refused_budget_names_one_that_is_taken() {
        let grid = Grid::new(Region::of_shape([256; 3]), [64; 3]);
        let error = window(&grid, [4; 3], Dtype::U16, 2, Some("1M")).unwrap_err().to_string();
        let named = error.split(" need ").nth(1).unwrap().split(' ').next().unwrap();
        assert!(window(&grid, [4; 3], Dtype::U16, 2, Some(named)).is_ok(), "{named}");
    }
}
