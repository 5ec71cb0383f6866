//! The text of options, as the library takes it.

use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use anabranch::error::{Error, Result};
use anabranch::kernel::mask::method::ThresholdMethod;
use anabranch::kernel::mask::threshold::Threshold;
use anabranch::parameters::{HoleSize, Sigma, ThresholdRule};
use anabranch::store::units::{self, LengthUnit};

/// What makes a voxel foreground, from the options `--threshold` and `--below`.
pub(crate) fn parse_foreground(threshold: Option<&str>, below: Option<&str>) -> Result<ThresholdRule> {
    match (threshold, below) {
        (None, None) => Ok(ThresholdRule::default()),
        (Some(text), None) => parse_threshold("--threshold", text, Threshold::Above, ThresholdRule::Above),
        (None, Some(text)) => parse_threshold("--below", text, Threshold::AtMost, ThresholdRule::AtMost),
        (Some(_), Some(_)) => Err(Error::usage("--threshold and --below contradict each other: leave one of them out")),
    }
}

fn parse_threshold(
    option: &str,
    text: &str,
    given: impl Fn(f64) -> Threshold,
    found: impl Fn(ThresholdMethod) -> ThresholdRule,
) -> Result<ThresholdRule> {
    if let Some(method) = ThresholdMethod::of(text) {
        return Ok(found(method));
    }
    if let Some(numbers) = text.strip_prefix("hysteresis:") {
        return parse_hysteresis(option, text, numbers);
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(ThresholdRule::Value(given(value))),
        _ => {
            let names = ThresholdMethod::ALL.map(ThresholdMethod::name).join(", ");
            Err(Error::usage(format!("{option} {text} is none: give a number, or one of {names}")))
        }
    }
}

/// The two numbers of a hysteresis.
fn parse_hysteresis(option: &str, text: &str, numbers: &str) -> Result<ThresholdRule> {
    let wrong = |advice: &str| Error::usage(format!("{option} {text} does not fit: {advice}"));
    if option != "--threshold" {
        return Err(wrong("a hysteresis finds bright objects; give one number, or use --threshold"));
    }
    let numbers: Vec<f64> = numbers.split(',').filter_map(|number| number.trim().parse().ok()).collect();
    match *numbers {
        [low, high] if low.is_finite() && high.is_finite() && low <= high => {
            Ok(ThresholdRule::Value(Threshold::Hysteresis { low, high }))
        }
        _ => Err(wrong("give the lower number and then the upper one, as in hysteresis:10,25.5")),
    }
}

/// Which holes are filled.
pub(crate) fn parse_holes(text: &str) -> Result<HoleSize> {
    match text.parse() {
        _ if text == "all" => Ok(HoleSize::Any),
        Ok(voxels) => Ok(HoleSize::Below(voxels)),
        Err(_) => Err(Error::usage(format!(
            "--fill-holes {text} does not fit: give a number of voxels; to fill all holes, write --fill-holes behind INPUT or \
             before another option"
        ))),
    }
}

/// The smoothing: one number or one for each axis, in voxels or with a unit: `1.5`, `0,2,2`, `2um`, `2um,500nm,500nm`.
pub(crate) fn parse_sigma(text: &str) -> Result<Sigma> {
    let (values, unit) = parse_lengths("--sigma", text, |number| number >= 0.0, "number that is not negative")?;
    Ok(Sigma { values, unit: unit.map(|unit| unit.name.to_owned()) })
}

/// The length below which side branches are pruned, with its unit if it has one.
pub(crate) fn parse_prune(text: &str) -> Result<(Option<f64>, Option<String>)> {
    let (length, unit) = parse_length("--prune", text)?;
    Ok((Some(length), unit.map(|unit| unit.name.to_owned())))
}

/// One length above zero, and its unit where the text has one.
pub(crate) fn parse_length(option: &str, text: &str) -> Result<(f64, Option<&'static LengthUnit>)> {
    let advice = "give one length above zero, with or without a unit";
    let (values, unit) = parse_numbers(option, text, |number| number > 0.0, advice)?;
    match *values {
        [length] => Ok((length, unit)),
        _ => Err(Error::usage(format!("{option} {text} does not fit: {advice}"))),
    }
}

/// Numbers along axes, and their unit where the text has one. A unit at the end is that of all numbers before it that have
/// none; numbers in other units are converted into it. `fits` says which numbers have a meaning, `what` what they are.
pub(crate) fn parse_lengths(
    option: &str,
    text: &str,
    fits: impl Fn(f64) -> bool,
    what: &str,
) -> Result<(Vec<f64>, Option<&'static LengthUnit>)> {
    let advice = format!("give one {what}, or one for each axis separated by commas, with or without a unit");
    parse_numbers(option, text, fits, &advice)
}

/// The same, where `advice` says how many numbers of which kind the option takes.
fn parse_numbers(
    option: &str,
    text: &str,
    fits: impl Fn(f64) -> bool,
    advice: &str,
) -> Result<(Vec<f64>, Option<&'static LengthUnit>)> {
    let wrong = |advice: &str| Error::usage(format!("{option} {text} does not fit: {advice}"));
    let mut parts = Vec::new();
    for part in text.split(',').map(str::trim) {
        // An exponent belongs to the number: what follows the longest number is the unit.
        let ends = part.char_indices().map(|(at, c)| at + c.len_utf8()).rev();
        let number = ends.clone().find_map(|end| Some((part[..end].trim_end().parse::<f64>().ok()?, end)));
        let (number, end) = number.ok_or_else(|| wrong(advice))?;
        if !(number.is_finite() && fits(number)) {
            return Err(wrong(advice));
        }
        let unit = part[end..].trim();
        let unit = match LengthUnit::of(unit) {
            _ if unit.is_empty() => None,
            None => return Err(wrong(&format!("{unit} is no unit of length that is known, such as µm, nm or mm"))),
            known => known,
        };
        parts.push((number, unit));
    }
    let last = parts.last().and_then(|(_, unit)| *unit);
    if last.is_none() && parts.iter().any(|(_, unit)| unit.is_some()) {
        return Err(wrong("give the unit behind the last number, or behind each"));
    }
    let Some(last) = last else { return Ok((parts.into_iter().map(|(number, _)| number).collect(), None)) };
    let values = parts.iter().map(|(number, unit)| units::converted(*number, unit.unwrap_or(last), last)).collect();
    Ok((values, Some(last)))
}

/// Voxels of a chunk: one number, or one for each axis.
pub(crate) fn parse_chunk(text: &str) -> Result<Vec<usize>> {
    let numbers: Option<Vec<usize>> = text.split(',').map(|number| number.trim().parse().ok()).collect();
    numbers.ok_or_else(|| {
        let message = format!("--chunk {text} does not fit: give one number of voxels, or one for each axis");
        Error::usage(format!("{message} separated by commas, each at least 1"))
    })
}

pub(crate) fn parse_region(text: &str) -> Result<Vec<Range<usize>>> {
    parse_ranges(text).ok_or_else(|| {
        Error::usage(format!("--region {text} does not fit: give z0:z1,y0:y1,x0:x1, with no range empty"))
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
    fn an_option_of_one_length_does_not_ask_for_one_for_each_axis() {
        let (length, unit) = parse_length("--step", "4 um").unwrap();
        assert_eq!((length, unit.map(|unit| unit.name)), (4.0, Some("micrometer")));
        for text in ["0", "-1", "1,2", "x", "inf"] {
            let told = parse_length("--step", text).unwrap_err().to_string();
            let expected = "does not fit: give one length above zero, with or without a unit";
            assert_eq!(told, format!("--step {text} {expected}"));
            assert!(parse_prune(text).unwrap_err().to_string().ends_with(expected), "{text}");
        }
        assert!(parse_sigma("-1").unwrap_err().to_string().contains("or one for each axis"));
    }

    #[test]
    fn a_sigma_is_in_voxels_or_has_a_unit() {
        let sigma = |text: &str| parse_sigma(text).map(|sigma| (sigma.values, sigma.unit));
        assert_eq!(sigma("1.5").unwrap(), (vec![1.5], None));
        assert_eq!(sigma("0, 2,2").unwrap(), (vec![0.0, 2.0, 2.0], None));
        assert_eq!(sigma("2um").unwrap(), (vec![2.0], Some("micrometer".to_owned())));
        assert_eq!(sigma("2um,500 nm,0.5um").unwrap(), (vec![2.0, 0.5, 0.5], Some("micrometer".to_owned())));
        assert!(["", "-1", "1,,2", "NaN", "inf", "1um,2", "1 parsec", "um"].iter().all(|text| sigma(text).is_err()));
    }
}
