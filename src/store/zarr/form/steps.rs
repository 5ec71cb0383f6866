//! Codecs by their names and settings, in either version. What a setting does to encoding only is not looked at.

use serde_json::Value;

use super::unsupported;
use crate::error::Result;
use crate::store::StoredType;
use crate::store::values::{Endian, parse_dtype};
use crate::store::zarr::codec::{Padding, Step, Typed};

/// The values of an array, as codecs know them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Values {
    pub(super) stored: StoredType,
    pub(super) endian: Endian,
    /// Of Zarr.
    pub(super) version: u8,
}

/// What a codec comes to.
#[derive(Debug)]
pub(super) enum StepKind {
    /// Its bytes are decoded.
    Does(Step),
    /// The same, and it is one of those that look at values: `array -> array` in Zarr v3.
    Filters(Step),
    /// Decoding does nothing.
    Nothing,
}

/// The codec of a name that numcodecs has, with its settings.
///
/// # Errors
/// `Data` if it is not supported.
pub(super) fn step(name: &str, settings: &Value, values: Values) -> Result<StepKind> {
    let lower = name.to_ascii_lowercase();
    let typed = |key: &str, default: Typed| typed(settings, key, default);
    let own = Typed { stored: values.stored, endian: values.endian };
    let number = |key: &str, default: Option<f64>| {
        let number = settings.get(key).map_or(default, Value::as_f64);
        number.ok_or_else(|| unsupported(format!("{name} with {key} {}", settings.get(key).unwrap_or(&Value::Null))))
    };
    Ok(StepKind::Does(match lower.strip_prefix("numcodecs.").unwrap_or(&lower) {
        "blosc" => Step::Blosc,
        "bz2" => Step::Bz2,
        "gzip" => Step::Gzip,
        "lz4" => Step::Lz4,
        "zlib" => Step::Zlib,
        "zstd" => Step::Zstd,
        "crc32c" => Step::Crc32c,
        "crc32" if at_start(settings) => Step::Crc32,
        "adler32" if at_start(settings) => Step::Adler32,
        "shuffle" => {
            // In version 3 zero, or none, is the size of the array's own values.
            let (default, automatic) = if values.version == 2 { (4, 1) } else { (0, values.stored.size()) };
            let size = settings.get("elementsize").and_then(Value::as_u64).unwrap_or(default);
            let size = usize::try_from(size).map_err(|_| unsupported("shuffle of huge values"))?;
            Step::Shuffle(if size == 0 { automatic } else { size })
        }
        "packbits" => return Ok(StepKind::Filters(Step::PackBits(Padding::Numcodecs))),
        "delta" => {
            let values = typed("dtype", own)?;
            let step = Step::Delta { values, stored: typed("astype", values)? };
            return filter(step);
        }
        "fixedscaleoffset" => {
            let values = typed("dtype", own)?;
            let (offset, scale) = (number("offset", None)?, number("scale", None)?);
            return filter(Step::Scale { offset, scale, values, stored: typed("astype", values)? });
        }
        // What they took away is gone, and what is left is stored as it is.
        "bitround" => return Ok(StepKind::Nothing),
        "quantize" => {
            let values = typed("dtype", own)?;
            return if typed("astype", values)? == values { Ok(StepKind::Nothing) } else { Err(unsupported(name)) };
        }
        _ => return Err(unsupported(format!("codec {name}"))),
    }))
}

fn filter(step: Step) -> Result<StepKind> {
    step.require_exact()?;
    Ok(StepKind::Filters(step))
}

/// Checksums of numcodecs may be at either end; only those at the start, where they are by default, are read.
fn at_start(settings: &Value) -> bool {
    settings.get("location").is_none_or(|location| location == "start")
}

/// A type that a setting names.
fn typed(settings: &Value, key: &str, default: Typed) -> Result<Typed> {
    match settings.get(key).filter(|name| !name.is_null()) {
        None => Ok(default),
        Some(name) => {
            let known = name.as_str().and_then(parse_dtype);
            let (stored, endian) = known.ok_or_else(|| unsupported(format!("{key} {name}")))?;
            Ok(Typed { stored, endian })
        }
    }
}
