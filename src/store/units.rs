//! Units of length, and the voxel size in a file's metadata.
//!
//! Inside the program each unit has one name, that of OME-Zarr: `micrometer`. Files have many spellings; those of one
//! unit are equal, and metric units and the inch are converted into each other.

use crate::error::{Error, Result};
use crate::space::Spacing;
use crate::store::OpenOptions;
use crate::store::options::given_spacing;

/// A unit of length.
#[derive(Debug, PartialEq)]
pub struct LengthUnit {
    /// The name in OME-Zarr, which is also the one in outputs.
    pub name: &'static str,
    /// The usual symbol: `µm`.
    pub symbol: &'static str,
    /// Its length in picometers.
    pub picometers: f64,
    /// Other spellings, in lower case.
    spellings: &'static [&'static str],
}

/// The known units, by length.
static UNITS: [LengthUnit; 13] = [
    unit("picometer", "pm", 1.0, &["picometers", "picometre", "picometres"]),
    unit("angstrom", "Å", 1e2, &["\u{212b}", "angstroms", "ångström", "ångstrom", "\\u00c5"]),
    unit("nanometer", "nm", 1e3, &["nanometers", "nanometre", "nanometres", "nanos"]),
    unit(
        "micrometer",
        "µm",
        1e6,
        &[
            "um",
            "μm",
            "µ",
            "μ",
            "u",
            "micron",
            "microns",
            "micrometers",
            "micrometre",
            "micrometres",
            "\\u00b5m",
            "\\u00b5",
            "\\u03bcm",
            "&#181;m",
            "&#xb5;m",
            "&micro;m",
            "mu",
            "mum",
            "µms",
            "ums",
            "\u{f06d}m",
        ],
    ),
    unit("millimeter", "mm", 1e9, &["millimeters", "millimetre", "millimetres"]),
    unit("centimeter", "cm", 1e10, &["centimeters", "centimetre", "centimetres"]),
    unit("decimeter", "dm", 1e11, &["decimeters", "decimetre", "decimetres"]),
    unit("meter", "m", 1e12, &["meters", "metre", "metres"]),
    unit("kilometer", "km", 1e15, &["kilometers", "kilometre", "kilometres"]),
    unit("inch", "in", 2.54e10, &["inches", "\"", "in."]),
    unit("foot", "ft", 3.048e11, &["feet"]),
    unit("yard", "yd", 9.144e11, &["yards"]),
    unit("mil", "mil", 2.54e7, &["mils", "thou", "li"]),
];

const fn unit(
    name: &'static str,
    symbol: &'static str,
    picometers: f64,
    spellings: &'static [&'static str],
) -> LengthUnit {
    LengthUnit { name, symbol, picometers, spellings }
}

impl LengthUnit {
    /// The known units, by length.
    #[cfg(all(test, feature = "tiff"))]
    pub(crate) fn all() -> &'static [LengthUnit] {
        &UNITS
    }

    /// The unit of a text in any spelling: `µm`, `um`, `micron`, `\u00b5m`, `Micrometer`. `None` if the text is not a
    /// known unit of length.
    pub fn of(text: &str) -> Option<&'static LengthUnit> {
        let text = trimmed(text);
        // The case of symbols matters: Mm is not a millimeter, and PM not a picometer.
        if let Some(unit) = UNITS.iter().find(|unit| unit.symbol == text) {
            return Some(unit);
        }
        let lower = text.to_lowercase();
        let same = |unit: &&LengthUnit| unit.name == lower || unit.spellings.contains(&&*lower);
        UNITS.iter().find(same)
    }
}

/// The name of a unit in outputs: the standard name of a length, and any other unit as written; `None` if the text is
/// empty, or means that lengths are in pixels.
pub fn unit_name(text: &str) -> Option<String> {
    match LengthUnit::of(text) {
        Some(unit) => Some(unit.name.to_owned()),
        None if is_pixels(text) => None,
        None => Some(trimmed(text).to_owned()),
    }
}

/// The symbol of a unit behind a number: `µm` for `micrometer`.
pub(crate) fn symbol(name: &str) -> &str {
    LengthUnit::of(name).map_or(name, |unit| unit.symbol)
}

/// The unit of lengths for display: the unit, or `voxels` if a voxel has length one along each axis, or otherwise the
/// units of the source of the spacing.
pub fn length_name(spacing: Spacing, unit: Option<&str>, from: &str) -> String {
    match unit {
        Some(unit) => symbol(unit).to_owned(),
        None if spacing == Spacing::default() => "voxels".to_owned(),
        None if from.is_empty() => "units of the spacing".to_owned(),
        None => format!("units of {from}"),
    }
}

/// Returns whether the text of a unit means that lengths are in pixels, or is empty.
fn is_pixels(text: &str) -> bool {
    let words = [
        "",
        "pixel",
        "pixels",
        "px",
        "voxel",
        "voxels",
        "vx",
        "null",
        "none",
        "unknown",
        "reference frame",
        "referenceframe",
        "arbitrary",
        "unitless",
        "dimensionless",
        "a.u.",
        "n/a",
    ];
    words.contains(&&*trimmed(text).to_lowercase())
}

fn trimmed(text: &str) -> &str {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    // Without quotes, except for the sign of the inch.
    text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text).trim()
}

/// The voxel size in a file's metadata, along (z, y, x).
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Calibration {
    /// The size along each axis, if known.
    pub(crate) size: [Option<f64>; 3],
    /// The unit along each axis, in the file's own spelling.
    pub(crate) unit: [Option<String>; 3],
    /// The source of the size: `the OME metadata`.
    pub(crate) from: &'static str,
}

/// The voxel size with which an image is analysed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SettledSpacing {
    pub(crate) spacing: Spacing,
    /// The unit by its standard name; `None` if it is not known.
    pub(crate) unit: Option<String>,
    /// A warning, in a sentence without a full stop.
    pub(crate) warning: Option<String>,
    /// The source of the size: `--spacing`, `the OME metadata`; `None` if voxels have length one.
    pub(crate) from: Option<String>,
}

impl Calibration {
    /// The voxel size after applying the options. `--spacing` comes first, then the file's metadata if they have it for
    /// all axes of the image; otherwise voxels have length one. Units that differ along axes are converted into
    /// micrometers, and all to that of `--unit`.
    ///
    /// # Errors
    /// `Usage` if the options do not fit the image; `Data` if a size is not a positive number, or units cannot be
    /// converted into each other.
    pub(crate) fn settle(&self, dimensions: usize, options: &OpenOptions) -> Result<SettledSpacing> {
        let wanted = options.unit.as_deref().and_then(unit_name);
        let own = 3 - dimensions.clamp(2, 3)..3;
        if let Some(given) = &options.spacing {
            let unit = wanted.or_else(|| own.clone().rev().find_map(|axis| unit_name(self.unit[axis].as_deref()?)));
            let spacing = given_spacing(given, dimensions)?;
            return Ok(SettledSpacing { spacing, unit, warning: None, from: Some("--spacing".to_owned()) });
        }
        let this = self.without_pixels(own.clone());
        let missing: Vec<&str> =
            own.clone().filter(|&axis| this.size[axis].is_none()).map(|axis| ["z", "y", "x"][axis]).collect();
        if !missing.is_empty() {
            if wanted.is_some() {
                let message = "has no voxel size in its metadata that --unit could be of; give --spacing too";
                return Err(Error::usage(message));
            }
            let warning = (missing.len() < own.len()).then(|| this.partial(&own, &missing));
            return Ok(SettledSpacing { warning, ..SettledSpacing::default() });
        }
        let mut spacing = Spacing::default();
        for axis in own.clone() {
            spacing.0[axis] = this.size[axis].unwrap_or(1.0);
        }
        if let Some(bad) = spacing.0.iter().find(|s| !(s.is_finite() && **s > 0.0)) {
            return Err(Error::data(format!("has a voxel size of {bad} in its metadata; give --spacing")));
        }
        let found = own.clone().map(|axis| self.unit[axis].as_deref().and_then(unit_name)).collect::<Vec<_>>();
        let mut units = found.iter().flatten();
        let first = units.next();
        // If they differ, the default unit of microscopes and of OME.
        let common = if units.all(|unit| Some(unit) == first) { first.cloned() } else { Some("micrometer".to_owned()) };
        let target = wanted.or(common);
        for (axis, unit) in own.zip(&found) {
            if let (Some(unit), Some(target)) = (unit, &target)
                && unit != target
            {
                let [from, to] = [unit, target].map(|name| LengthUnit::of(name));
                let (Some(from), Some(to)) = (from, to) else {
                    let message = format!("has a voxel size in {unit}, which is not known in {target}; give --spacing");
                    return Err(Error::data(message));
                };
                spacing.0[axis] = converted(spacing.0[axis], from, to);
            }
        }
        if !spacing.is_fit() {
            let message =
                format!("has a voxel size of {:?}, too small or too large to compute with; give --spacing", spacing.0);
            return Err(Error::data(message));
        }
        Ok(SettledSpacing { spacing, unit: target, warning: None, from: Some(self.from.to_owned()) })
    }

    /// The calibration without sizes in pixels, if others of these axes have a unit of length.
    fn without_pixels(&self, own: std::ops::Range<usize>) -> Calibration {
        let unit = |axis: usize| self.unit[axis].as_deref().unwrap_or_default();
        let mut calibration = self.clone();
        if own.clone().any(|axis| self.size[axis].is_some() && unit_name(unit(axis)).is_some()) {
            own.filter(|&axis| !trimmed(unit(axis)).is_empty() && is_pixels(unit(axis)))
                .for_each(|axis| calibration.size[axis] = None);
        }
        calibration
    }

    /// The warning about a calibration of some axes but not of others.
    fn partial(&self, own: &std::ops::Range<usize>, missing: &[&str]) -> String {
        let known = own.clone().filter_map(|axis| {
            let unit = self.unit[axis].as_deref().and_then(unit_name).unwrap_or_default();
            Some(format!("{} ({} {})", ["z", "y", "x"][axis], self.size[axis]?, symbol(&unit)))
        });
        let (known, missing, from) = (known.collect::<Vec<_>>().join(" and "), missing.join(" and "), self.from);
        format!(
            "has the size of a voxel along {known} but not along {missing} in {from}: lengths are in voxels; give --spacing"
        )
    }
}

/// Converts a length into another unit. The ratio of units is usually a power of ten: rounded to 15 digits, 250 nm are
/// 0.25 µm and not 0.25000000000000006.
pub fn converted(length: f64, from: &LengthUnit, to: &LengthUnit) -> f64 {
    let exact = if from.picometers >= to.picometers {
        length * (from.picometers / to.picometers)
    } else {
        length / (to.picometers / from.picometers)
    };
    format!("{exact:.14e}").parse().unwrap_or(exact)
}

/// The unit in which people would give a length: its own if the number is from 1 to 10,000 in it, otherwise one of nm, µm, mm
/// and m.
pub fn readable(length: f64, unit: &'static LengthUnit) -> &'static LengthUnit {
    let number = |to: &LengthUnit| converted(length, unit, to);
    if (1.0..10_000.0).contains(&length) {
        return unit;
    }
    let usual = UNITS.iter().filter(|unit| ["nm", "µm", "mm", "m"].contains(&unit.symbol));
    usual.rev().find(|to| number(to) >= 1.0).unwrap_or(unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn a_length_is_given_in_a_unit_that_people_would_use() {
        let of = |length: f64, unit: &str| readable(length, LengthUnit::of(unit).unwrap()).symbol;
        assert_eq!(
            [of(1.6e-6, "m"), of(350.0, "mm"), of(2e6, "nm"), of(3e-13, "m"), of(0.02, "mm")],
            ["µm", "mm", "mm", "m", "µm"]
        );
    }

    fn calibration(size: [f64; 3], unit: [&str; 3]) -> Calibration {
        let unit = unit.map(|unit| Some(unit.to_owned()));
        Calibration { size: size.map(Some), unit, from: "its metadata" }
    }

    #[test]
    fn spellings_of_one_unit_are_one_unit() {
        for text in
            ["µm", "μm", "um", "micron", "Microns", "micrometer", "\\u00B5m", "&#181;m", " um", "\"um\"", "um\0"]
        {
            assert_eq!(unit_name(text).as_deref(), Some("micrometer"), "{text}");
        }
        let others =
            [("nm", "nanometer"), ("Å", "angstrom"), ("inch", "inch"), ("metre", "meter"), ("parsec", "parsec")];
        for (text, name) in others {
            assert_eq!(unit_name(text).as_deref(), Some(name));
        }
        for text in ["", "pixel", "Pixels", "reference frame", "null"] {
            assert_eq!(unit_name(text), None, "{text}");
        }
        assert_eq!((symbol("micrometer"), symbol("parsec")), ("µm", "parsec"));
        assert_eq!(LengthUnit::of("Mm"), None);
    }

    #[test]
    fn lengths_are_in_voxels_only_where_a_voxel_is_one_long() {
        let spaced = Spacing([2.0, 1.0, 1.0]);
        assert_eq!(length_name(spaced, Some("micrometer"), "--spacing"), "µm");
        assert_eq!(length_name(Spacing::default(), Some("inch"), ""), "in");
        assert_eq!(length_name(Spacing::default(), None, "--spacing"), "voxels");
        assert_eq!(length_name(spaced, None, "--spacing"), "units of --spacing");
        assert_eq!(length_name(spaced, None, "the NRRD header"), "units of the NRRD header");
    }

    #[test]
    fn units_that_differ_are_converted_into_micrometers() {
        let settled = |calibration: Calibration, options: OpenOptions| calibration.settle(3, &options);
        let plain = OpenOptions::default();
        let mixed = settled(calibration([2.0, 500.0, 250.0], ["µm", "nm", "nm"]), plain.clone()).unwrap();
        assert_eq!((mixed.spacing, mixed.unit.as_deref()), (Spacing([2.0, 0.5, 0.25]), Some("micrometer")));
        let inches = settled(calibration([1.0, 1.0, 2.54], ["inch", "in", "cm"]), plain.clone()).unwrap();
        assert_eq!(inches.spacing, Spacing([25400.0, 25400.0, 25400.0]));
        let micrometers = OpenOptions { unit: Some("um".to_owned()), ..plain.clone() };
        let given = settled(calibration([2000.0, 500.0, 250.0], ["nm"; 3]), micrometers).unwrap();
        assert_eq!((given.spacing, given.unit.as_deref()), (Spacing([2.0, 0.5, 0.25]), Some("micrometer")));
        let unknown = settled(calibration([1.0; 3], ["um", "um", "parsec"]), plain).unwrap_err();
        assert_eq!(unknown.kind(), Kind::Data);
    }

    #[test]
    fn what_is_given_comes_first_and_keeps_the_unit() {
        let found = calibration([2.0, 0.5, 0.25], ["um"; 3]);
        let options = OpenOptions { spacing: Some(vec![3.0]), ..OpenOptions::default() };
        let settled = found.settle(3, &options).unwrap();
        assert_eq!((settled.spacing, settled.unit.as_deref()), (Spacing([3.0; 3]), Some("micrometer")));
        let options = OpenOptions { unit: Some("nm".to_owned()), ..options };
        assert_eq!(found.settle(3, &options).unwrap().unit.as_deref(), Some("nanometer"));
        let none = Calibration::default();
        assert_eq!(none.settle(3, &OpenOptions::default()).unwrap(), SettledSpacing::default());
        let unit = OpenOptions { unit: Some("nm".to_owned()), ..OpenOptions::default() };
        assert_eq!(none.settle(3, &unit).unwrap_err().kind(), Kind::Usage);
    }

    #[test]
    fn a_calibration_without_z_is_said_and_counts_for_images_only() {
        let found = Calibration { size: [None, Some(0.5), Some(0.25)], ..calibration([1.0; 3], ["um"; 3]) };
        let settled = found.settle(3, &OpenOptions::default()).unwrap();
        assert_eq!((settled.spacing, settled.unit), (Spacing::default(), None));
        let warning = settled.warning.unwrap();
        assert!(warning.contains("along y (0.5 µm) and x (0.25 µm) but not along z"), "{warning}");
        for pixels in ["pixel", "reference frame", "null"] {
            let pixels = calibration([1.0, 0.5, 0.25], [pixels, "um", "um"]);
            assert_eq!(pixels.settle(3, &OpenOptions::default()).unwrap().warning.as_ref(), Some(&warning));
        }
        let bare = calibration([2.0, 1.0, 1.0], ["pixel"; 3]).settle(3, &OpenOptions::default()).unwrap();
        assert_eq!((bare.spacing, bare.unit), (Spacing([2.0, 1.0, 1.0]), None));
        let image = found.settle(2, &OpenOptions::default()).unwrap();
        assert_eq!((image.spacing, image.warning), (Spacing([1.0, 0.5, 0.25]), None));
        let zero = calibration([0.0, 1.0, 1.0], ["um"; 3]).settle(3, &OpenOptions::default()).unwrap_err();
        assert!(zero.to_string().contains("voxel size of 0"), "{zero}");
    }
}
