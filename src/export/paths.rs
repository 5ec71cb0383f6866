//! `paths.csv`: the voxels of each branch, a row each.

use std::io::Write;
use std::path::Path;

use super::Network;
use super::files::write_file;
use crate::error::Result;

/// Writes a row for each voxel of each branch, from its start to its end: `branch_id`, `node_id` (its rank among the
/// skeleton's voxels), its coordinates in the unit, `radius` and `pixel_value`, which are empty where they are not known.
pub(super) fn write(network: &Network, folder: &Path, _: usize) -> Result<Vec<String>> {
    let axes = 3 - network.dimensions..3;
    write_file(folder, "paths.csv", |file| {
        write!(file, "branch_id,node_id")?;
        for axis in 0..network.dimensions {
            write!(file, ",coord_{axis}")?;
        }
        writeln!(file, ",radius,pixel_value")?;
        for (branch, path) in network.paths.iter().enumerate() {
            for &voxel in path {
                write!(file, "{branch},{voxel}")?;
                for coordinate in &network.position(voxel)[axes.clone()] {
                    write!(file, ",{coordinate}")?;
                }
                for value in [network.radius(voxel), network.value(voxel)] {
                    if value.is_nan() {
                        write!(file, ",")?;
                    } else {
                        write!(file, ",{value}")?;
                    }
                }
                writeln!(file)?;
            }
        }
        Ok(())
    })?;
    Ok(Vec::new())
}
