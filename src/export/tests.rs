//! The files of each format, read back. The programs that they are for read them in `scripts/verify_exports.py`.

mod graphml;
mod precomputed;
mod swc;
mod voreen;
mod vtp;

use std::fs;

use super::network::{Paths, paths};
use super::{Format, Network};
use crate::space::{Region, Spacing, Voxel};
use crate::table::read::TableText;

/// Voxels of a diamond in the plane z, around (y, x): a ring without any corner that is a cluster of junctions.
fn diamond(z: i64, y: i64, x: i64) -> impl Iterator<Item = [i64; 3]> {
    let quarter = (0..4).map(|n| (n, 4 - n));
    let all = quarter.flat_map(|(a, b)| [(a, b), (b, -a), (-a, -b), (-b, a)]);
    all.map(move |(dy, dx)| [z, y + dy, x + dx])
}

/// A network of four skeletons, with a spacing that differs along the axes: a ring with two tails, a ring without any, an
/// isolated voxel, and a line along z. Its place in the coordinates of the image is (2, 0, 10) voxels.
pub(super) fn network() -> Network {
    let mut positions: Vec<[i64; 3]> = diamond(2, 5, 6).chain(diamond(9, 14, 20)).collect();
    positions.extend([[2, 5, 1], [2, 5, 0], [5, 0, 0], [2, 5, 11], [2, 5, 12]]);
    positions.extend((0..8).map(|z| [z, 18, 3]));
    of_voxels(positions, [12, 20, 30])
}

/// The network of a skeleton, with radii that differ at all voxels.
fn of_voxels(mut positions: Vec<[i64; 3]>, shape: [usize; 3]) -> Network {
    positions.sort_unstable();
    positions.dedup();
    let spacing = Spacing([2.0, 0.5, 0.25]);
    let voxels: Vec<(Voxel, i64)> = positions.iter().map(|&position| (Voxel::new(position), 1)).collect();
    let paths = paths(&voxels, false, Region::of_shape(shape), spacing);
    let radii = (0..voxels.len()).map(|n| 1.0 + n as f64 / 8.0).collect();
    let ids = skeletons_of(&paths, voxels.len());
    let mut network = Network {
        image: "image.zarr".to_owned(),
        parameters: serde_json::Value::Null,
        unsigned_labels: false,
        dimensions: 3,
        shape,
        spacing,
        unit: Some("micrometer".to_owned()),
        place: [2.0, 0.0, 10.0],
        voxels: voxels.into_iter().map(|(voxel, _)| voxel).collect(),
        labels: None,
        radii: Some(radii),
        values: None,
        paths,
        branches: TableText::default(),
        nodes: None,
        skeletons: None,
    };
    network.branches = branches(&network, &ids);
    network.nodes = Some(nodes(&network, &ids));
    network
}

/// The number of each voxel's skeleton, by its first voxel.
fn skeletons_of(paths: &Paths, voxels: usize) -> Vec<f64> {
    let mut first: Vec<usize> = (0..voxels).collect();
    // As often as there are branches: then the least number has come everywhere.
    for _ in 0..=paths.len() {
        for path in paths.iter() {
            let least = path.iter().map(|&voxel| first[voxel as usize]).min().unwrap();
            path.iter().for_each(|&voxel| first[voxel as usize] = least);
        }
    }
    let mut firsts = first.clone();
    firsts.sort_unstable();
    firsts.dedup();
    first.iter().map(|voxel| firsts.binary_search(voxel).unwrap() as f64).collect()
}

fn table(names: &[&str], rows: impl IntoIterator<Item = Vec<f64>>) -> TableText {
    let mut values = vec![Vec::new(); names.len()];
    for row in rows {
        assert_eq!(row.len(), names.len());
        values.iter_mut().zip(row).for_each(|(column, value): (&mut Vec<f64>, f64)| column.push(value));
    }
    TableText { names: names.iter().map(|name| (*name).to_owned()).collect(), values, ..TableText::default() }
}

fn branches(network: &Network, ids: &[f64]) -> TableText {
    let names = ["skeleton_id", "node_id_src", "node_id_dst", "branch_distance", "euclidean_distance", "branch_id"];
    let names: Vec<&str> = names.into_iter().chain(["tortuosity", "mean_radius", "volume", "touches_border"]).collect();
    let rows = network.paths.iter().enumerate().map(|(branch, path)| {
        let (from, to) = (path[0], path[path.len() - 1]);
        let between = |a: u32, b: u32| {
            let (a, b) = (network.voxels[a as usize], network.voxels[b as usize]);
            network.spacing.length(a.step_to(b))
        };
        let length: f64 = path.windows(2).map(|pair| between(pair[0], pair[1])).sum();
        let straight = between(from, to);
        let tortuosity = if straight > 0.0 { length / straight } else { f64::NAN };
        let radius = path.iter().map(|&voxel| network.radius(voxel)).sum::<f64>() / path.len() as f64;
        let [from_id, to_id] = [from, to].map(f64::from);
        let first = [ids[from as usize], from_id, to_id, length, straight, branch as f64];
        first.into_iter().chain([tortuosity, radius, 2.0 * length, f64::from(branch == 0)]).collect()
    });
    table(&names, rows)
}

fn nodes(network: &Network, ids: &[f64]) -> TableText {
    let names = ["node_id", "skeleton_id", "degree", "image_coord_0", "image_coord_1", "image_coord_2"];
    let names: Vec<&str> =
        names.into_iter().chain(["coord_0", "coord_1", "coord_2", "radius", "touches_border"]).collect();
    let voxels = 0..u32::try_from(network.voxels.len()).unwrap();
    let rows = voxels.filter_map(|voxel| {
        let ends = network.paths.iter().flat_map(|path| [path[0], path[path.len() - 1]]);
        let degree = ends.filter(|end| *end == voxel).count();
        let inside = network.paths.iter().flatten().any(|other| *other == voxel);
        let place = network.voxels[voxel as usize].position().map(|coordinate| coordinate as f64);
        let first = [f64::from(voxel), ids[voxel as usize], degree as f64].into_iter().chain(place);
        let row = first.chain(network.position(voxel)).chain([network.radius(voxel), 0.0]);
        (degree > 0 || !inside).then(|| row.collect())
    });
    table(&names, rows)
}

/// The files that a format writes, by name, and its notes.
fn written(format: Format, network: &Network) -> (Vec<Vec<u8>>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let notes = format.write(network, folder.path(), 1).unwrap();
    let read = |name: &&str| fs::read(folder.path().join(name)).unwrap();
    (format.files().iter().map(read).collect(), notes)
}

/// The only file that a format writes, as text, and its notes.
fn text(format: Format, network: &Network) -> (String, Vec<String>) {
    let (mut files, notes) = written(format, network);
    (String::from_utf8(files.remove(0)).unwrap(), notes)
}

#[test]
fn the_network_of_these_tests_has_two_rings_a_line_and_an_isolated_voxel() {
    let network = network();
    assert_eq!((network.voxels.len(), network.paths.len()), (16 + 4 + 16 + 1 + 8, 6));
    let nodes = network.nodes.unwrap();
    let mut degrees = nodes.column("degree").unwrap().to_vec();
    degrees.sort_by(f64::total_cmp);
    assert_eq!(degrees, [0.0, 1.0, 1.0, 1.0, 1.0, 2.0, 3.0, 3.0]);
    assert_eq!(nodes.column("skeleton_id").unwrap().iter().copied().fold(0.0, f64::max), 3.0);
}

#[test]
fn formats_are_found_by_their_names() {
    for &format in Format::ALL {
        assert_eq!(Format::of(format.name()), Some(format));
    }
    assert_eq!(Format::of("obj"), None);
}
