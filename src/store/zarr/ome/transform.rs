//! Coordinate transformations, as far as they determine the voxel size: the axis of the array for each axis of space,
//! and its factor.

use serde_json::Value;

use super::words::AxisWords;
use crate::error::{Error, Result};
use crate::store::zarr::json;

/// Largest depth of nested transformations.
const DEPTH: usize = 16;

/// For each axis of space, the axis of the array along it, and the size of a voxel.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Map(pub(super) Vec<(usize, f64)>);

/// The coordinate transformations of a dataset or a multiscale.
pub(super) fn list(node: &Value) -> &[Value] {
    node.get("coordinateTransformations").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

impl Map {
    /// The product of several transformations; `None` if none of them affects sizes.
    ///
    /// # Errors
    /// `Data` if one rotates or shears, is unknown, or has its numbers in another file.
    pub(super) fn of<'v>(steps: impl IntoIterator<Item = &'v Value>) -> Result<Option<Map>> {
        let mut map = None;
        steps.into_iter().try_for_each(|step| apply(step, &mut map, DEPTH))?;
        Ok(map)
    }

    /// Applies the descriptions of the axes of space to those of the array; `None` if one axis of the array leads along
    /// two.
    pub(super) fn backwards(&self, axes: &[AxisWords]) -> Option<Vec<AxisWords>> {
        let mut words: Vec<Option<AxisWords>> = vec![None; self.0.len()];
        for (&(from, factor), axis) in self.0.iter().zip(axes) {
            *words.get_mut(from)? = Some(AxisWords { size: Some(factor), ..axis.clone() });
        }
        words.into_iter().collect()
    }
}

fn apply(step: &Value, map: &mut Option<Map>, depth: usize) -> Result<()> {
    let kind = step.get("type").and_then(Value::as_str).unwrap_or_default();
    match kind {
        "identity" | "translation" => {}
        "scale" => {
            // A value that is not a number is refused later, as a voxel size.
            let scale = numbers(step, "scale")?;
            scaled(map, &scale)?;
        }
        "sequence" if depth > 0 => {
            let steps = step.get("transformations").and_then(Value::as_array).ok_or_else(|| unknown(kind))?;
            steps.iter().try_for_each(|step| apply(step, map, depth - 1))?;
        }
        "mapAxis" => {
            let from = step.get("mapAxis").and_then(json::wholes).ok_or_else(|| unknown(kind))?;
            let from: Vec<usize> = from.into_iter().map(|n| usize::try_from(n).unwrap_or(usize::MAX)).collect();
            let before = taken(map, from.len())?;
            let after = from.iter().map(|&axis| before.0.get(axis).copied()).collect::<Option<Vec<_>>>();
            *map = Some(Map(after.ok_or_else(|| unknown(kind))?));
        }
        "affine" | "rotation" => {
            let rows = step.get(kind).and_then(Value::as_array).ok_or_else(|| elsewhere(step, kind))?;
            let count = rows.len();
            // A rotation has no column of a translation, and a homogeneous matrix has a redundant row.
            let width = rows.first().and_then(Value::as_array).map_or(0, Vec::len);
            let axes = if kind == "affine" { width.saturating_sub(1) } else { width };
            if axes == 0 || count < axes || count > axes + 1 {
                return Err(unknown(kind));
            }
            let before = taken(map, axes)?;
            let mut after = Vec::new();
            for row in &rows[..axes] {
                let row = row.as_array().filter(|row| row.len() == width).ok_or_else(|| unknown(kind))?;
                let row: Vec<f64> = row[..axes].iter().map(|n| n.as_f64().unwrap_or(f64::NAN)).collect();
                let others: Vec<usize> = (0..axes).filter(|&axis| row[axis] != 0.0).collect();
                let [from] = others[..] else {
                    let message =
                        format!("is turned or sheared by its OME metadata ({kind}); resample it, or give --spacing");
                    return Err(Error::data(message));
                };
                after.push((before.0[from].0, before.0[from].1 * row[from]));
            }
            *map = Some(Map(after));
        }
        kind => return Err(unknown(kind)),
    }
    Ok(())
}

fn scaled(map: &mut Option<Map>, scale: &[f64]) -> Result<()> {
    let mut after = taken(map, scale.len())?;
    after.0.iter_mut().zip(scale).for_each(|((_, factor), scale)| *factor *= scale);
    *map = Some(after);
    Ok(())
}

/// The map so far, or the identity.
fn taken(map: &mut Option<Map>, axes: usize) -> Result<Map> {
    let before = map.take().unwrap_or_else(|| Map((0..axes).map(|axis| (axis, 1.0)).collect()));
    if before.0.len() == axes {
        return Ok(before);
    }
    let message = format!("has scales of {} and {axes} numbers in its OME metadata; give --spacing", before.0.len());
    Err(Error::data(message))
}

fn numbers(step: &Value, key: &str) -> Result<Vec<f64>> {
    let list = step.get(key).and_then(Value::as_array).ok_or_else(|| elsewhere(step, key))?;
    Ok(list.iter().map(|number| number.as_f64().unwrap_or(f64::NAN)).collect())
}

fn elsewhere(step: &Value, kind: &str) -> Error {
    if step.get("path").is_none() {
        return unknown(kind);
    }
    Error::data(format!("has its {kind} in another file by its OME metadata, which is not read; give --spacing"))
}

fn unknown(kind: &str) -> Error {
    Error::data(format!("has OME metadata with a transformation {kind} that cannot be read; give --spacing"))
}
