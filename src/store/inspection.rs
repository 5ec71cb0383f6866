//! A summary of an image for people and programs: how the program reads it, and whether a run would refuse it.

mod sample;

use std::path::Path;

use serde::Serialize;

pub use self::sample::Sample;
use crate::error::{Error, Kind};
use crate::store::units::{length_name, symbol};
use crate::store::{Details, OpenOptions, Source, is_address, open, shown_path};

/// A summary of an image before it is analysed. Fields are the keys of `anabranch info --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Inspection {
    /// The path as given, or the address without possible secrets.
    pub path: String,
    /// The refusal of the image by a run with the same options; `None` if it would be accepted.
    pub refused: Option<Refusal>,
    /// The choice that is left open: the message with which a run ends until the user makes it. The other fields then
    /// describe the image with the first of each.
    pub choice: Option<String>,
    /// The image; `None` if it could not be opened.
    #[serde(flatten)]
    pub image: Option<Image>,
}

/// The error with which a run would end.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Refusal {
    /// The kind of the error.
    pub kind: Kind,
    /// The exit code of the program.
    pub exit_code: u8,
    /// The message.
    pub message: String,
}

/// An image that could be opened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Image {
    /// How the image is stored.
    #[serde(flatten)]
    pub details: Details,
    /// Shape along the image's own axes, (z, y, x) or (y, x), in voxels.
    pub shape: Vec<usize>,
    /// Type of the values as they are stored.
    pub stored_dtype: &'static str,
    /// Type of the values as they are read, which can represent all stored ones.
    pub dtype: &'static str,
    /// Size of a voxel along the image's own axes.
    pub spacing: Vec<f64>,
    /// Unit of the spacing, if known.
    pub unit: Option<String>,
    /// Unit of lengths: `µm`, `voxels`, `units of --spacing`.
    pub length_unit: String,
    /// The channel that was picked.
    pub channel: Option<usize>,
    /// The time point that was picked.
    pub time: Option<usize>,
    /// Position of the first voxel in the image that this one is a part of, along the image's own axes.
    pub origin: Vec<i64>,
    /// The value of voxels that have not been stored.
    pub fill: f64,
    /// Statistics of the values that were read.
    pub sample: Option<Sample>,
    /// Warnings for users, each a sentence without a full stop.
    pub warnings: Vec<String>,
}

/// Returns a summary of the image at a path, and whether a run would refuse it. Reads the metadata, and a few parts of
/// the values that are spread over the volume: all of an image of up to 32 MiB.
///
/// If the options leave a channel or a time point open, the first one is described. If they do not fit the image, such
/// as a region outside it, the image is described without them.
pub fn inspect(path: &Path, options: &OpenOptions) -> Inspection {
    let nothing = |error: &Error| Inspection {
        path: shown_path(path),
        refused: Some(Refusal::of(error)),
        choice: None,
        image: None,
    };
    let error = match open(path, options) {
        Ok(source) => {
            let mut image = Image::of(&*source, options);
            let refused = image.look(&*source).err();
            return Inspection {
                refused: refused.as_ref().map(Refusal::of),
                image: Some(image),
                ..nothing_wrong(path)
            };
        }
        Err(error) => error,
    };
    let on_a_server_that_fails = is_address(path) && error.kind() == Kind::Io;
    if error.kind() == Kind::Missing || on_a_server_that_fails {
        return nothing(&error);
    }
    for (other, is_a_choice) in relaxed(options) {
        let Ok(source) = open(path, &other) else { continue };
        let mut image = Image::of(&*source, &other);
        if !is_a_choice {
            // The refusal matters more than damage of the values.
            let _ = image.look(&*source);
            return Inspection { image: Some(image), ..nothing(&error) };
        }
        // Damaged values would be refused in any channel.
        let refused = image.look(&*source).err();
        let choice = Some(error.to_string());
        return Inspection {
            refused: refused.as_ref().map(Refusal::of),
            choice,
            image: Some(image),
            ..nothing_wrong(path)
        };
    }
    nothing(&error)
}

fn nothing_wrong(path: &Path) -> Inspection {
    Inspection { path: shown_path(path), refused: None, choice: None, image: None }
}

/// Options with which more images can be opened, and whether they differ only in choices that were left open.
fn relaxed(options: &OpenOptions) -> Vec<(OpenOptions, bool)> {
    let first = |picked: Option<usize>| picked.or(Some(0));
    let channel = OpenOptions { channel: first(options.channel), ..options.clone() };
    let time = OpenOptions { time: first(options.time), ..options.clone() };
    let both = OpenOptions { channel: channel.channel, ..time.clone() };
    let choices = [channel, time, both].into_iter().filter(|other| other != options);
    let plain = OpenOptions {
        channel: None,
        time: None,
        region: None,
        spacing: Some(vec![1.0]),
        unit: None,
        axes: None,
        ..options.clone()
    };
    let fewer = [
        OpenOptions { region: None, ..options.clone() },
        OpenOptions { axes: None, ..options.clone() },
        OpenOptions { spacing: None, unit: None, ..options.clone() },
        OpenOptions { spacing: Some(vec![1.0]), unit: None, ..options.clone() },
        OpenOptions { channel: None, time: None, ..options.clone() },
        plain.clone(),
        OpenOptions { channel: Some(0), ..plain.clone() },
        OpenOptions { time: Some(0), ..plain.clone() },
        OpenOptions { channel: Some(0), time: Some(0), ..plain },
    ];
    let fewer = fewer.into_iter().filter(|other| other != options);
    choices.map(|other| (other, true)).chain(fewer.map(|other| (other, false))).collect()
}

impl Refusal {
    /// The refusal with an error.
    pub fn of(error: &Error) -> Refusal {
        Refusal { kind: error.kind(), exit_code: error.kind().exit_code(), message: error.to_string() }
    }
}

impl Image {
    /// The description of a source, under the options that it was opened with. Reads no values.
    pub fn of(source: &dyn Source, options: &OpenOptions) -> Image {
        let description = source.description();
        let own = 3 - description.dimensions..3;
        let mut details = source.details();
        if details.spacing_from.is_empty() && options.spacing.is_some() {
            details.spacing_from = "--spacing".to_owned();
        }
        let length_unit = length_name(description.spacing, description.unit.as_deref(), &details.spacing_from);
        Image {
            shape: description.shape[own.clone()].to_vec(),
            stored_dtype: description.stored.name(),
            dtype: description.dtype.name(),
            spacing: description.spacing.0[own.clone()].to_vec(),
            unit: description.unit.clone(),
            length_unit,
            channel: options.channel,
            time: options.time,
            origin: source.origin()[own].to_vec(),
            fill: description.fill,
            sample: None,
            warnings: source.warnings(),
            details,
        }
    }

    /// Reads a sample of the values. It is kept even if some parts of the image cannot be read.
    fn look(&mut self, source: &dyn Source) -> crate::error::Result<()> {
        let (sample, result) = Sample::of(source);
        self.sample = Some(sample);
        result
    }

    /// The image in one line: `TIFF, ImageJ hyperstack, 12 x 26 x 30 uint16, 2 x 0.5 x 0.25 µm (from the ImageJ
    /// metadata), channel 1 of 2 (counted from 0)`.
    pub fn headline(&self) -> String {
        let mut parts = Vec::new();
        if !self.details.format.is_empty() {
            parts.push(self.details.format.clone());
        }
        parts.push(format!("{} {}", times(&self.shape), self.dtype_text()));
        parts.push(self.spacing_text());
        let picked = [
            ("channel", self.channel, self.details.channels, &self.details.channel_names[..]),
            ("time point", self.time, self.details.times, &[]),
        ];
        for (what, picked, count, names) in picked {
            let Some(count) = count.filter(|&count| count > 1) else { continue };
            parts.push(match picked {
                Some(picked) => {
                    let name = names.get(picked).map_or_else(String::new, |name| format!(" ({name})"));
                    format!("{what} {picked}{name} of {count} (counted from 0)")
                }
                None => format!("{count} {what}s"),
            });
        }
        parts.join(", ")
    }

    /// The type, as stored and as read: `uint16`, `int8 (read as int16)`.
    pub fn dtype_text(&self) -> String {
        if self.stored_dtype == self.dtype {
            return self.dtype.to_owned();
        }
        format!("{} (read as {})", self.stored_dtype, self.dtype)
    }

    /// The voxel size and its origin: `2 x 0.5 x 0.25 µm (from the ImageJ metadata)`.
    pub fn spacing_text(&self) -> String {
        let from = &self.details.spacing_from;
        if from.is_empty() && self.unit.is_none() && self.spacing.iter().all(|&s| s == 1.0) {
            return "no size of a voxel (lengths are in voxels)".to_owned();
        }
        let numbers: Vec<String> = self.spacing.iter().map(|&s| short(s)).collect();
        let unit = match &self.unit {
            Some(unit) => format!(" {}", symbol(unit)),
            None => ", no unit".to_owned(),
        };
        let from = if from.is_empty() { String::new() } else { format!(" (from {from})") };
        format!("{}{unit}{from}", numbers.join(" x "))
    }
}

/// Formats numbers as lengths along axes: `12 x 26 x 30`.
pub fn times<T: ToString>(numbers: &[T]) -> String {
    numbers.iter().map(T::to_string).collect::<Vec<_>>().join(" x ")
}

/// Formats a number with six digits, without trailing zeros.
fn short(number: f64) -> String {
    let rounded: f64 = format!("{number:.5e}").parse().unwrap_or(number);
    if rounded != 0.0 && !(1e-4..1e7).contains(&rounded.abs()) { format!("{rounded:e}") } else { rounded.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::Voxels;
    use crate::store::StoredType;
    use crate::store::memory::MemorySource;
    use crate::store::npy::write_npy;
    use ndarray::Array3;

    fn image() -> Image {
        let voxels = Voxels::I16(Array3::zeros((12, 26, 30)));
        Image::of(&MemorySource::of(voxels, 3), &OpenOptions::default())
    }

    #[test]
    fn a_headline_has_format_shape_type_spacing_and_what_was_picked() {
        let details = Details {
            format: "TIFF, ImageJ hyperstack".to_owned(),
            spacing_from: "the ImageJ metadata".to_owned(),
            channels: Some(2),
            channel_names: vec!["DAPI".to_owned(), "GFP".to_owned()],
            times: Some(1),
            ..Details::default()
        };
        let plain = image();
        assert_eq!(plain.headline(), "12 x 26 x 30 int16, no size of a voxel (lengths are in voxels)");
        let image = Image {
            details,
            stored_dtype: StoredType::I8.name(),
            spacing: vec![2.0, 0.5, 0.1 + 0.2],
            unit: Some("micrometer".to_owned()),
            channel: Some(1),
            ..plain
        };
        assert_eq!(
            image.headline(),
            "TIFF, ImageJ hyperstack, 12 x 26 x 30 int8 (read as int16), 2 x 0.5 x 0.3 µm (from the ImageJ metadata), \
             channel 1 (GFP) of 2 (counted from 0)"
        );
        let unpicked = Image { channel: None, unit: None, ..image };
        assert!(unpicked.headline().ends_with("0.3, no unit (from the ImageJ metadata), 2 channels"), "{unpicked:?}");
        assert_eq!([1.0, 0.000_01, 65.0 / 3.0].map(short), ["1", "1e-5", "21.6667"]);
    }

    #[test]
    fn what_is_refused_is_named_and_the_rest_is_described() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        let options = OpenOptions::default();
        let missing = inspect(&path, &options);
        assert_eq!(missing.refused.unwrap().exit_code, 66);
        write_npy(&path, &Voxels::U8(Array3::from_elem((2, 3, 4), 7)), 3).unwrap();
        let found = inspect(&path, &options);
        assert_eq!((&found.refused, &found.choice), (&None, &None));
        let image = found.image.unwrap();
        assert_eq!((&image.shape[..], image.dtype, image.length_unit.as_str()), (&[2, 3, 4][..], "uint8", "voxels"));
        let sample = image.sample.unwrap();
        assert_eq!((sample.min, sample.max, sample.voxels, sample.whole), (Some(7.0), Some(7.0), 24, true));
        let outside = OpenOptions { region: Some(vec![0..9, 0..3, 0..4]), ..options.clone() };
        let found = inspect(&path, &outside);
        let refused = found.refused.unwrap();
        assert!(refused.exit_code == 2 && refused.message.contains("--region"), "{refused:?}");
        assert_eq!(found.image.unwrap().shape, [2, 3, 4]);
        std::fs::write(&path, "no image").unwrap();
        let damaged = inspect(&path, &options);
        assert_eq!((damaged.refused.unwrap().exit_code, damaged.image), (65, None));
    }

    #[test]
    fn a_value_that_a_run_would_refuse_is_refused_and_the_others_are_described() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        let mut values = Array3::from_shape_fn((2, 3, 4), |(z, _, _)| z as f32);
        values[[1, 2, 3]] = f32::NAN;
        write_npy(&path, &Voxels::F32(values), 3).unwrap();
        let found = inspect(&path, &OpenOptions::default());
        let refused = found.refused.unwrap();
        assert!(refused.exit_code == 65 && refused.message.contains("(1, 2, 3) is NaN"), "{refused:?}");
        assert_eq!(found.image.unwrap().shape, [2, 3, 4]);
    }

    #[cfg(feature = "tiff")]
    #[test]
    fn a_choice_that_is_open_is_named_and_the_first_is_described() {
        let path = crate::store::fixtures::fixture("imagej_hyperstack.tif");
        let found = inspect(&path, &OpenOptions::default());
        assert_eq!(found.refused, None);
        assert!(found.choice.unwrap().ends_with("pick one with --channel 0 to 2"));
        let image = found.image.unwrap();
        assert_eq!((image.shape, image.channel), (vec![2, 12, 14], Some(0)));
        let picked = inspect(&path, &OpenOptions { channel: Some(2), ..OpenOptions::default() });
        assert_eq!((picked.choice, picked.image.unwrap().channel), (None, Some(2)));
        let wrong = inspect(&path, &OpenOptions { channel: Some(9), ..OpenOptions::default() });
        assert_eq!((wrong.refused.unwrap().exit_code, wrong.image.unwrap().shape), (2, vec![2, 12, 14]));
    }
}
