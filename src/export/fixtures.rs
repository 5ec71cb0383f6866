//! A small network for tests of exports.

use super::Network;
use super::network::Told;
use crate::chunk::{Dtype, Voxels};
use crate::space::{Spacing, Voxel};
use crate::store::Description;
use crate::store::provided::ProvidedSource;
use crate::table::read::TableText;

/// A ring from which a rod leads away, and another rod, with radii and values. Spacing (2, 0.5, 0.25) micrometers.
pub(super) fn ring_and_rod() -> Network {
    let mut image = ndarray::Array3::<u8>::zeros((5, 12, 30));
    for (y, x) in [(2, 5), (3, 6), (4, 7), (5, 6), (6, 5), (5, 4), (4, 3), (3, 4)] {
        image[[2, y, x]] = 1;
    }
    (8..14).for_each(|x| image[[2, 4, x]] = 1);
    (0..5).for_each(|z| image[[z, 9, 20 + z]] = 1);
    let voxels: Vec<(Voxel, i64)> = image
        .indexed_iter()
        .filter(|(_, value)| **value == 1)
        .map(|((z, y, x), _)| (Voxel::new([z as i64, y as i64, x as i64]), 1))
        .collect();
    let mut description = Description::new("image", [5, 12, 30], 3, Dtype::U8);
    description.spacing = Spacing([2.0, 0.5, 0.25]);
    description.unit = Some("micrometer".to_owned());
    description.offset = [1.0, 0.0, 4.0];
    let image = Voxels::U8(image);
    let source = ProvidedSource::new(description, move |region| Ok(image.part(region)));
    let ids = |numbers: &[f64]| numbers.to_vec();
    let at = |place: [i64; 3]| voxels.iter().position(|(voxel, _)| voxel.position() == place).unwrap() as f64;
    // The ring begins and ends where the rod leads away.
    let [tip, fork, first, last] = [at([2, 4, 13]), at([2, 4, 7]), at([0, 9, 20]), at([4, 9, 24])];
    let branches = [
        ("skeleton_id", ids(&[0.0, 1.0, 1.0])),
        ("node_id_src", ids(&[first, fork, fork])),
        ("node_id_dst", ids(&[last, fork, tip])),
        ("branch_distance", ids(&[8.25, 5.5, 1.5])),
        ("branch_type", ids(&[0.0, 3.0, 1.0])),
        ("mean_radius", ids(&[0.5, 0.75, 1.0])),
    ];
    let nodes = [
        ("node_id", ids(&[first, fork, tip, last])),
        ("skeleton_id", ids(&[0.0, 1.0, 1.0, 0.0])),
        ("degree", ids(&[1.0, 3.0, 1.0, 1.0])),
    ];
    let skeletons =
        [("skeleton_id", ids(&[0.0, 1.0])), ("branches", ids(&[1.0, 2.0])), ("total_length", ids(&[8.25, 7.0]))];
    let told = Told {
        image: "image.npy".to_owned(),
        parameters: serde_json::json!({"method": "lee"}),
        labelled: false,
        radii: Some((0..voxels.len()).map(|voxel| 0.5 + voxel as f64 / 8.0).collect()),
        values: Some((0..voxels.len()).map(|voxel| voxel as f64).collect()),
        branches: table(&branches),
        nodes: Some(table(&nodes)),
        skeletons: Some(table(&skeletons)),
    };
    Network::new(&source, voxels, told).unwrap()
}

fn table(columns: &[(&str, Vec<f64>)]) -> TableText {
    let (names, values) = columns.iter().map(|(name, values)| ((*name).to_owned(), values.clone())).unzip();
    TableText { names, values, ..TableText::default() }
}
