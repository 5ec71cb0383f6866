//! What OME-Zarr metadata say of an image: where its level 0 lies, its axes, its spacing.
//!
//! The format is <https://ngff.openmicroscopy.org>, versions 0.1 to 0.5: `multiscales` at the top of the attributes up
//! to 0.4, under `ome` from 0.5 on.

use serde_json::Value;

use crate::error::{Error, Result};
use crate::store::units::Calibration;

/// Level 0 of a multiscale image.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Level {
    /// Path of its array, relative to the group.
    pub(crate) path: String,
    /// Names of its axes, where the metadata have them.
    pub(crate) names: Option<Vec<String>>,
    /// Units of its axes; as many as names.
    pub(crate) units: Vec<Option<String>>,
    /// Size of a voxel along each axis of the array, where the metadata have it.
    pub(crate) scale: Option<Vec<f64>>,
}

/// Level 0 of the first multiscale in a group's attributes; `None` where there is none.
///
/// # Errors
/// `Data` where there is one without datasets.
pub(crate) fn first_level(attributes: &Value) -> Result<Option<Level>> {
    let multiscales = attributes.get("ome").and_then(|ome| ome.get("multiscales"));
    let Some(multiscale) = multiscales.or_else(|| attributes.get("multiscales")).and_then(|m| m.get(0)) else {
        return Ok(None);
    };
    let dataset = multiscale.get("datasets").and_then(|d| d.get(0));
    let Some((dataset, path)) = dataset.and_then(|d| Some((d, d.get("path")?.as_str()?))) else {
        return Err(Error::data("has OME metadata without datasets; give the path of the array itself"));
    };
    let axes = multiscale.get("axes").and_then(Value::as_array);
    let (names, units) = match axes {
        Some(axes) => (axes.iter().map(axis_name).collect(), axes.iter().map(axis_unit).collect()),
        None => (None, Vec::new()),
    };
    let scale = product(scale_of(dataset), scale_of(multiscale));
    Ok(Some(Level { path: path.to_owned(), names, units, scale }))
}

/// The name of an axis, or its type where that says more: a channel axis is one by any name.
fn axis_name(axis: &Value) -> Option<String> {
    let kind = axis.get("type").and_then(Value::as_str).filter(|kind| matches!(*kind, "time" | "channel"));
    let name = axis.as_str().or_else(|| axis.get("name")?.as_str());
    kind.or(name).map(str::to_owned)
}

fn axis_unit(axis: &Value) -> Option<String> {
    axis.get("unit").and_then(Value::as_str).map(str::to_owned)
}

/// The scale among the coordinate transformations of a dataset or a multiscale.
fn scale_of(node: &Value) -> Option<Vec<f64>> {
    let steps = node.get("coordinateTransformations")?.as_array()?;
    let step = steps.iter().find(|step| step.get("type").and_then(Value::as_str) == Some("scale"))?;
    // What is no number is refused as spacing.
    Some(step.get("scale")?.as_array()?.iter().map(|n| n.as_f64().unwrap_or(f64::NAN)).collect())
}

fn product(a: Option<Vec<f64>>, b: Option<Vec<f64>>) -> Option<Vec<f64>> {
    match (a, b) {
        (Some(a), Some(b)) if a.len() == b.len() => Some(a.iter().zip(&b).map(|(a, b)| a * b).collect()),
        // Scales of different length cannot both be of this array: an empty one is refused later.
        (Some(_), Some(_)) => Some(Vec::new()),
        (a, b) => a.or(b),
    }
}

/// What a level says of the size of a voxel along the axes kept, those of space.
///
/// # Errors
/// `Data` where the scale is not one number an axis.
pub(crate) fn calibration(level: &Level, axes: usize, kept: &[usize]) -> Result<Calibration> {
    let mut calibration = Calibration { from: "the OME metadata", ..Calibration::default() };
    let own = 3 - kept.len().min(3)..3;
    if let Some(scale) = &level.scale {
        if scale.len() != axes {
            let message = format!("has a scale of {} numbers for {axes} axes; give --spacing", scale.len());
            return Err(Error::data(message));
        }
        own.clone().zip(kept).for_each(|(axis, &at)| calibration.size[axis] = Some(scale[at]));
    }
    own.zip(kept).for_each(|(axis, &at)| calibration.unit[axis] = level.units.get(at).cloned().flatten());
    Ok(calibration)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Spacing;
    use crate::store::OpenOptions;
    use serde_json::json;

    #[test]
    fn the_scales_of_dataset_and_multiscale_multiply() {
        let attributes = json!({"ome": {"version": "0.5", "multiscales": [{
            "axes": [{"name": "signal", "type": "channel"}, {"name": "z", "unit": "micrometer"},
                     {"name": "y", "unit": "micrometer"}, {"name": "x", "unit": "micrometer"}],
            "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 2, 2]}],
            "datasets": [{"path": "s0", "coordinateTransformations": [
                {"type": "scale", "scale": [1, 2.5, 0.25, 0.5]}, {"type": "translation", "translation": [0, 9, 9, 9]}]}],
        }]}});
        let level = first_level(&attributes).unwrap().unwrap();
        assert_eq!(level.path, "s0");
        assert_eq!(level.names.as_deref().unwrap()[0], "channel");
        let found = calibration(&level, 4, &[1, 2, 3]).unwrap().settle(3, &OpenOptions::default()).unwrap();
        assert_eq!((found.spacing, found.unit.as_deref()), (Spacing([2.5, 0.5, 1.0]), Some("micrometer")));
    }

    #[test]
    fn metadata_that_make_no_sense_are_refused() {
        let level = |scale: Value, units: [&str; 2]| {
            let attributes = json!({"multiscales": [{
                "axes": [{"name": "y", "unit": units[0]}, {"name": "x", "unit": units[1]}],
                "datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}]}]});
            let found = calibration(&first_level(&attributes).unwrap().unwrap(), 2, &[0, 1]);
            found.and_then(|found| found.settle(2, &OpenOptions::default()))
        };
        assert!(level(json!([1, 2]), ["nanometer", "nanometer"]).is_ok());
        assert_eq!(level(json!([2e-9, 2]), ["meter", "nanometer"]).unwrap().spacing, Spacing([1.0, 2.0, 2.0]));
        assert!(level(json!([1, 2, 3]), ["m", "m"]).unwrap_err().to_string().contains("3 numbers for 2 axes"));
        assert!(level(json!([0, 1]), ["m", "m"]).unwrap_err().to_string().contains("voxel size of 0"));
        assert_eq!(first_level(&json!({"other": 1})).unwrap(), None);
        assert!(first_level(&json!({"multiscales": [{"datasets": []}]})).is_err());
    }
}
