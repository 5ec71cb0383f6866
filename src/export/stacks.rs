//! `skeleton.tif` and `branch_labels.tif`: stacks for Fiji.

use std::path::Path;

use super::Network;
use crate::error::{Error, Result};
use crate::store::output::{StackForm, StackSample, write_stack};

/// Most branches that a stack of floats tells apart.
const MOST: usize = 1 << 24;

/// Writes two stacks: `skeleton.tif` of u8, 255 on the skeleton, and `branch_labels.tif` with the `branch_id` plus one, of
/// u16, or of f32 where there are more than 65,535 branches (ImageJ has no larger whole numbers). A plane at a time is in
/// memory.
pub(super) fn write(network: &Network, folder: &Path, _: usize) -> Result<Vec<String>> {
    let sample = match network.paths.len() {
        0..0x1_0000 => StackSample::U16,
        0x1_0000..MOST => StackSample::F32,
        more => {
            let message = format!("has {more} branches, more than a stack can number; use the format branch-labels");
            return Err(Error::usage(message).at(folder));
        }
    };
    let form = |sample| {
        let &Network { shape, dimensions, spacing, ref unit, .. } = network;
        StackForm { shape, dimensions, spacing, unit: unit.clone(), sample }
    };
    let voxels = || network.voxels.iter().copied();
    write_stack(&folder.join("skeleton.tif"), &form(StackSample::U8), voxels().map(|voxel| (voxel, 255)))?;
    let labels = voxels().zip(network.branches_of_voxels());
    write_stack(&folder.join("branch_labels.tif"), &form(sample), labels)?;
    Ok(Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::Voxels;
    use crate::export::fixtures::ring_and_rod;
    use crate::space::Region;
    use crate::store::{OpenOptions, open};

    #[test]
    fn stacks_hold_the_voxels_and_the_calibration() {
        let (network, folder) = (ring_and_rod(), tempfile::tempdir().unwrap());
        write(&network, folder.path(), 1).unwrap();
        let read = |name: &str| {
            let source = open(&folder.path().join(name), &OpenOptions::default()).unwrap();
            let description = source.description();
            assert_eq!((description.shape, description.unit.as_deref()), (network.shape, Some("micrometer")));
            for (found, expected) in description.spacing.0.iter().zip(network.spacing.0) {
                assert!((found - expected).abs() < 1e-9 * expected, "{found}");
            }
            source.read(&Region::of_shape(network.shape)).unwrap().unwrap().voxels
        };
        let (Voxels::U8(skeleton), Voxels::U16(labels)) = (read("skeleton.tif"), read("branch_labels.tif")) else {
            panic!("bytes, and whole numbers of 16 bits")
        };
        let branches = network.branches_of_voxels();
        assert_eq!(skeleton.iter().filter(|&&value| value == 255).count(), network.voxels.len());
        assert_eq!(skeleton.iter().filter(|&&value| value == 0).count(), skeleton.len() - network.voxels.len());
        for (voxel, branch) in network.voxels.iter().zip(branches) {
            let place = voxel.position().map(|p| p as usize);
            assert_eq!((skeleton[place], u32::from(labels[place])), (255, branch));
        }
    }
}
