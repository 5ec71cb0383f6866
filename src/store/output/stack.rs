//! Stacks of planes for ImageJ: packed TIFF files with the calibration that it writes itself.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use tiff::encoder::{Rational, TiffEncoder, TiffKind};
use tiff::tags::{CompressionMethod, PhotometricInterpretation, ResolutionUnit, SampleFormat, Tag};
use tiff::{TiffError, TiffResult};

use crate::error::{Error, Result};
use crate::space::{Spacing, Voxel};
use crate::store::file::write_failed;
use crate::store::units::LengthUnit;

/// Bytes of values up to which offsets of 32 bits are enough: values that are mostly zeros are packed to a thirtieth.
const SMALL: u64 = 1 << 36;
/// Bytes of values in a strip, about.
const STRIP: usize = 1 << 20;

/// The description of a stack.
#[derive(Clone, Debug, PartialEq)]
pub struct StackForm {
    /// Shape along (z, y, x), in voxels.
    pub shape: [usize; 3],
    /// Number of the image's own axes: 2 or 3.
    pub dimensions: usize,
    /// Size of a voxel.
    pub spacing: Spacing,
    /// Unit of the spacing.
    pub unit: Option<String>,
    /// Type of the values.
    pub sample: StackSample,
}

/// The types of values that ImageJ has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StackSample {
    /// Whole numbers of 8 bits.
    U8,
    /// Whole numbers of 16 bits.
    U16,
    /// Numbers of 32 bits; whole ones up to 2^24.
    F32,
}

impl StackSample {
    /// Bytes of a value.
    const fn bytes(self) -> usize {
        match self {
            StackSample::U8 => 1,
            StackSample::U16 => 2,
            StackSample::F32 => 4,
        }
    }

    const fn format(self) -> SampleFormat {
        match self {
            StackSample::U8 | StackSample::U16 => SampleFormat::Uint,
            StackSample::F32 => SampleFormat::IEEEFP,
        }
    }
}

/// Writes a stack with a page for each plane, packed by PackBits, which every reader knows: the values at voxels, in raster
/// order, and 0 elsewhere. Of a value, as many of its lowest bits count as the type has. Takes time in proportion to the
/// values and to the rows of the stack, whatever their length; holds a packed plane.
///
/// # Errors
/// `Io` or `Output` if the file cannot be written.
///
/// # Panics
/// If a voxel lies outside of the stack.
pub fn write_stack(path: &Path, form: &StackForm, values: impl Iterator<Item = (Voxel, u32)>) -> Result<()> {
    let voxels: u64 = form.shape.iter().map(|&n| n as u64).product();
    let written = File::create(path).map_err(TiffError::from).and_then(|file| {
        let file = BufWriter::new(file);
        match voxels * form.sample.bytes() as u64 {
            0..SMALL => pages(form, TiffEncoder::new(file)?, values),
            _ => pages(form, TiffEncoder::new_big(file)?, values),
        }
    });
    written.map_err(|error| match error {
        TiffError::IoError(error) => write_failed(&error).at(path),
        other => Error::internal("cannot be encoded as TIFF").because(other).at(path),
    })
}

fn pages<K: TiffKind>(
    form: &StackForm,
    mut encoder: TiffEncoder<BufWriter<File>, K>,
    values: impl Iterator<Item = (Voxel, u32)>,
) -> TiffResult<()> {
    let [depth, height, width] = form.shape;
    let strip = (STRIP / (width * form.sample.bytes()).max(1)).clamp(1, height);
    let mut rows = Rows::new(width, form.sample);
    let (mut values, mut packed) = (values.peekable(), Vec::new());
    for z in 0..depth {
        let mut page = encoder.image_directory()?;
        let (mut offsets, mut lengths) = (Vec::new(), Vec::new());
        for first in (0..height).step_by(strip) {
            packed.clear();
            for y in first..height.min(first + strip) {
                let row = [z as i64, y as i64];
                let inside = std::iter::from_fn(|| values.next_if(|(voxel, _)| voxel.position()[..2] == row));
                rows.pack(inside.map(|(voxel, value)| (voxel.position()[2] as usize, value)), &mut packed);
            }
            offsets.push(K::convert_offset(page.write_data(&packed[..])?)?);
            lengths.push(K::convert_offset(packed.len() as u64)?);
        }
        page.write_tag(Tag::ImageWidth, u32::try_from(width)?)?;
        page.write_tag(Tag::ImageLength, u32::try_from(height)?)?;
        page.write_tag(Tag::BitsPerSample, 8 * form.sample.bytes() as u16)?;
        page.write_tag(Tag::Compression, CompressionMethod::PackBits.to_u16())?;
        page.write_tag(Tag::PhotometricInterpretation, PhotometricInterpretation::BlackIsZero.to_u16())?;
        if z == 0 {
            page.write_tag(Tag::ImageDescription, &*description(form))?;
        }
        page.write_tag(Tag::StripOffsets, K::convert_slice(&offsets))?;
        page.write_tag(Tag::SamplesPerPixel, 1u16)?;
        page.write_tag(Tag::RowsPerStrip, u32::try_from(strip)?)?;
        page.write_tag(Tag::StripByteCounts, K::convert_slice(&lengths))?;
        page.write_tag(Tag::XResolution, resolution(form.spacing.0[2]))?;
        page.write_tag(Tag::YResolution, resolution(form.spacing.0[1]))?;
        page.write_tag(Tag::ResolutionUnit, ResolutionUnit::None)?;
        page.write_tag(Tag::SampleFormat, form.sample.format().to_u16())?;
        page.finish()?;
    }
    assert!(values.next().is_none(), "voxels lie in the stack, in raster order");
    Ok(())
}

/// Packs rows that are mostly zeros.
struct Rows {
    sample: StackSample,
    /// A row of zeros.
    row: Vec<u8>,
    /// The same, packed.
    empty: Vec<u8>,
}

impl Rows {
    fn new(width: usize, sample: StackSample) -> Self {
        let row = vec![0; width * sample.bytes()];
        let mut empty = Vec::new();
        pack_bits(&row, &mut empty);
        Rows { sample, row, empty }
    }

    /// Appends a row, packed, with values at some places.
    fn pack(&mut self, values: impl Iterator<Item = (usize, u32)>, packed: &mut Vec<u8>) {
        let bytes = self.sample.bytes();
        let mut is_empty = true;
        for (x, value) in values {
            is_empty = false;
            let place = &mut self.row[x * bytes..(x + 1) * bytes];
            match self.sample {
                StackSample::U8 => place.copy_from_slice(&[value as u8]),
                StackSample::U16 => place.copy_from_slice(&(value as u16).to_ne_bytes()),
                StackSample::F32 => place.copy_from_slice(&(value as f32).to_ne_bytes()),
            }
        }
        if is_empty {
            return packed.extend_from_slice(&self.empty);
        }
        pack_bits(&self.row, packed);
        self.row.fill(0);
    }
}

/// Appends bytes as PackBits has them (TIFF 6.0, section 9): of three and more equal bytes their number and the byte, of
/// others their number and themselves, at most 128 at a time.
fn pack_bits(bytes: &[u8], packed: &mut Vec<u8>) {
    let equal = |at: usize| {
        let rest = &bytes[at..bytes.len().min(at + 128)];
        rest.iter().take_while(|byte| **byte == rest[0]).count()
    };
    let mut at = 0;
    while at < bytes.len() {
        let run = equal(at);
        if run > 2 {
            packed.extend([(257 - run) as u8, bytes[at]]);
            at += run;
            continue;
        }
        let first = at;
        while at < bytes.len() && at - first < 128 && equal(at) <= 2 {
            at += 1;
        }
        packed.push((at - first - 1) as u8);
        packed.extend_from_slice(&bytes[first..at]);
    }
}

/// Voxels in a unit of length, as a ratio whose larger part has as many digits as there is room for.
fn resolution(size: f64) -> Rational {
    let most = f64::from(u32::MAX);
    let scale = 10f64.powf((most / size.max(1.0)).log10().floor());
    let part = |number: f64| number.round().clamp(1.0, most) as u32;
    Rational { n: part(scale), d: part(scale * size) }
}

/// What ImageJ writes about a stack. The distance of planes is in it, that of pixels in the tags.
fn description(form: &StackForm) -> String {
    let depth = form.shape[0];
    let mut lines = vec!["ImageJ=1.54f".to_owned(), format!("images={depth}")];
    if depth > 1 {
        lines.push(format!("slices={depth}"));
    }
    let unit = form.unit.as_deref().map(|unit| match LengthUnit::of(unit) {
        // ImageJ's own word, which is of plain letters.
        Some(known) if known.name == "micrometer" => "um",
        Some(known) => known.symbol,
        None => unit,
    });
    lines.extend(unit.map(|unit| format!("unit={}", escaped(unit))));
    if form.dimensions == 3 {
        lines.push(format!("spacing={}", form.spacing.0[0]));
    }
    lines.push("loop=false".to_owned());
    lines.join("\n") + "\n"
}

/// A text in ASCII, which is all that a tag of text holds: other characters, and backslashes, as ImageJ writes and reads them.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut units = [0; 2];
    for c in text.chars() {
        match c {
            ' '..='~' if c != '\\' => escaped.push(c),
            _ => c.encode_utf16(&mut units).iter().for_each(|unit| escaped += &format!("\\u{unit:04X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::{OpenOptions, open};

    fn unpacked(packed: &[u8]) -> Vec<u8> {
        let (mut bytes, mut at) = (Vec::new(), 0);
        while at < packed.len() {
            let count = packed[at] as i8;
            if count < 0 {
                bytes.extend(std::iter::repeat_n(packed[at + 1], (1 - isize::from(count)) as usize));
                at += 2;
            } else {
                bytes.extend_from_slice(&packed[at + 1..at + 2 + count as usize]);
                at += 2 + count as usize;
            }
        }
        bytes
    }

    proptest! {
        #[test]
        fn packed_bytes_unpack_to_themselves(runs in prop::collection::vec((0u8..3, 1usize..300), 0..20)) {
            let bytes: Vec<u8> = runs.iter().flat_map(|&(byte, count)| std::iter::repeat_n(byte, count % 5 * 60 + count % 4)).collect();
            let mut packed = Vec::new();
            pack_bits(&bytes, &mut packed);
            prop_assert_eq!(unpacked(&packed), bytes);
        }
    }

    #[test]
    fn every_unit_is_written_in_ascii_and_every_known_one_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stack.tif");
        let known = LengthUnit::all().iter().map(|unit| unit.name);
        for unit in known.chain(["parsec", "Å²", "Ⱥ\\n\n", "𝔪"]) {
            let spacing = Spacing([2.0, 0.5, 0.25]);
            let unit = Some(unit.to_owned());
            let form = StackForm { shape: [3, 4, 5], dimensions: 3, spacing, unit, sample: StackSample::U8 };
            let written = description(&form);
            assert!(written.is_ascii() && written.lines().count() == 6, "{written}");
            write_stack(&path, &form, [(Voxel::new([1, 2, 3]), 255)].into_iter()).unwrap();
            let read = open(&path, &OpenOptions::default()).unwrap();
            let found = read.description();
            if form.unit.as_deref().and_then(LengthUnit::of).is_some() {
                assert_eq!(found.unit, form.unit);
                assert!(found.spacing.0.iter().zip(spacing.0).all(|(a, b)| (a - b).abs() < 1e-9), "{found:?}");
            }
        }
        assert_eq!(escaped("Å"), "\\u00C5");
    }

    #[test]
    fn resolutions_are_exact_to_nine_digits_or_as_near_as_ratios_go() {
        for size in [0.25, 0.684, 2.0, 0.1 + 0.2, 162.5, 1e-6, 1e6] {
            let Rational { n, d } = resolution(size);
            assert!((f64::from(d) / f64::from(n) / size - 1.0).abs() < 1e-3, "{size}: {n}/{d}");
        }
        let Rational { n, d } = resolution(0.684);
        assert!((f64::from(d) / f64::from(n) - 0.684).abs() < 1e-9);
    }
}
