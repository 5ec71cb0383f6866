//! Stacks of planes for ImageJ: packed TIFF files with the calibration that it writes itself.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use tiff::encoder::colortype::{ColorType, Gray8, Gray16, Gray32Float};
use tiff::encoder::{Compression, Rational, TiffEncoder, TiffKind, TiffValue};
use tiff::tags::{ResolutionUnit, Tag};
use tiff::{TiffError, TiffResult};

use crate::error::{Error, Result};
use crate::space::{Spacing, Voxel};
use crate::store::file::write_failed;
use crate::store::units::LengthUnit;

/// Bytes of values up to which offsets of 32 bits are enough: values that are mostly zeros are packed to a thirtieth.
const SMALL: u64 = 1 << 36;

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

/// Writes a stack with a page for each plane, packed by PackBits, which every reader knows: the values at voxels, in raster
/// order, and 0 elsewhere. Of a value, as many of its lowest bits count as the type has. Holds one plane.
///
/// # Errors
/// `Io` or `Output` if the file cannot be written.
///
/// # Panics
/// If a voxel lies outside of the stack.
pub fn write_stack(path: &Path, form: &StackForm, values: impl Iterator<Item = (Voxel, u32)>) -> Result<()> {
    match form.sample {
        StackSample::U8 => stack::<Gray8>(path, form, values.map(|(voxel, value)| (voxel, value as u8))),
        StackSample::U16 => stack::<Gray16>(path, form, values.map(|(voxel, value)| (voxel, value as u16))),
        StackSample::F32 => stack::<Gray32Float>(path, form, values.map(|(voxel, value)| (voxel, value as f32))),
    }
}

fn stack<C: ColorType>(path: &Path, form: &StackForm, values: impl Iterator<Item = (Voxel, C::Inner)>) -> Result<()>
where
    C::Inner: Clone + Default,
    [C::Inner]: TiffValue,
{
    let voxels: u64 = form.shape.iter().map(|&n| n as u64).product();
    let written = File::create(path).map_err(TiffError::from).and_then(|file| {
        let file = BufWriter::new(file);
        match voxels * size_of::<C::Inner>() as u64 {
            0..SMALL => pages::<C, _>(form, TiffEncoder::new(file)?, values),
            _ => pages::<C, _>(form, TiffEncoder::new_big(file)?, values),
        }
    });
    written.map_err(|error| match error {
        TiffError::IoError(error) => write_failed(&error).at(path),
        other => Error::internal("cannot be encoded as TIFF").because(other).at(path),
    })
}

fn pages<C: ColorType, K: TiffKind>(
    form: &StackForm,
    encoder: TiffEncoder<BufWriter<File>, K>,
    values: impl Iterator<Item = (Voxel, C::Inner)>,
) -> TiffResult<()>
where
    C::Inner: Clone + Default,
    [C::Inner]: TiffValue,
{
    let mut encoder = encoder.with_compression(Compression::Packbits);
    let [depth, height, width] = form.shape;
    let mut plane = vec![C::Inner::default(); height * width];
    let (mut values, mut filled) = (values.peekable(), Vec::new());
    for z in 0..depth {
        while let Some((voxel, value)) = values.next_if(|(voxel, _)| voxel.position()[0] == z as i64) {
            let [_, y, x] = voxel.position();
            let place = y as usize * width + x as usize;
            plane[place] = value;
            filled.push(place);
        }
        let mut page = encoder.new_image::<C>(u32::try_from(width)?, u32::try_from(height)?)?;
        page.resolution_unit(ResolutionUnit::None);
        page.x_resolution(resolution(form.spacing.0[2]));
        page.y_resolution(resolution(form.spacing.0[1]));
        if z == 0 {
            page.encoder().write_tag(Tag::ImageDescription, &*description(form))?;
        }
        page.write_data(&plane)?;
        filled.drain(..).for_each(|place| plane[place] = C::Inner::default());
    }
    Ok(())
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
    lines.extend(unit.map(|unit| format!("unit={unit}")));
    if form.dimensions == 3 {
        lines.push(format!("spacing={}", form.spacing.0[0]));
    }
    lines.push("loop=false".to_owned());
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

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
