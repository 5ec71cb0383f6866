//! `anabranch fuse`: an image in, OME-Zarr with coarser copies out.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anabranch::analysis::{chunk_shape, workers};
use anabranch::error::{Error, Kind, Result};
use anabranch::kernel::image::coarsen::Downsample;
use anabranch::memory::peak_memory;
use anabranch::progress::{ProgressState, Stage};
use anabranch::store::output::{Overwrite, PyramidForm, PyramidWriter, StagedFolder};
use anabranch::store::{Description, Image, Source, name_of, open, shown_path};

use crate::analysis::print_headline;
use crate::apart;
use crate::arguments::FuseOptions;
use crate::interrupt;
use crate::opening::{self, open_options};
use crate::parsing::parse_chunk;
use crate::status;
use crate::terminal::{Progress, print, print_warning};

/// Default chunks of an image and of a volume.
const CHUNK: [[usize; 3]; 2] = [[1, 1024, 1024], [64; 3]];

/// Writes the image. An image that cannot be finished leaves nothing behind.
pub(crate) fn fuse(options: &FuseOptions) -> Result<()> {
    let started = Instant::now();
    let workers = workers(options.workers)?;
    let input = &options.image.input;
    apart::of_fuse(options)?;
    let wanted = open_options(&options.image)?;
    #[cfg(feature = "mosaic")]
    crate::gains::settle(&options.image, &crate::processes::Seat::Alone, workers, options.output.quiet)?;
    // All channels of a table, unless one is picked.
    let channels = if wanted.channel.is_none() { opening::channels(input)? } else { BTreeSet::new() };
    let channels: Vec<usize> = if channels.len() > 1 { channels.into_iter().collect() } else { Vec::new() };
    let open_channel = |place: usize| {
        let channel = channels.get(place).copied().or(wanted.channel);
        let mut wanted = wanted.clone();
        wanted.channel = channel;
        open(input, &wanted)
    };
    let source = open_channel(0)?;
    let image = Image::of(&*source, &wanted);
    print_headline(&shown_path(input), &image, options.output.quiet);
    // All channels of an image have the same warnings.
    image.warnings.iter().for_each(|warning| print_warning(warning));
    let form = form(options, &*source, (!channels.is_empty()).then_some(channels.len()))?;
    let mut first = Some(source);
    let overwrite = if options.output.overwrite { Overwrite::Image } else { Overwrite::Nothing };
    let begin = || StagedFolder::create(&options.out, overwrite);
    let folder = interrupt::stage(begin, StagedFolder::remover)?;
    let writer = PyramidWriter::create(folder.path(), form).map_err(|error| match error.kind() {
        Kind::Usage => error.at(input),
        _ => error,
    })?;
    let state = Arc::new(ProgressState::new());
    status::follow(&state);
    state.begin(Stage::Writing, writer.chunks());
    let progress = Progress::show(&state, options.output.quiet);
    let observe = || {
        state.chunk_done(Stage::Writing);
        Ok(())
    };
    let written = writer.write(|place| first.take().map_or_else(|| open_channel(place), Ok), workers, observe);
    drop(progress);
    written?;
    interrupt::finish();
    folder.commit()?;
    status::results(&options.out, None);
    print(&told(&options.out, &writer, started), options.output.quiet);
    Ok(())
}

/// The form of the result.
fn form(options: &FuseOptions, source: &dyn Source, channels: Option<usize>) -> Result<PyramidForm> {
    let description = source.description();
    let Description { shape, dimensions, dtype, .. } = *description;
    let chunk = match &options.chunk {
        Some(text) => chunk_shape(&parse_chunk(text)?, dimensions)?,
        None => CHUNK[usize::from(dimensions == 3)],
    };
    let levels = match options.levels {
        Some(0) => return Err(Error::usage("--levels is 0, but at least one is needed")),
        levels => levels.and_then(NonZeroUsize::new),
    };
    let name = name_of(Path::new(&description.name)).unwrap_or_else(|| description.name.clone());
    let name = Path::new(&name).file_stem().map_or_else(|| name.clone(), |stem| stem.to_string_lossy().into_owned());
    let downsample = options.downsample.map_or(description.downsample, Into::into);
    Ok(PyramidForm {
        name,
        shape,
        dimensions,
        channels,
        dtype: dtype.into(),
        chunk,
        levels,
        spacing: description.spacing,
        unit: description.unit.clone(),
        origin: source.place(),
        downsample,
        labels: (downsample == Downsample::Mode).then(|| serde_json::json!({})),
        of_fuse: true,
    })
}

/// A line about what was written.
fn told(out: &Path, writer: &PyramidWriter, started: Instant) -> String {
    let shape = &writer.form().shape[3 - writer.form().dimensions..];
    let (dtype, levels) = (writer.form().dtype.name(), writer.shapes().count());
    let channels = writer.form().channels.map_or_else(String::new, |n| format!("{n} channels of "));
    let levels = if levels == 1 { "1 resolution".to_owned() } else { format!("{levels} resolutions") };
    let memory = peak_memory().map_or_else(String::new, |n| format!(", peak memory {} MB", n.div_ceil(1 << 20)));
    let seconds = started.elapsed().as_secs_f64();
    format!("{}: {channels}{shape:?} voxels of {dtype} in {levels}, {seconds:.1} s{memory}\n", out.display())
}
