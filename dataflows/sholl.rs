//! `anabranch sholl`: crossings of a skeleton with shells around a centre, from results.

use std::fmt::Write as _;
use std::path::Path;

use anabranch::analysis::{Outputs, Shells};
use anabranch::error::{Error, Kind, Result};
use anabranch::store::Description;
use anabranch::store::output::put_file;
use anabranch::store::units::{LengthUnit, converted, length_name};

use crate::apart;
use crate::arguments::ShollOptions;
use crate::interrupt;
use crate::parsing::{parse_length, parse_lengths};
use crate::terminal::{print, print_data, print_warning};

/// Reads results, and writes a table of crossings by radius to a file or to standard output.
pub(crate) fn sholl(options: &ShollOptions) -> Result<()> {
    if let Some(out) = &options.out {
        apart::of_sholl(options, out)?;
        if out.exists() && !options.output.overwrite {
            let message = "exists; give --out another path, or --overwrite to replace the file";
            return Err(Error::new(Kind::Output, message).at(out));
        }
    }
    if !options.results.join("run.json").is_file() {
        let message = "holds no results; give the folder that a run wrote to";
        return Err(Error::new(Kind::Missing, message).at(&options.results));
    }
    let outputs = Outputs::open(&options.results)?;
    let found = outputs.sholl(&shells(options, outputs.skeleton.description())?)?;
    let description = outputs.skeleton.description();
    let unit = length_name(description.spacing, description.unit.as_deref(), "the spacing");
    let center = found.center.iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
    if options.center.is_none() {
        print_warning(&format!("without --center, the centre is the node with the largest radius: {center} ({unit})"));
    }
    found.warnings.iter().for_each(|warning| print_warning(warning));
    let mut table = "radius,crossings\n".to_owned();
    for (radius, crossings) in found.radii.iter().zip(&found.crossings) {
        let _ = writeln!(table, "{radius},{crossings}");
    }
    let Some(out) = &options.out else {
        print_data(&table);
        return Ok(());
    };
    interrupt::finish();
    put_file(out, table.as_bytes())?;
    print(&summary(out, &format!("{center} {unit}"), &unit, (&found.radii, &found.crossings)), options.output.quiet);
    Ok(())
}

/// What was found, as lines of text.
fn summary(out: &Path, center: &str, unit: &str, (radii, crossings): (&[f64], &[u64])) -> String {
    let most = crossings.iter().copied().max().unwrap_or(0);
    let at = crossings.iter().position(|&count| count == most).map_or(0.0, |place| radii[place]);
    let last = radii.last().copied().unwrap_or(0.0);
    format!(
        "{}: {} shells\n  centre          {center}\n  largest shell   {last} {unit}\n  most crossings  {most} at {at} {unit}\n",
        out.display(),
        radii.len()
    )
}

/// The shells that the options ask for, in the unit of the results.
fn shells(options: &ShollOptions, results: &Description) -> Result<Shells> {
    let convert = |option: &str, text: &str, mut numbers: Vec<f64>, unit: Option<&LengthUnit>| -> Result<Vec<f64>> {
        let Some(unit) = unit else { return Ok(numbers) };
        let own = results.unit.as_deref().and_then(LengthUnit::of).ok_or_else(|| {
            let message = "the results have no unit of length to convert it into; give it without one";
            Error::usage(format!("{option} {text}: {message}"))
        })?;
        numbers.iter_mut().for_each(|number| *number = converted(*number, unit, own));
        Ok(numbers)
    };
    let length = |option: &str, text: &Option<String>| -> Result<Option<f64>> {
        let Some(text) = text else { return Ok(None) };
        let (length, unit) = parse_length(option, text)?;
        Ok(convert(option, text, vec![length], unit)?.first().copied())
    };
    let mut shells = Shells::default();
    if let Some(text) = &options.center {
        let (numbers, unit) = parse_lengths("--center", text, |_| true, "number")?;
        shells.center = Some(convert("--center", text, numbers, unit)?);
    }
    shells.step = length("--step", &options.step)?;
    shells.end_radius = length("--end-radius", &options.end_radius)?;
    Ok(shells)
}
