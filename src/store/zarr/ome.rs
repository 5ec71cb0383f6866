//! OME-Zarr metadata of an image: the paths of its levels, its axes, the voxel size, its channels.
//!
//! The format is <https://ngff.openmicroscopy.org>, versions 0.1 to 0.6: `multiscales` at the top of the attributes up
//! to 0.4, under `ome` from 0.5 on, with `coordinateSystems` in place of `axes` in 0.6.

mod transform;
mod words;

use serde_json::Value;

use self::transform::Map;
pub(crate) use self::words::AxisWords;
use super::folder::Folder;
use super::metadata::group_attributes;
use crate::error::{Error, Result};
use crate::kernel::image::coarsen::Downsample;
use crate::store::axes::Role;
use crate::store::units::Calibration;

/// Number of parent folders in which the group of an array is searched.
const GROUPS_ABOVE: usize = 4;

/// A multiscale image.
#[derive(Clone, Debug)]
pub(crate) struct Multiscale {
    /// Version of OME-Zarr, if given.
    pub(crate) version: Option<String>,
    pub(crate) levels: Vec<Level>,
    /// Number of multiscales in the group; this is the first.
    pub(crate) multiscales: usize,
    /// The names of channels; empty for channels without one.
    pub(crate) channels: Vec<String>,
    /// How its levels are made, if it is of labels or by the largest value.
    pub(crate) downsample: Option<Downsample>,
}

/// One resolution of an image.
#[derive(Clone, Debug)]
pub(crate) struct Level {
    /// Path of its array, relative to the group.
    pub(crate) path: String,
    /// The description of each axis of the array; `None` without any.
    pub(crate) words: Option<Vec<AxisWords>>,
    /// The reason why the voxel size is unknown, if the metadata have it in an unsupported form.
    pub(crate) trouble: Option<Error>,
}

/// The value of a key of OME metadata in attributes, at either place.
pub(crate) fn ome<'v>(attributes: &'v Value, key: &str) -> Option<&'v Value> {
    attributes.get("ome").and_then(|ome| ome.get(key)).or_else(|| attributes.get(key))
}

/// The first multiscale image in a group's attributes; `None` without any.
///
/// # Errors
/// `Data` if one has no datasets.
pub(crate) fn image(attributes: &Value) -> Result<Option<Multiscale>> {
    let Some(multiscales) = ome(attributes, "multiscales") else { return Ok(None) };
    let list = multiscales.as_array().map_or(std::slice::from_ref(multiscales), Vec::as_slice);
    let Some(multiscale) = list.first().filter(|first| first.is_object()) else { return Ok(None) };
    let datasets = multiscale.get("datasets").and_then(Value::as_array).filter(|datasets| !datasets.is_empty());
    let without = || Error::data("has OME metadata without datasets; give the path of the array itself");
    let levels = datasets.ok_or_else(without)?.iter().map(|dataset| level(multiscale, dataset));
    let version = ome(attributes, "version").or_else(|| multiscale.get("version"));
    let channels = ome(attributes, "omero").and_then(|omero| omero.get("channels")?.as_array());
    let label = |channel: &Value| channel.get("label").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut channels: Vec<String> = channels.into_iter().flatten().map(label).collect();
    if channels.iter().all(String::is_empty) {
        channels.clear();
    }
    // As this program's own skeletons have it; there are other words for means.
    let largest = multiscale.get("type").and_then(Value::as_str) == Some(Downsample::Max.name());
    let of_labels = ome(attributes, "image-label").is_some();
    let downsample = [(largest, Downsample::Max), (of_labels, Downsample::Mode)];
    Ok(Some(Multiscale {
        downsample: downsample.into_iter().find(|(it_is, _)| *it_is).map(|(_, how)| how),
        version: version.and_then(Value::as_str).map(str::to_owned),
        levels: levels.collect::<Result<_>>()?,
        multiscales: list.len(),
        channels,
    }))
}

fn level(multiscale: &Value, dataset: &Value) -> Result<Level> {
    let path = match dataset.get("path") {
        Some(Value::String(path)) => path.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => return Err(Error::data("has OME metadata without paths of datasets; give the path of the array itself")),
    };
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.contains(&"..") || parts.is_empty() {
        return Err(Error::data(format!("has OME metadata that lead elsewhere ({path}); give the path of the array")));
    }
    let own = transform::list(dataset);
    // The transformations of a multiscale of version 0.6 lead from its own coordinates to others.
    let systems = multiscale.get("coordinateSystems").and_then(Value::as_array);
    let common = if systems.is_some() { &[] } else { transform::list(multiscale) };
    let (map, trouble) = match Map::of(own.iter().chain(common)) {
        Ok(map) => (map, None),
        Err(error) => (None, Some(error)),
    };
    let axes = match systems {
        None => multiscale.get("axes"),
        Some(systems) => {
            let output = own.last().and_then(|last| last.get("output"));
            let output = output.and_then(|output| output.as_str().or_else(|| output.get("name")?.as_str()));
            let named = |system: &&Value| output.is_some() && system.get("name").and_then(Value::as_str) == output;
            systems.iter().find(named).or(systems.first()).and_then(|system| system.get("axes"))
        }
    };
    let axes: Option<Vec<AxisWords>> = axes.and_then(Value::as_array).map(|axes| axes.iter().map(words).collect());
    let (words, trouble) = match (axes, map) {
        (Some(axes), Some(map)) if axes.len() == map.0.len() => (map.backwards(&axes), trouble),
        (None, Some(map)) => (map.backwards(&vec![AxisWords::default(); map.0.len()]), trouble),
        (Some(axes), Some(map)) => {
            let (count, axes_named) = (map.0.len(), axes.len());
            let message = format!("has a scale of {count} numbers for {axes_named} axes; give --spacing");
            (Some(axes), Some(Error::data(message)))
        }
        (axes, None) => (axes, trouble),
    };
    Ok(Level { path: parts.join("/"), words, trouble })
}

fn words(axis: &Value) -> AxisWords {
    let text = |key: &str| axis.get(key).and_then(Value::as_str);
    let name = axis.as_str().or_else(|| text("name")).or_else(|| text("type")).map(str::to_owned);
    let kind = text("type").and_then(|kind| match kind.to_lowercase().as_str() {
        "time" => Some(Role::Time),
        "channel" => Some(Role::Channel),
        "space" => Some(Role::Space),
        _ => None,
    });
    AxisWords { name, kind, unit: text("unit").or_else(|| text("units")).map(str::to_owned), size: None, offset: 0.0 }
}

/// The image of which an array is a level, according to the metadata of its parent groups, and the index of the level.
///
/// # Errors
/// `Io` if a server does not answer; `Data` if metadata around it are malformed.
pub(crate) fn around(folder: &Folder, version: u8) -> Result<Option<(Multiscale, usize)>> {
    let (mut folder, mut path) = (folder.clone(), String::new());
    for _ in 0..GROUPS_ABOVE {
        let Some((parent, name)) = folder.parent() else { break };
        path = if path.is_empty() { name } else { format!("{name}/{path}") };
        folder = parent;
        match group_attributes(&folder, version)? {
            Some(attributes) => {
                let Ok(Some(image)) = image(&attributes) else { continue };
                if let Some(level) = image.levels.iter().position(|level| level.path == path) {
                    return Ok(Some((image, level)));
                }
            }
            // Every request to a server takes time.
            None if folder.is_served() => break,
            None => {}
        }
    }
    Ok(None)
}

/// The voxel size of a level along the kept axes, those of space.
pub(crate) fn calibration(words: &[AxisWords], kept: &[usize]) -> Calibration {
    let mut calibration = Calibration { from: "the OME metadata", ..Calibration::default() };
    for (axis, &at) in (3 - kept.len().min(3)..3).zip(kept) {
        // A stack whose planes are named time points does not have their distance.
        if let Some(words) = words.get(at).filter(|words| matches!(words.kind, None | Some(Role::Space))) {
            calibration.size[axis] = words.size;
            calibration.unit[axis] = words.unit.clone();
        }
    }
    calibration
}

/// The position of the first voxel of a level along the kept axes, those of space, in voxels.
pub(crate) fn offset(words: &[AxisWords], kept: &[usize]) -> [f64; 3] {
    let mut offset = [0.0; 3];
    for (axis, &at) in (3 - kept.len().min(3)..3).zip(kept) {
        let voxels = words.get(at).map_or(0.0, |words| words.offset / words.size.unwrap_or(1.0));
        if voxels.is_finite() {
            // A whole number of voxels, times their size and through it, may have become less than one.
            let whole = voxels.round();
            offset[axis] = if (voxels - whole).abs() < 1e-6 { whole } else { voxels };
        }
    }
    offset
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Spacing;
    use crate::store::OpenOptions;
    use serde_json::json;

    fn first(attributes: &Value) -> Level {
        image(attributes).unwrap().unwrap().levels.remove(0)
    }

    fn settled(level: &Level, kept: &[usize]) -> Result<(Spacing, Option<String>)> {
        if let Some(trouble) = &level.trouble {
            return Err(trouble.clone());
        }
        let words = level.words.clone().unwrap_or_default();
        let found = calibration(&words, kept).settle(kept.len(), &OpenOptions::default())?;
        Ok((found.spacing, found.unit))
    }

    #[test]
    fn the_scales_of_dataset_and_multiscale_multiply() {
        let attributes = json!({"ome": {"version": "0.5", "multiscales": [{
            "axes": [{"name": "signal", "type": "channel"}, {"name": "z", "unit": "micrometer"},
                     {"name": "y", "unit": "micrometer"}, {"name": "x", "unit": "micrometer"}],
            "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 2, 2]}],
            "datasets": [{"path": "/s0/", "coordinateTransformations": [
                {"type": "translation", "translation": [0, 9, 9, 9]}, {"type": "scale", "scale": [1, 2.5, 0.25, 0.5]}]}],
        }], "omero": {"channels": [{"label": "DAPI"}, {}]}}});
        let level = first(&attributes);
        assert_eq!(level.path, "s0");
        assert_eq!(level.words.as_deref().unwrap()[0].kind, Some(Role::Channel));
        let (spacing, unit) = settled(&level, &[1, 2, 3]).unwrap();
        assert_eq!((spacing, unit.as_deref()), (Spacing([2.5, 0.5, 1.0]), Some("micrometer")));
        let image = image(&attributes).unwrap().unwrap();
        // The translation comes before the scale.
        assert_eq!(offset(level.words.as_deref().unwrap(), &[1, 2, 3]), [9.0, 9.0, 9.0]);
        assert_eq!((image.channels, image.version.as_deref()), (vec!["DAPI".to_owned(), String::new()], Some("0.5")));
    }

    /// A dataset of version 0.6 with these transformations.
    fn newest(transformations: Value) -> Level {
        let axes = |names: [&str; 3]| -> Vec<Value> {
            names.iter().map(|n| json!({"name": n, "type": "space", "unit": "micrometer"})).collect()
        };
        first(&json!({"ome": {"version": "0.6", "multiscales": [{
            "coordinateSystems": [{"name": "other", "axes": axes(["a", "b", "c"])},
                                  {"name": "physical", "axes": axes(["z", "y", "x"])}],
            "coordinateTransformations": [{"type": "scale", "scale": [9, 9, 9], "input": "physical", "output": "other"}],
            "datasets": [{"path": "0", "coordinateTransformations": transformations}]}]}}))
    }

    #[test]
    fn coordinate_systems_and_sequences_of_transformations_are_read() {
        let scale = json!({"type": "scale", "scale": [2, 0.5, 0.25]});
        let sequence = |steps: Value| json!([{"type": "sequence", "output": "physical", "transformations": steps}]);
        let expected = (Spacing([2.0, 0.5, 0.25]), Some("micrometer".to_owned()));
        let moved = json!({"type": "translation", "translation": [1, 1, 1]});
        let cases = [
            (json!([moved, scale]), [1.0; 3]),
            (json!([scale, moved]), [0.5, 2.0, 4.0]),
            (json!([scale, moved, moved]), [1.0, 4.0, 8.0]),
            (json!([{"type": "identity"}, scale]), [0.0; 3]),
        ];
        for (steps, first) in cases {
            let level = newest(sequence(steps));
            assert_eq!(offset(level.words.as_deref().unwrap(), &[0, 1, 2]), first);
            assert_eq!(level.words.as_deref().unwrap()[0].name.as_deref(), Some("z"));
            assert_eq!(settled(&level, &[0, 1, 2]).unwrap(), expected);
        }
        let diagonal = json!([{"type": "affine", "output": {"name": "physical"},
            "affine": [[2, 0, 0, 7], [0, 0.5, 0, 0], [0, 0, 0.25, 0]]}]);
        assert_eq!(settled(&newest(diagonal.clone()), &[0, 1, 2]).unwrap(), expected);
        assert_eq!(offset(newest(diagonal).words.as_deref().unwrap(), &[0, 1, 2]), [3.5, 0.0, 0.0]);
        let mapped = newest(sequence(json!([{"type": "mapAxis", "mapAxis": [2, 1, 0]}, scale])));
        let names: Vec<_> = mapped.words.as_ref().unwrap().iter().map(|w| w.name.as_deref().unwrap()).collect();
        assert_eq!(names, ["x", "y", "z"]);
        assert_eq!(settled(&mapped, &[2, 1, 0]).unwrap(), expected);
    }

    #[test]
    fn what_turns_or_hides_the_scale_is_refused() {
        let cases = [
            (json!({"type": "affine", "affine": [[2, 1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]}), "turned or sheared"),
            (json!({"type": "rotation", "rotation": [[0.6, 0.8, 0], [-0.8, 0.6, 0], [0, 0, 1]]}), "turned or sheared"),
            (json!({"type": "scale", "path": "scales/0"}), "in another file"),
            (json!({"type": "displacements", "path": "d"}), "transformation displacements"),
            (json!({"type": "scale", "scale": [1, 2]}), "2 numbers for 3 axes"),
        ];
        for (step, part) in cases {
            let error = settled(&newest(json!([step])), &[0, 1, 2]).unwrap_err().to_string();
            assert!(error.contains(part) && error.contains("--spacing"), "{error}");
        }
    }

    #[test]
    fn metadata_that_make_no_sense_are_refused() {
        let level = |scale: Value, units: [&str; 2]| {
            let attributes = json!({"multiscales": [{
                "axes": [{"name": "y", "unit": units[0]}, {"name": "x", "unit": units[1]}],
                "datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}]}]});
            settled(&first(&attributes), &[0, 1])
        };
        assert!(level(json!([1, 2]), ["nanometer", "nanometer"]).is_ok());
        assert_eq!(level(json!([2e-9, 2]), ["meter", "nanometer"]).unwrap().0, Spacing([1.0, 0.002, 0.002]));
        assert!(level(json!([1, 2, 3]), ["m", "m"]).unwrap_err().to_string().contains("3 numbers for 2 axes"));
        assert!(level(json!([0, 1]), ["m", "m"]).unwrap_err().to_string().contains("voxel size of 0"));
        assert!(image(&json!({"other": 1})).unwrap().is_none());
        for bad in [json!([]), json!([{}]), json!([{"path": "../x"}]), json!(null), json!([{"path": null}])] {
            assert!(image(&json!({"multiscales": [{"datasets": bad}]})).is_err(), "{bad}");
        }
    }
}
