//! Voreen's tables of a vessel graph: `voreen_nodes.csv` and `voreen_edges.csv`.

use std::io::Write;
use std::path::Path;

use super::Network;
use super::files::write_file;
use super::nodes::{nodes, without_isolated};
use crate::error::Result;

/// Stands for what is not known, as Voreen has it.
const INVALID: f64 = -1.0;

/// Writes the nodes and the branches with Voreen's columns, in the unit of the spacing, by `node_id` and `branch_id`.
///
/// Voreen measures three radii across a vessel at each voxel: the distances to the nearest surface, on average, and to the
/// farthest. Only the first is measured here, as `minRadius`; the others and roundness are -1. `curveness` of cycles is -1,
/// and `num_voxels` counts the voxels between the nodes.
pub(super) fn write(network: &Network, folder: &Path, _: usize) -> Result<Vec<String>> {
    let table = nodes(network);
    let ids = table.column("node_id").unwrap_or_default();
    let degrees = table.column("degree").unwrap_or_default();
    let at_border = table.column("touches_border");
    // x, y, z: the table has its axes in the other order.
    let axes: Vec<Option<&[f64]>> =
        (0..3).map(|axis| table.column(&format!("coord_{}", network.dimensions.checked_sub(axis + 1)?))).collect();
    write_file(folder, "voreen_nodes.csv", |file| {
        writeln!(file, "id;pos_x;pos_y;pos_z;degree;isAtSampleBorder")?;
        for (row, id) in ids.iter().enumerate() {
            write!(file, "{id}")?;
            for axis in &axes {
                write!(file, ";{}", axis.map_or(0.0, |positions| positions[row]))?;
            }
            writeln!(file, ";{};{}", degrees[row], at_border.map_or(INVALID, |flags| flags[row]))?;
        }
        Ok(())
    })?;
    let mut by_id: Vec<(f64, usize)> = ids.iter().copied().zip(0..).collect();
    by_id.sort_by(|a, b| a.0.total_cmp(&b.0));
    let row_of = |id: u32| {
        let place = by_id.binary_search_by(|(other, _)| other.total_cmp(&f64::from(id))).ok()?;
        Some(by_id[place].1)
    };
    let columns = |name: &str| network.branches.column(name);
    let [length, distance, tortuosity] = ["branch_distance", "euclidean_distance", "tortuosity"].map(columns);
    let [volume, radius, stdev] = ["volume", "mean_radius", "stdev_radius"].map(columns);
    let value = |column: Option<&[f64]>, row: usize| {
        column.and_then(|column| column.get(row)).copied().filter(|value| value.is_finite()).unwrap_or(INVALID)
    };
    write_file(folder, "voreen_edges.csv", |file| {
        write!(file, "id;node1id;node2id;length;distance;curveness;volume;avgCrossSection;minRadiusAvg;minRadiusStd;")?;
        write!(file, "avgRadiusAvg;avgRadiusStd;maxRadiusAvg;maxRadiusStd;roundnessAvg;roundnessStd;")?;
        writeln!(file, "node1_degree;node2_degree;num_voxels;hasNodeAtSampleBorder")?;
        for (branch, path) in network.paths.iter().enumerate() {
            let [Some(&from), Some(&to)] = [path.first(), path.last()] else { continue };
            let (length, distance, volume) = (value(length, branch), value(distance, branch), value(volume, branch));
            let curveness = match tortuosity {
                Some(_) => value(tortuosity, branch),
                None if distance > 0.0 => length / distance,
                None => INVALID,
            };
            let section = if volume >= 0.0 && length > 0.0 { volume / length } else { INVALID };
            let ends = [from, to].map(row_of);
            let [from_degree, to_degree] = ends.map(|row| row.map_or(INVALID, |row| degrees[row]));
            let borders = ends.map(|row| row.zip(at_border).map_or(INVALID, |(row, flags)| flags[row]));
            let border = borders[0].max(borders[1]);
            write!(file, "{branch};{from};{to};{length};{distance};{curveness};{volume};{section};")?;
            write!(file, "{};{};-1;-1;-1;-1;-1;-1;", value(radius, branch), value(stdev, branch))?;
            writeln!(file, "{from_degree};{to_degree};{};{border}", path.len().saturating_sub(2))?;
        }
        Ok(())
    })?;
    let unit = network.unit.as_deref().unwrap_or("the unit of the spacing, which is not known");
    let radii =
        "average and largest radii and roundness are -1: only the distance to the nearest background is measured";
    let notes = [format!("lengths are in {unit}; the files cannot say so"), radii.to_owned()];
    Ok(notes.into_iter().chain(without_isolated(network)).collect())
}
