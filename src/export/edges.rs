//! `edges.csv`: the graph of the skeleton's voxels.

use std::io::Write;
use std::path::Path;

use super::Network;
use super::files::write_file;
use crate::error::Result;
use crate::grid::{ChunkId, Grid};
use crate::space::{Position, Region, Voxel};

/// Writes a row for each pair of neighbours (26, in 2-D 8) among the skeleton's voxels: `row` and `column`, their
/// `node_id`s, the smaller one first, and their `distance` in the unit. Rows are in the order of these numbers. All pairs are
/// there, also those in clusters of junctions that the branch table's spanning trees leave out; voxels of different labels
/// are no neighbours.
pub(super) fn write(network: &Network, folder: &Path, _: usize) -> Result<Vec<String>> {
    write_file(folder, "edges.csv", |file| {
        writeln!(file, "row,column,distance")?;
        for (row, column) in pairs(&network.voxels, network.labels.as_deref()) {
            let (a, b) = (network.voxels[row].position(), network.voxels[column].position());
            let distance = network.spacing.length(std::array::from_fn(|axis| b[axis] - a[axis]));
            writeln!(file, "{row},{column},{distance}")?;
        }
        Ok(())
    })?;
    Ok(Vec::new())
}

/// The pairs of neighbours among voxels in raster order, each once, in order. Takes time linear in the voxels: the later
/// neighbours of successive voxels are looked for from where those of the one before were.
fn pairs<'a>(voxels: &'a [Voxel], labels: Option<&'a [i64]>) -> impl Iterator<Item = (usize, usize)> + 'a {
    let offsets = Grid::new(Region::new([-1; 3], [2; 3]), [1; 3]).chunks().map(ChunkId::place);
    let later: Vec<Position> = offsets.filter(|offset| *offset > [0; 3]).collect();
    let mut from = vec![0; later.len()];
    (0..voxels.len()).flat_map(move |row| {
        let position = voxels[row].position();
        let mut found = Vec::new();
        for (offset, from) in later.iter().zip(&mut from) {
            let place = Voxel::new(std::array::from_fn(|axis| position[axis] + offset[axis]));
            while voxels.get(*from).is_some_and(|voxel| *voxel < place) {
                *from += 1;
            }
            let same = |column: usize| labels.is_none_or(|labels| labels[row] == labels[column]);
            if voxels.get(*from) == Some(&place) && same(*from) {
                found.push((row, *from));
            }
        }
        found.sort_unstable();
        found
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::fixtures::ring_and_rod;

    #[test]
    fn each_pair_of_neighbours_is_there_once_with_its_distance() {
        let (network, folder) = (ring_and_rod(), tempfile::tempdir().unwrap());
        write(&network, folder.path(), 1).unwrap();
        let text = std::fs::read_to_string(folder.path().join("edges.csv")).unwrap();
        let mut expected = vec!["row,column,distance".to_owned()];
        for (row, a) in network.voxels.iter().enumerate() {
            for (column, b) in network.voxels.iter().enumerate().skip(row + 1) {
                let offset: [i64; 3] = std::array::from_fn(|axis| b.position()[axis] - a.position()[axis]);
                if offset.iter().all(|d| d.abs() <= 1) {
                    expected.push(format!("{row},{column},{}", network.spacing.length(offset)));
                }
            }
        }
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
        let labels: Vec<i64> = (0..network.voxels.len() as i64).map(|voxel| voxel % 2).collect();
        assert!(pairs(&network.voxels, Some(&labels)).all(|(row, column)| row % 2 == column % 2));
    }
}
