//! The fill value in the metadata of an array.

use serde_json::Value;

use crate::error::{Error, Result};
use crate::store::StoredType;
use crate::store::values::refuse_fill;

/// The value of voxels that are not stored.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fill {
    Value(f64),
    /// The text of a value that the array's type cannot represent. It matters only if something is not stored.
    Unusable(String),
}

impl Fill {
    /// Parses the fill value as zarr-python does: numbers may be texts, whole numbers may have a decimal point, and a
    /// missing value is zero.
    pub(crate) fn of(json: Option<&Value>, stored: StoredType) -> Fill {
        let value = match json {
            None | Some(Value::Null) => Some(0.0),
            Some(json) => value(json, stored),
        };
        value.map_or_else(|| Fill::Unusable(json.map(Value::to_string).unwrap_or_default()), Fill::Value)
    }

    /// The value as a number; NaN if it is unusable.
    pub(crate) fn number(&self) -> f64 {
        match self {
            Fill::Value(value) => *value,
            Fill::Unusable(_) => f64::NAN,
        }
    }

    /// Refuses the fill value for voxels that are not stored, if it cannot be computed with.
    pub(crate) fn require(&self, stored: StoredType) -> Result<()> {
        match self {
            Fill::Value(value) => refuse_fill(*value),
            Fill::Unusable(text) => {
                let name = stored.name();
                let message = format!("is not stored and its fill value {text} is no {name}; correct fill_value");
                Err(Error::data(message))
            }
        }
    }
}

fn value(json: &Value, stored: StoredType) -> Option<f64> {
    let range = |low: f64, high: f64| whole(json).filter(|n| (low..=high).contains(n));
    match stored {
        StoredType::Bool => match json {
            Value::Bool(truth) => Some(f64::from(u8::from(*truth))),
            json => json.as_f64().map(|n| if n == 0.0 { 0.0 } else { 1.0 }),
        },
        StoredType::I8 => range(i8::MIN.into(), i8::MAX.into()),
        StoredType::U8 => range(0.0, u8::MAX.into()),
        StoredType::I16 => range(i16::MIN.into(), i16::MAX.into()),
        StoredType::U16 => range(0.0, u16::MAX.into()),
        StoredType::I32 => range(i32::MIN.into(), i32::MAX.into()),
        StoredType::U32 => range(0.0, u32::MAX.into()),
        StoredType::I64 => range(i64::MIN as f64, i64::MAX as f64),
        StoredType::U64 => range(0.0, u64::MAX as f64),
        StoredType::F16 => match bits(json, 4) {
            Some(bits) => Some(half::f16::from_bits(u16::try_from(bits).ok()?).to_f64()),
            None => real(json).map(|n| half::f16::from_f64(n).to_f64()),
        },
        StoredType::F32 => match bits(json, 8) {
            Some(bits) => Some(f32::from_bits(u32::try_from(bits).ok()?).into()),
            None => real(json).map(|n| f64::from(n as f32)),
        },
        StoredType::F64 => bits(json, 16).map(f64::from_bits).or_else(|| real(json)),
    }
}

/// A whole number, also as text, or with a decimal point and zeros behind it.
fn whole(json: &Value) -> Option<f64> {
    match json {
        Value::Bool(truth) => Some(f64::from(u8::from(*truth))),
        json => real(json).filter(|n| n.is_finite() && n.fract() == 0.0),
    }
}

fn real(json: &Value) -> Option<f64> {
    match json {
        Value::Number(number) => number.as_f64(),
        Value::Bool(truth) => Some(f64::from(u8::from(*truth))),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The bits of a value, which Zarr v3 may store: `0x7fc00000`.
fn bits(json: &Value, digits: usize) -> Option<u64> {
    let hex = json.as_str()?.trim().strip_prefix("0x").filter(|hex| hex.len() == digits)?;
    u64::from_str_radix(hex, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_those_of_zarr_python() {
        let cases = [
            (StoredType::U16, json!(0.0), 0.0),
            (StoredType::U16, json!("0"), 0.0),
            (StoredType::U16, json!(" 5 "), 5.0),
            (StoredType::U16, json!(65535.0), 65535.0),
            (StoredType::U16, json!(null), 0.0),
            (StoredType::U16, json!(true), 1.0),
            (StoredType::I8, json!("-1"), -1.0),
            (StoredType::F32, json!("0.0"), 0.0),
            (StoredType::F32, json!(0.1), f64::from(0.1f32)),
            (StoredType::F32, json!("-Infinity"), f64::NEG_INFINITY),
            (StoredType::F32, json!("0x3f800000"), 1.0),
            (StoredType::F16, json!("0x3c00"), 1.0),
            (StoredType::F64, json!("0x3ff0000000000000"), 1.0),
            (StoredType::Bool, json!(0), 0.0),
            (StoredType::Bool, json!(true), 1.0),
        ];
        for (stored, json, value) in cases {
            assert_eq!(Fill::of(Some(&json), stored), Fill::Value(value), "{json}");
        }
        assert_eq!(Fill::of(None, StoredType::F32), Fill::Value(0.0));
        assert!(Fill::of(Some(&json!("NaN")), StoredType::F64).number().is_nan());
    }

    #[test]
    fn what_is_no_value_of_the_type_matters_where_something_is_missing() {
        let cases = [json!(-1), json!(65536), json!(""), json!(1.5), json!("NaN"), json!([]), json!({}), json!("x")];
        for json in cases {
            let fill = Fill::of(Some(&json), StoredType::U16);
            let error = fill.require(StoredType::U16).unwrap_err().to_string();
            assert_eq!(error, format!("is not stored and its fill value {json} is no uint16; correct fill_value"));
        }
        assert!(Fill::of(Some(&json!(7)), StoredType::U16).require(StoredType::U16).is_ok());
        let nan = Fill::of(Some(&json!("NaN")), StoredType::F32).require(StoredType::F32).unwrap_err();
        assert!(nan.to_string().contains("its fill value is NaN"), "{nan}");
    }
}
