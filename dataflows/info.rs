//! `anabranch info`: what the program understands of an image, and what it would refuse.

use std::fmt::Write as _;

use serde::Serialize;

use anabranch::chunk::Voxels;
use anabranch::error::{Error, Result};
use anabranch::space::Region;
use anabranch::store::{Inspection, Refusal, Sample, Source, inspect, open, times};

use crate::arguments::InfoOptions;
use crate::opening::open_options;
use crate::terminal::{print_data, print_warning};

/// Bytes of values that are read at once for a checksum, unless a plane is larger.
const AT_ONCE: usize = 64 << 20;

/// Everything that is printed.
#[derive(Debug, Serialize)]
struct Known {
    #[serde(flatten)]
    inspection: Inspection,
    /// CRC-32 of all values, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    checksum: Option<String>,
}

/// Prints what is known, and ends with the error that a run would end with.
pub(crate) fn info(options: &InfoOptions) -> Result<()> {
    let wanted = open_options(&options.image)?;
    let inspection = inspect(&options.image.input, &wanted);
    let mut known = Known { inspection, checksum: None };
    let mut result = match &known.inspection.refused {
        Some(Refusal { kind, message, .. }) => Err(Error::new(*kind, message)),
        None => Ok(()),
    };
    if let (Some(image), true, true) = (&known.inspection.image, options.checksum, result.is_ok()) {
        let mut wanted = wanted;
        (wanted.channel, wanted.time) = (image.channel, image.time);
        match checksum(&*open(&options.image.input, &wanted)?) {
            Ok(sum) => known.checksum = Some(format!("{sum:08x}")),
            Err(error) => {
                known.inspection.refused = Some(Refusal::of(&error));
                result = Err(error);
            }
        }
    }
    if options.json {
        let text = serde_json::to_string_pretty(&known)
            .map_err(|error| Error::internal("what is known of the image cannot be written as JSON").because(error))?;
        print_data(&(text + "\n"));
    } else {
        print_data(&described(&known));
        let warnings = known.inspection.image.iter().flat_map(|image| &image.warnings);
        warnings.for_each(|warning| print_warning(warning));
        if let Some(choice) = &known.inspection.choice {
            print_warning(choice);
        }
    }
    result
}

/// What is known, as text for people.
fn described(known: &Known) -> String {
    let Some(image) = &known.inspection.image else { return String::new() };
    let mut text = format!("{}: {}\n", known.inspection.path, image.headline());
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            let _ = writeln!(text, "  {name:<16}{value}");
        }
    };
    let details = &image.details;
    let axes = if image.shape.len() == 2 { "(y, x)" } else { "(z, y, x)" };
    line("format", details.format.clone());
    line("shape", format!("{} {axes}", times(&image.shape)));
    line("type", image.dtype_text());
    line("stored axes", details.axes.iter().map(|(name, n)| format!("{name} {n}")).collect::<Vec<_>>().join(", "));
    line("stored chunks", times(&details.chunk));
    line("codec", details.codec.clone());
    line("size of a voxel", image.spacing_text());
    line("lengths are in", image.length_unit.clone());
    line("channels", counted(details.channels, image.channel, &details.channel_names));
    line("time points", counted(details.times, image.time, &[]));
    line("series", details.series.map_or_else(String::new, |n| n.to_string()));
    if image.origin.iter().any(|&n| n != 0) {
        line("first voxel at", format!("{:?}", image.origin));
    }
    line("values", image.sample.as_ref().map_or_else(String::new, sampled));
    line("CRC-32", known.checksum.clone().unwrap_or_default());
    for note in &details.notes {
        line("note", note.clone());
    }
    text
}

/// How many choices there are, and which one is picked.
fn counted(count: Option<u64>, picked: Option<usize>, names: &[String]) -> String {
    let Some(count) = count else { return String::new() };
    let mut text = count.to_string();
    if !names.is_empty() {
        let _ = write!(text, ": {}", names.join(", "));
    }
    if let Some(picked) = picked {
        let _ = write!(text, " (number {picked}, counted from 0)");
    }
    text
}

/// What the sample has shown, and how large it is.
fn sampled(sample: &Sample) -> String {
    let (Some(min), Some(max), Some(mean)) = (sample.min, sample.max, sample.mean) else {
        return "none could be read".to_owned();
    };
    let of = match sample.whole {
        true => "all voxels".to_owned(),
        false if sample.parts == 1 => format!("{} voxels in one part", sample.voxels),
        false => format!("{} voxels in {} parts of up to {}", sample.voxels, sample.parts, times(&sample.part)),
    };
    format!("{min} to {max}, mean {mean:.4}, {:.2} % not zero ({of})", 100.0 * sample.nonzero)
}

/// The CRC-32 of all values in C order, read some planes at a time.
fn checksum(source: &dyn Source) -> Result<u32> {
    let description = source.description();
    let [depth, height, width] = description.shape;
    let plane = (height * width).saturating_mul(description.dtype.size()).max(1);
    let planes = description.chunk[0].min((AT_ONCE / plane).max(1));
    let mut sum = libdeflater::Crc::new();
    for z in (0..depth).step_by(planes) {
        let [min, max] = [[z, 0, 0], [(z + planes).min(depth), height, width]];
        let whole = |place: [usize; 3]| place.map(|n| i64::try_from(n).unwrap_or(i64::MAX));
        let region = Region::new(whole(min), whole(max));
        let voxels = match source.read(&region)? {
            Some(chunk) => chunk.voxels,
            None => Voxels::filled(description.dtype, region.shape(), description.fill),
        };
        sum.update(&voxels.to_le_bytes());
    }
    Ok(sum.sum())
}
