//! `skeleton.tif` and `branch_labels.tif`: stacks for Fiji, with the calibration that ImageJ writes itself.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use tiff::encoder::colortype::{ColorType, Gray8, Gray16, Gray32Float};
use tiff::encoder::{Compression, Rational, TiffEncoder, TiffKind, TiffValue};
use tiff::tags::{ResolutionUnit, Tag};
use tiff::{TiffError, TiffResult};

use super::Network;
use crate::error::{Error, Result};
use crate::store::file::write_failed;
use crate::store::units::LengthUnit;

/// Most branches that a stack of floats tells apart.
const MOST: usize = 1 << 24;

/// Bytes of values up to which offsets of 32 bits are enough: values that are mostly zeros are packed to a thirtieth.
const SMALL: u64 = 1 << 36;

/// Writes two stacks with a page for each plane, packed by PackBits, which every reader knows: `skeleton.tif` of u8, 255 on
/// the skeleton, and `branch_labels.tif` with the `branch_id` plus one, of u16, or of f32 where there are more than 65,535
/// branches (ImageJ has no larger whole numbers). A plane at a time is in memory.
pub(super) fn write(network: &Network, folder: &Path, _: usize) -> Result<Vec<String>> {
    let branches = network.branches_of_voxels();
    stack::<Gray8>(network, &folder.join("skeleton.tif"), |_| 255)?;
    let labels = folder.join("branch_labels.tif");
    match network.paths.len() {
        0..0x1_0000 => stack::<Gray16>(network, &labels, |voxel| branches[voxel] as u16)?,
        0x1_0000..MOST => stack::<Gray32Float>(network, &labels, |voxel| branches[voxel] as f32)?,
        more => {
            let message = format!("has {more} branches, more than a stack can number; use the format branch-labels");
            return Err(Error::usage(message).at(folder));
        }
    }
    Ok(Vec::new())
}

/// Writes a stack whose values at the skeleton's voxels are given, and 0 elsewhere.
fn stack<C: ColorType>(network: &Network, path: &Path, value: impl Fn(usize) -> C::Inner) -> Result<()>
where
    C::Inner: Clone + Default,
    [C::Inner]: TiffValue,
{
    let voxels: u64 = network.shape.iter().map(|&n| n as u64).product();
    let written = File::create(path).map_err(TiffError::from).and_then(|file| {
        let file = BufWriter::new(file);
        match voxels * size_of::<C::Inner>() as u64 {
            0..SMALL => pages::<C, _>(network, TiffEncoder::new(file)?, value),
            _ => pages::<C, _>(network, TiffEncoder::new_big(file)?, value),
        }
    });
    written.map_err(|error| match error {
        TiffError::IoError(error) => write_failed(&error).at(path),
        other => Error::internal("cannot be encoded as TIFF").because(other).at(path),
    })
}

fn pages<C: ColorType, K: TiffKind>(
    network: &Network,
    encoder: TiffEncoder<BufWriter<File>, K>,
    value: impl Fn(usize) -> C::Inner,
) -> TiffResult<()>
where
    C::Inner: Clone + Default,
    [C::Inner]: TiffValue,
{
    let mut encoder = encoder.with_compression(Compression::Packbits);
    let [depth, height, width] = network.shape;
    let mut plane = vec![C::Inner::default(); height * width];
    let mut next = 0;
    for z in 0..depth {
        let first = next;
        let places = || network.voxels[first..].iter().map(|voxel| voxel.position());
        for [_, y, x] in places().take_while(|position| position[0] == z as i64) {
            plane[y as usize * width + x as usize] = value(next);
            next += 1;
        }
        let mut page = encoder.new_image::<C>(u32::try_from(width)?, u32::try_from(height)?)?;
        page.resolution_unit(ResolutionUnit::None);
        page.x_resolution(resolution(network.spacing.0[2]));
        page.y_resolution(resolution(network.spacing.0[1]));
        if z == 0 {
            page.encoder().write_tag(Tag::ImageDescription, &*description(network))?;
        }
        page.write_data(&plane)?;
        for voxel in &network.voxels[first..next] {
            let [_, y, x] = voxel.position();
            plane[y as usize * width + x as usize] = C::Inner::default();
        }
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
fn description(network: &Network) -> String {
    let depth = network.shape[0];
    let mut lines = vec!["ImageJ=1.54f".to_owned(), format!("images={depth}")];
    if depth > 1 {
        lines.push(format!("slices={depth}"));
    }
    let unit = network.unit.as_deref().map(|unit| match LengthUnit::of(unit) {
        // ImageJ's own word, which is of plain letters.
        Some(known) if known.name == "micrometer" => "um",
        Some(known) => known.symbol,
        None => unit,
    });
    lines.extend(unit.map(|unit| format!("unit={unit}")));
    if network.dimensions == 3 {
        lines.push(format!("spacing={}", network.spacing.0[0]));
    }
    lines.push("loop=false".to_owned());
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::Voxels;
    use crate::export::fixtures::ring_and_rod;
    use crate::space::Region;
    use crate::store::{OpenOptions, open};

    #[test]
    fn stacks_hold_the_voxels_and_the_calibration() {
        let (network, folder) = (ring_and_rod(), tempfile::tempdir().unwrap());
        write(&network, folder.path(), 1).unwrap();
        let read = |name: &str| {
            let source = open(&folder.path().join(name), &OpenOptions::default()).unwrap();
            let description = source.description();
            assert_eq!((description.shape, description.unit.as_deref()), (network.shape, Some("micrometer")));
            for (found, expected) in description.spacing.0.iter().zip(network.spacing.0) {
                assert!((found - expected).abs() < 1e-9 * expected, "{found}");
            }
            source.read(&Region::of_shape(network.shape)).unwrap().unwrap().voxels
        };
        let (Voxels::U8(skeleton), Voxels::U16(labels)) = (read("skeleton.tif"), read("branch_labels.tif")) else {
            panic!("bytes, and whole numbers of 16 bits")
        };
        let branches = network.branches_of_voxels();
        assert_eq!(skeleton.iter().filter(|&&value| value == 255).count(), network.voxels.len());
        assert_eq!(skeleton.iter().filter(|&&value| value == 0).count(), skeleton.len() - network.voxels.len());
        for (voxel, branch) in network.voxels.iter().zip(branches) {
            let place = voxel.position().map(|p| p as usize);
            assert_eq!((skeleton[place], u32::from(labels[place])), (255, branch));
        }
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
