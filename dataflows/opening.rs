//! The options for an image, as the library takes them.

use std::collections::BTreeSet;
use std::path::Path;

use anabranch::error::{Error, Result};
use anabranch::kernel::mosaic::resample::{Blend, Interpolation};
use anabranch::store::units::{LengthUnit, unit_name};
use anabranch::store::{MissingTiles, MosaicOptions, OpenOptions, is_table};

use crate::arguments::{ImageOptions, TileOptions};
use crate::parsing::{parse_lengths, parse_ranges, parse_region, parse_seconds};

/// Which part of a stored image to open, and how to put tiles together.
pub(crate) fn open_options(options: &ImageOptions) -> Result<OpenOptions> {
    let (spacing, unit) = options.spacing.as_deref().map(parse_spacing).transpose()?.unzip();
    let named = unit.flatten();
    if let (Some(named), Some(unit)) = (&named, &options.unit)
        && unit_name(named) != unit_name(unit)
    {
        let message = format!("--spacing is in {named}, but --unit is {unit}; give the unit once");
        return Err(Error::usage(message));
    }
    let unit = named.or_else(|| options.unit.clone());
    if let Some(text) = options.unit.as_deref()
        && LengthUnit::of(text).is_none()
    {
        return Err(Error::usage(format!(
            "--unit {text} is no unit of length that is known: give one such as µm, nm or mm"
        )));
    }
    let mut wanted = OpenOptions::default();
    wanted.spacing = spacing;
    wanted.unit = unit;
    wanted.axes = options.axes.as_deref().map(parse_axis_names).transpose()?;
    wanted.channel = options.channel;
    wanted.time = options.time;
    wanted.region = options.region.as_deref().map(parse_region).transpose()?;
    wanted.patience = Some(parse_seconds("--server-timeout", options.server_timeout)?);
    wanted.mosaic = mosaic_options(&options.tiles, &options.input)?;
    Ok(wanted)
}

/// The channels that a table of tiles names, in ascending order; none for any other input.
pub(crate) fn channels(input: &Path) -> Result<BTreeSet<usize>> {
    #[cfg(feature = "mosaic")]
    if is_table(input) {
        return Ok(anabranch::store::mosaic::TileTable::read(input)?.channels());
    }
    let _ = input;
    Ok(BTreeSet::new())
}

fn mosaic_options(options: &TileOptions, input: &Path) -> Result<MosaicOptions> {
    let TileOptions { order, blend, flip, crop, canvas, background, flat_field, gains, refit: _, awaited } = options;
    let given = [
        ("--order", order.is_some()),
        ("--blend", blend.is_some()),
        ("--flip", flip.is_some()),
        ("--crop", crop.is_some()),
        ("--canvas", canvas.is_some()),
        ("--background", background.is_some()),
        ("--flat-field", flat_field.is_some()),
        ("--gains", gains.is_some()),
    ];
    if let Some((name, _)) = given.iter().find(|(_, given)| *given)
        && !is_table(input)
    {
        return Err(Error::usage(format!("{name} applies to tables of tiles (.csv) only; leave it out")).at(input));
    }
    let mut mosaic = MosaicOptions::default();
    mosaic.order = order.as_deref().map_or(Ok(Interpolation::default()), parse_order)?;
    mosaic.blend = blend.as_deref().map_or(Ok(Blend::default()), parse_blend)?;
    mosaic.flip = flip.as_deref().map_or(Ok([false; 3]), |text| parse_axes("--flip", text))?;
    mosaic.crop = crop.as_deref().map_or(Ok([0; 3]), parse_crop)?;
    mosaic.canvas = canvas.as_deref().map(parse_canvas).transpose()?;
    mosaic.background.clone_from(background);
    mosaic.flat_field.clone_from(flat_field);
    mosaic.gains.clone_from(gains);
    mosaic.missing = if *awaited { MissingTiles::Await } else { MissingTiles::Refuse };
    Ok(mosaic)
}

/// The size of a voxel, and its unit where the text has one: `2,0.5,0.5um`, `2um,500nm,500nm`, `0.5`.
fn parse_spacing(text: &str) -> Result<(Vec<f64>, Option<String>)> {
    let (values, unit) = parse_lengths("--spacing", text, |number| number > 0.0, "positive number")?;
    Ok((values, unit.map(|unit| unit.name.to_owned())))
}

/// Names of axes, slowest first: `t,c,z,y,x`, or `zyx`.
fn parse_axis_names(text: &str) -> Result<Vec<char>> {
    let names: Vec<char> =
        text.chars().filter(|c| *c != ',' && !c.is_whitespace()).map(|c| c.to_ascii_lowercase()).collect();
    let known = names.iter().all(|name| "tczyx".contains(*name));
    let once = names.iter().all(|name| names.iter().filter(|other| *other == name).count() == 1);
    if !(known && once && names.contains(&'y') && names.contains(&'x')) {
        let message = format!(
            "--axes {text} does not fit: name each axis of the stored array once, slowest first, as in t,c,z,y,x or z,y,x"
        );
        return Err(Error::usage(message));
    }
    Ok(names)
}

fn parse_order(text: &str) -> Result<Interpolation> {
    match text {
        "0" => Ok(Interpolation::Nearest),
        "1" => Ok(Interpolation::Linear),
        "3" => Ok(Interpolation::Cubic),
        _ => Err(Error::usage(format!("--order {text} does not fit: give 0 (nearest), 1 (linear) or 3 (cubic)"))),
    }
}

fn parse_blend(text: &str) -> Result<Blend> {
    match text {
        "max" => Ok(Blend::Max),
        "mean" => Ok(Blend::Mean),
        "first" => Ok(Blend::First),
        "feather" => Ok(Blend::Feather),
        _ => Err(Error::usage(format!("--blend {text} does not fit: give max, mean, first or feather"))),
    }
}

/// Axes by their names, each once.
pub(crate) fn parse_axes(option: &str, text: &str) -> Result<[bool; 3]> {
    let mut axes = [false; 3];
    for name in text.split(',') {
        match ["z", "y", "x"].iter().position(|axis| axis.eq_ignore_ascii_case(name.trim())) {
            Some(axis) if !axes[axis] => axes[axis] = true,
            _ => {
                let message = format!("{option} {text} does not fit: give axes as in y,x");
                return Err(Error::usage(message));
            }
        }
    }
    Ok(axes)
}

/// Pixels along (z, y, x). One number is for y and x: stacks have few planes.
fn parse_crop(text: &str) -> Result<[usize; 3]> {
    let numbers: Option<Vec<usize>> = text.split(',').map(|n| n.trim().parse().ok()).collect();
    match numbers.as_deref() {
        Some([n]) => Ok([0, *n, *n]),
        Some([y, x]) => Ok([0, *y, *x]),
        Some([z, y, x]) => Ok([*z, *y, *x]),
        _ => {
            let message =
                format!("--crop {text} does not fit: give a number of pixels for y and x, or one for each axis");
            Err(Error::usage(message))
        }
    }
}

fn parse_canvas(text: &str) -> Result<Vec<std::ops::Range<i64>>> {
    parse_ranges(text).ok_or_else(|| {
        Error::usage(format!("--canvas {text} does not fit: give z0:z1,y0:y1,x0:x1, with no range empty"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(tiles: TileOptions) -> Result<MosaicOptions> {
        mosaic_options(&tiles, Path::new("tiles.csv"))
    }

    #[test]
    fn options_of_tiles_are_read() {
        let some = |text: &str| Some(text.to_owned());
        let found = options(TileOptions {
            order: some("3"),
            blend: some("feather"),
            flip: some("x,Y"),
            crop: some("4"),
            canvas: some("0:4000,-20:5000"),
            background: Some("dark.tif".into()),
            flat_field: Some("flat.tif".into()),
            gains: Some("gains.csv".into()),
            refit: true,
            awaited: true,
        });
        let mut expected = MosaicOptions::default();
        (expected.order, expected.blend) = (Interpolation::Cubic, Blend::Feather);
        (expected.flip, expected.crop) = ([false, true, true], [0, 4, 4]);
        expected.canvas = Some(vec![0..4000, -20..5000]);
        expected.background = Some("dark.tif".into());
        expected.flat_field = Some("flat.tif".into());
        expected.gains = Some("gains.csv".into());
        expected.missing = MissingTiles::Await;
        assert_eq!(found.unwrap(), expected);
        assert_eq!(options(TileOptions::default()).unwrap(), MosaicOptions::default());
        assert_eq!(parse_crop("1, 2,3").unwrap(), [1, 2, 3]);
    }

    #[test]
    fn a_spacing_has_one_unit_however_it_is_written() {
        let micrometers = |values: &[f64]| (values.to_vec(), Some("micrometer".to_owned()));
        assert_eq!(parse_spacing("2,0.5,0.5um").unwrap(), micrometers(&[2.0, 0.5, 0.5]));
        assert_eq!(parse_spacing("2 µm").unwrap(), micrometers(&[2.0]));
        assert_eq!(parse_spacing("2000nm, 5e-1um,0.5 micron").unwrap(), micrometers(&[2.0, 0.5, 0.5]));
        assert_eq!(parse_spacing("1e3,2").unwrap(), (vec![1000.0, 2.0], None));
        assert!(
            ["", "0", "-1", "1,,2", "nan", "inf", "1um,2", "1 parsec", "um"].iter().all(|t| parse_spacing(t).is_err())
        );
        assert_eq!(parse_axis_names("t, c,Z,y,x").unwrap(), ['t', 'c', 'z', 'y', 'x']);
        assert!(["", "z", "y,y,x", "z,y,x,w"].iter().all(|text| parse_axis_names(text).is_err()));
    }

    #[test]
    fn options_that_make_no_sense_are_refused() {
        assert!(parse_order("2").is_err() && parse_order("linear").is_err() && parse_blend("min").is_err());
        assert!(["", "x,x", "c", "x;y"].iter().all(|text| parse_axes("--flip", text).is_err()));
        assert!(["", "-1", "1,2,3,4", "0.5"].iter().all(|text| parse_crop(text).is_err()));
        assert!(["", "0:0,0:1", "5:1", "0-9,0-9"].iter().all(|text| parse_canvas(text).is_err()));
        let order = TileOptions { order: Some("1".to_owned()), ..TileOptions::default() };
        let error = mosaic_options(&order, Path::new("image.zarr")).unwrap_err().to_string();
        assert_eq!(error, "image.zarr: --order applies to tables of tiles (.csv) only; leave it out");
    }
}
