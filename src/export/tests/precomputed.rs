//! Neuroglancer's precomputed skeletons.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{network, of_voxels};
use crate::export::Network;
use crate::export::precomputed::write_in;
use crate::table::read::TableText;

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn numbers(bytes: &[u8]) -> Vec<u64> {
    bytes.chunks_exact(8).map(|number| u64::from_le_bytes(number.try_into().unwrap())).collect()
}

/// The bytes of each segment, found in the files as their names say.
fn files(folder: &Path) -> BTreeMap<u64, Vec<u8>> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter_map(|name| Some((name.parse().ok()?, fs::read(folder.join(&name)).unwrap()))).collect()
}

/// The bytes of each segment, found in shards as their indices say, in the places where readers look for them.
fn shards(folder: &Path, sharding: &Value) -> BTreeMap<u64, Vec<u8>> {
    let bits = |name: &str| sharding[name].as_u64().unwrap();
    let (preshift, minishard, shard) = (bits("preshift_bits"), bits("minishard_bits"), bits("shard_bits"));
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
        let name = entry.file_name().into_string().unwrap();
        let Some(number) = name.strip_suffix(".shard") else { continue };
        assert_eq!(number.len() as u64, shard.div_ceil(4));
        let number = u64::from_str_radix(number, 16).unwrap();
        let bytes = fs::read(entry.path()).unwrap();
        let (index, data) = bytes.split_at(16 << minishard);
        for (of, place) in (0u64..).zip(numbers(index).chunks_exact(2)) {
            let rows = numbers(&data[place[0] as usize..place[1] as usize]);
            let (n, mut id, mut start) = (rows.len() / 3, 0, 0);
            for row in 0..n {
                id += rows[row];
                start += rows[n + row];
                let end = start + rows[2 * n + row];
                let hash = id >> preshift;
                assert_eq!((hash & ((1 << minishard) - 1), hash >> minishard), (of, number));
                assert!(hash >> minishard < 1 << shard, "the bits hold all ids");
                found.insert(id, data[start as usize..end as usize].to_vec());
                start = end;
            }
        }
    }
    found
}

/// A decoded object: vertices, edges, and the numbers at vertices that follow.
fn decoded(bytes: &[u8]) -> (Vec<[f32; 3]>, Vec<[u32; 2]>, Vec<f32>) {
    let words: Vec<[u8; 4]> = bytes.chunks_exact(4).map(|word| word.try_into().unwrap()).collect();
    let (vertices, edges) = (u32::from_le_bytes(words[0]) as usize, u32::from_le_bytes(words[1]) as usize);
    let floats: Vec<f32> = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
    let (positions, rest) = floats[2..].split_at(3 * vertices);
    let ends = words[2 + 3 * vertices..].iter().map(|word| u32::from_le_bytes(*word)).take(2 * edges);
    let ends: Vec<u32> = ends.collect();
    let three = |position: &[f32]| [position[0], position[1], position[2]];
    let pairs = ends.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect();
    (positions.chunks_exact(3).map(three).collect(), pairs, rest[2 * edges..].to_vec())
}

fn write(network: &Network, most_files: usize) -> (tempfile::TempDir, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let notes = write_in(network, folder.path(), most_files).unwrap();
    (folder, notes)
}

#[test]
fn vertices_are_nanometers_in_the_coordinates_of_the_image_and_edges_follow_branches() {
    let network = network();
    let (folder, notes) = write(&network, 100);
    assert!(notes.is_empty());
    let skeletons = folder.path().join("precomputed/skeletons");
    let found = files(&skeletons);
    assert_eq!(found.keys().copied().collect::<Vec<_>>(), [1, 2, 3, 4], "0 is background");
    let mut voxels = 0;
    for bytes in found.values() {
        let (vertices, edges, radii) = decoded(bytes);
        voxels += vertices.len();
        assert_eq!(radii.len(), vertices.len());
        for [a, b] in edges {
            let [a, b] = [vertices[a as usize], vertices[b as usize]];
            let steps = [(a[0] - b[0]) / 250.0, (a[1] - b[1]) / 500.0, (a[2] - b[2]) / 2000.0];
            assert!(steps.iter().all(|step| step.abs() <= 1.0) && a != b, "{a:?} and {b:?} are neighbours");
        }
    }
    assert_eq!(voxels, network.voxels.len());
    // The line along z at (y, x) = (18, 3), in an image whose first voxel is at (2, 0, 10).
    let (vertices, edges, radii) = decoded(&found[&1]);
    assert_eq!((vertices[0], vertices[7]), ([3250.0, 9000.0, 4000.0], [3250.0, 9000.0, 18000.0]));
    assert_eq!((edges.len(), edges[0], radii[0]), (7, [0, 1], 1000.0));
    let info = json(&skeletons.join("info"));
    assert_eq!(info["vertex_attributes"][0]["id"], "radius");
    assert_eq!(info["transform"], serde_json::json!([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]));
}

#[test]
fn voxels_far_from_the_origin_stay_apart() {
    let mut network = network();
    network.place = [3.0, 0.0, 4_000_000_003.0];
    let (folder, notes) = write(&network, 100);
    assert!(notes.iter().any(|note| note.contains("far from the origin")), "{notes:?}");
    let skeletons = folder.path().join("precomputed/skeletons");
    for bytes in files(&skeletons).values() {
        let (vertices, edges, _) = decoded(bytes);
        assert!(edges.iter().all(|[a, b]| vertices[*a as usize] != vertices[*b as usize]));
    }
    let transform = &json(&skeletons.join("info"))["transform"];
    assert_eq!([&transform[3], &transform[7], &transform[11]], [1_000_000_000_750.0, 0.0, 6000.0]);
}

#[test]
fn labels_of_segments_have_all_their_digits() {
    let mut network = network();
    let text = b"skeleton_id,label\n0,18446744073709551615\n1,720575940623374511\n2,720575940623374513\n3,5\n";
    network.skeletons = Some(TableText::read(&text[..]).unwrap());
    let (folder, _) = write(&network, 100);
    let info = json(&folder.path().join("precomputed/skeletons/segment_properties/info"));
    let told: Vec<&str> = info["inline"]["properties"][0]["values"]
        .as_array()
        .unwrap()
        .iter()
        .map(|value| value.as_str().unwrap().split(' ').next_back().unwrap())
        .collect();
    assert_eq!(told, ["18446744073709551615", "720575940623374511", "720575940623374513", "5"]);
}

#[test]
fn shards_hold_the_same_objects_as_files() {
    // Enough isolated voxels for several minishards, and two shards.
    let positions = (0..4200).map(|n| [2 * (n / 900), 2 * (n / 30 % 30), 2 * (n % 30)]).collect();
    let network = of_voxels(positions, [12, 60, 60]);
    let (in_files, in_shards) = (write(&network, 5000).0, write(&network, 4096).0);
    let [in_files, in_shards] = [&in_files, &in_shards].map(|folder| folder.path().join("precomputed/skeletons"));
    let info = json(&in_shards.join("info"));
    assert_eq!(json(&in_files.join("info"))["sharding"], Value::Null);
    let found = shards(&in_shards, &info["sharding"]);
    assert_eq!(found.len(), 4200);
    assert!(found == files(&in_files));
    assert_eq!(files(&in_shards).len(), 0);
}

#[test]
fn columns_of_skeletons_are_properties_of_segments() {
    let mut network = network();
    let names = ["skeleton_id", "first_voxel_0", "branches", "total_length", "mean_radius", "touches_border"];
    let row = |id: f64, radius: f64| vec![id, 5.0, 1.0, 2.5, radius, f64::from(id == 1.0)];
    network.skeletons = Some(super::table(&names, [row(0.0, 1.25), row(1.0, f64::NAN)]));
    let (folder, _) = write(&network, 100);
    let info = json(&folder.path().join("precomputed/skeletons/segment_properties/info"));
    assert_eq!(info["@type"], "neuroglancer_segment_properties");
    assert_eq!(info["inline"]["ids"], serde_json::json!(["1", "2"]));
    let properties = info["inline"]["properties"].as_array().unwrap();
    let told: Vec<_> = properties.iter().map(|property| (&property["id"], &property["values"])).collect();
    let expected = serde_json::json!([
        ["label", ["skeleton 0", "skeleton 1"]],
        ["branches", [1, 1]],
        ["total_length", [2.5, 2.5]],
        ["mean_radius", [1.25, -1]],
        ["tags", [[], [0]]],
    ]);
    assert_eq!(serde_json::json!(told), expected);
    assert!(properties[3]["description"].as_str().unwrap().ends_with("(micrometer); -1 for nothing"));
}

#[test]
fn a_unit_that_is_not_known_is_taken_as_nanometers_with_a_note() {
    let mut network = network();
    (network.unit, network.radii, network.nodes) = (Some("furlong".to_owned()), None, None);
    let (folder, notes) = write(&network, 100);
    assert!(notes[0].starts_with("furlong is no known unit"), "{notes:?}");
    let skeletons = folder.path().join("precomputed/skeletons");
    let (vertices, _, radii) = decoded(&files(&skeletons)[&1]);
    assert_eq!((vertices[0], radii.len()), ([3.25, 9.0, 4.0], 0));
    let properties = json(&skeletons.join("segment_properties/info"));
    let lengths = &properties["inline"]["properties"][2];
    assert_eq!((&lengths["id"], &lengths["values"][0]), (&"total_length".into(), &14.into()));
}
