//! From the text of options to what is asked for.

use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use anabranch::error::{Error, Result};
use anabranch::kernel::mask::threshold::Threshold;
use anabranch::parameters::ThresholdRule;

pub(crate) fn parse_threshold(text: Option<&str>) -> Result<ThresholdRule> {
    match text {
        None => Ok(ThresholdRule::default()),
        Some("otsu") => Ok(ThresholdRule::Otsu),
        Some(text) => match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(ThresholdRule::Value(Threshold::Above(value))),
            _ => Err(Error::usage(format!("--threshold {text} is neither a number nor otsu"))),
        },
    }
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
        Error::usage(format!("--region {text} does not read as z0:z1,y0:y1,x0:x1 with each range not empty"))
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
