//! Codecs by their names and settings, in either version. Settings that only affect encoding are ignored.

use serde_json::Value;

use super::unsupported;
use crate::error::Result;
use crate::store::StoredType;
use crate::store::values::{Endian, parse_dtype};
use crate::store::zarr::codec::{Padding, Step, Typed};

/// The values of an array, as far as codecs depend on them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Values {
    pub(super) stored: StoredType,
    pub(super) endian: Endian,
    /// Version of Zarr.
    pub(super) version: u8,
}

/// The effect of a codec.
#[derive(Debug)]
pub(super) enum StepKind {
    /// It decodes bytes.
    Does(Step),
    /// The same, and it is a codec on values: `array -> array` in Zarr v3.
    Filters(Step),
    /// Decoding does nothing.
    Nothing,
}

/// The codec of a name in numcodecs, with its settings.
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
            // In version 3, zero or a missing size is that of the array's own values.
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
        // The bits that they removed are lost, and the remaining value is stored unchanged.
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

/// Checksums of numcodecs may be at either end; only those at the start, the default, are supported.
fn at_start(settings: &Value) -> bool {
    settings.get("location").is_none_or(|location| location == "start")
}

/// The type in a setting.
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
