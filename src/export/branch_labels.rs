//! `branch_labels.zarr`: the voxels of branches with their numbers, as a label image of OME-Zarr 0.5.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::Network;
use crate::error::Result;
use crate::store::output::write_labelled;

/// Most branches of which colours and properties are told: viewers read all of them before they show anything.
const TOLD: usize = 100_000;

/// Columns of the branch table that are told of each branch.
const PROPERTIES: [&str; 6] =
    ["branch_id", "skeleton_id", "branch_type", "branch_distance", "euclidean_distance", "mean_radius"];

/// Writes an image of u32 of the volume's shape: at the voxels of a branch the `branch_id` plus one, elsewhere 0. Where
/// several branches meet, the last in the table has the voxel, as in skan's `path_label_image`. Coarser copies hold the largest number.
pub(super) fn write(network: &Network, folder: &Path, threads: usize) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    let mut labels = json!({});
    if network.paths.len() <= TOLD {
        let all = || 0..network.paths.len();
        labels["colors"] = all().map(|branch| json!({"label-value": branch + 1, "rgba": colour(branch)})).collect();
        labels["properties"] = all().map(|branch| properties(network, branch)).collect();
    } else {
        let branches = network.paths.len();
        notes.push(format!(
            "colours and properties of {branches} branches are left out, since viewers would read all of them first; they are \
             in branches.csv"
        ));
    }
    let of = network.branches_of_voxels();
    let voxels = network.voxels.iter().zip(of).filter(|(_, branch)| *branch != 0);
    let voxels = voxels.map(|(&voxel, branch)| (voxel, i64::from(branch)));
    let form = network.form("branches", labels);
    write_labelled(&folder.join("branch_labels.zarr"), &form, voxels, threads)?;
    Ok(notes)
}

fn properties(network: &Network, branch: usize) -> Value {
    let mut properties = Map::new();
    properties.insert("label-value".to_owned(), (branch + 1).into());
    for name in PROPERTIES {
        // Without the column, or a value in it, there is nothing to tell.
        let value = network.branches.column(name).map(|column| column[branch]).filter(|value| value.is_finite());
        if let Some(value) = value {
            let whole = name.ends_with("_id") || name.ends_with("_type");
            properties.insert(name.to_owned(), if whole { json!(value as i64) } else { json!(value) });
        }
    }
    properties.into()
}

/// A colour for each number, those of successive ones far apart: hues go round by the golden ratio, in three lightnesses.
fn colour(branch: usize) -> [u8; 4] {
    let hue = (branch as f64 * 0.618_033_988_749_895).fract() * 6.0;
    let light = [0.95, 0.75, 0.85][branch % 3];
    let channel = |from: f64| {
        let away = (hue - from).rem_euclid(6.0);
        let share = (1.0 - (away - 3.0).abs() + 1.0).clamp(0.0, 1.0);
        (255.0 * light * (0.15 + 0.85 * share)).round() as u8
    };
    [channel(3.0), channel(1.0), channel(5.0), 255]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::Voxels;
    use crate::export::fixtures::ring_and_rod;
    use crate::space::Region;
    use crate::store::{OpenOptions, open};

    #[test]
    fn each_branch_has_its_voxels_a_colour_and_its_columns() {
        let (network, folder) = (ring_and_rod(), tempfile::tempdir().unwrap());
        assert_eq!(write(&network, folder.path(), 2).unwrap(), [""; 0]);
        let source = open(&folder.path().join("branch_labels.zarr"), &OpenOptions::default()).unwrap();
        assert_eq!(source.place(), network.place);
        let bounds = Region::of_shape(network.shape);
        let Voxels::U32(image) = source.read(&bounds).unwrap().unwrap().voxels else { panic!("labels of u32") };
        let mut voxels = vec![0; network.paths.len() + 1];
        image.iter().for_each(|&label| voxels[label as usize] += 1);
        for (branch, path) in network.paths.iter().enumerate() {
            assert!(voxels[branch + 1] > 0 && voxels[branch + 1] <= path.len(), "{branch}");
            let middle = network.voxels[path[path.len() / 2] as usize].position().map(|p| p as usize);
            assert_eq!(image[middle] as usize, branch + 1);
        }
        let text = std::fs::read_to_string(folder.path().join("branch_labels.zarr/zarr.json")).unwrap();
        let json: Value = serde_json::from_str(&text).unwrap();
        let label = &json["attributes"]["ome"]["image-label"];
        assert_eq!(label["colors"].as_array().unwrap().len(), network.paths.len());
        let lengths = network.branches.column("branch_distance").unwrap();
        for (branch, properties) in label["properties"].as_array().unwrap().iter().enumerate() {
            assert_eq!(properties["branch_distance"], lengths[branch]);
            assert_eq!(properties["label-value"], branch + 1);
        }
    }

    #[test]
    fn colours_of_successive_numbers_are_far_apart() {
        let far = |a: [u8; 4], b: [u8; 4]| a.iter().zip(b).map(|(&a, b)| a.abs_diff(b)).max().unwrap();
        assert!((0..1000).all(|n| far(colour(n), colour(n + 1)) > 60));
    }
}
