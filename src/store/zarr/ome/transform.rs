//! Coordinate transformations, as far as they are along axes: the axis of the array for each axis of space, its factor and
//! its offset.

use serde_json::Value;

use super::words::AxisWords;
use crate::error::{Error, Result};
use crate::store::zarr::json;

/// Largest depth of nested transformations.
const DEPTH: usize = 16;

/// What there is for each axis of space.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Map(pub(super) Vec<Along>);

/// An axis of space.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Along {
    /// The axis of the array along it.
    from: usize,
    /// The size of a voxel.
    factor: f64,
    /// The position of the first voxel.
    offset: f64,
}

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
        let (mut map, mut sized) = (None, false);
        for step in steps {
            apply(step, &mut map, DEPTH)?;
            sized |= tells_sizes(step);
        }
        Ok(map.filter(|_| sized))
    }

    /// Applies the descriptions of the axes of space to those of the array; `None` if one axis of the array leads along
    /// two.
    pub(super) fn backwards(&self, axes: &[AxisWords]) -> Option<Vec<AxisWords>> {
        let mut words: Vec<Option<AxisWords>> = vec![None; self.0.len()];
        for (&Along { from, factor, offset }, axis) in self.0.iter().zip(axes) {
            *words.get_mut(from)? = Some(AxisWords { size: Some(factor), offset, ..axis.clone() });
        }
        words.into_iter().collect()
    }
}

/// Whether a step that can be applied affects sizes.
fn tells_sizes(step: &Value) -> bool {
    match step.get("type").and_then(Value::as_str) {
        Some("identity" | "translation") => false,
        Some("sequence") => {
            step.get("transformations").and_then(Value::as_array).is_some_and(|steps| steps.iter().any(tells_sizes))
        }
        _ => true,
    }
}

fn apply(step: &Value, map: &mut Option<Map>, depth: usize) -> Result<()> {
    let kind = step.get("type").and_then(Value::as_str).unwrap_or_default();
    match kind {
        "identity" => {}
        // One in another file does not change sizes.
        "translation" if step.get("translation").is_none() => {}
        "translation" => {
            let offsets = numbers(step, "translation")?;
            if map.as_ref().is_none_or(|map| map.0.len() == offsets.len()) {
                let mut after = taken(map, offsets.len())?;
                after.0.iter_mut().zip(offsets).for_each(|(along, offset)| along.offset += offset);
                *map = Some(after);
            }
        }
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
                let moved = row.get(axes).and_then(Value::as_f64).unwrap_or(0.0);
                let row: Vec<f64> = row[..axes].iter().map(|n| n.as_f64().unwrap_or(f64::NAN)).collect();
                let others: Vec<usize> = (0..axes).filter(|&axis| row[axis] != 0.0).collect();
                let [from] = others[..] else {
                    let message =
                        format!("is turned or sheared by its OME metadata ({kind}); resample it, or give --spacing");
                    return Err(Error::data(message));
                };
                let by = row[from];
                after.push(Along {
                    from: before.0[from].from,
                    factor: before.0[from].factor * by,
                    offset: by * before.0[from].offset + moved,
                });
            }
            *map = Some(Map(after));
        }
        kind => return Err(unknown(kind)),
    }
    Ok(())
}

fn scaled(map: &mut Option<Map>, scale: &[f64]) -> Result<()> {
    let mut after = taken(map, scale.len())?;
    for (along, scale) in after.0.iter_mut().zip(scale) {
        along.factor *= scale;
        along.offset *= scale;
    }
    *map = Some(after);
    Ok(())
}

/// The map so far, or the identity.
fn taken(map: &mut Option<Map>, axes: usize) -> Result<Map> {
    let before =
        map.take().unwrap_or_else(|| Map((0..axes).map(|from| Along { from, factor: 1.0, offset: 0.0 }).collect()));
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
