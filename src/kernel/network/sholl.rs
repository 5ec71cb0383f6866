//! Sholl analysis: how often a skeleton crosses spheres around a centre.

use crate::grid::Grid;
use crate::kernel::network::adjacency::for_each_link;
use crate::kernel::network::links::network;
use crate::kernel::network::octree::Octree;
use crate::kernel::network::step::Lengths;
use crate::space::{Region, Spacing, Voxel};

/// The distance between a voxel's centre and a point, in the unit of the spacing.
pub fn distance(voxel: Voxel, spacing: Spacing, point: [f64; 3]) -> f64 {
    let position = voxel.position();
    let [z, y, x] = std::array::from_fn(|axis| {
        let difference = position[axis] as f64 * spacing.0[axis] - point[axis];
        difference * difference
    });
    (z + y + x).sqrt()
}

/// The number of edges that cross each shell, as `skan.csr.sholl_analysis` of skan 0.13.1 counts them.
///
/// Shells are spheres (circles in 2-D) around `center`, given by ascending `radii`; lengths are in the unit of the spacing.
/// Edges are those of skan's graph: between neighbouring voxels, junction clusters replaced by their minimum spanning tree.
/// An edge is inside a shell at a voxel whose distance is smaller than the radius. It crosses the innermost shell that has
/// one of its ends inside and the other not, and is counted there only: with shells closer to each other than voxels, outer
/// shells miss it.
///
/// `voxels` are the whole skeleton inside `bounds`, in raster order. Takes time O(n log s) for n voxels and s shells, and 24
/// bytes a voxel.
pub fn crossings(voxels: &[Voxel], bounds: Region, spacing: Spacing, center: [f64; 3], radii: &[f64]) -> Vec<u64> {
    let octree = Octree::new(Grid::new(bounds, bounds.shape().map(|length| length.max(1))));
    let sets = network(voxels, &[], &octree, &Lengths::new(spacing)).sets;
    // How many shells a voxel lies outside of, or on.
    let passed = |&voxel: &Voxel| radii.partition_point(|&radius| radius <= distance(voxel, spacing, center)) as u32;
    let passed: Vec<u32> = voxels.iter().map(passed).collect();
    let mut counts = vec![0; radii.len()];
    for_each_link(voxels, |i, j, step| {
        if sets[i] & step.bit() != 0 && passed[i] != passed[j] {
            counts[passed[i].min(passed[j]) as usize] += 1;
        }
    });
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_crosses_the_innermost_shell_between_its_ends() {
        // A line along x, with voxels two units apart.
        let voxels: Vec<Voxel> = (0..5).map(|x| Voxel::new([0, 0, x])).collect();
        let (bounds, spacing) = (Region::of_shape([1, 1, 5]), Spacing([1.0, 1.0, 2.0]));
        let counts = |center, radii: &[f64]| crossings(&voxels, bounds, spacing, [0.0, 0.0, center], radii);
        assert_eq!(counts(0.0, &[0.0, 2.0, 4.0, 8.0, 9.0]), [0, 1, 1, 1, 0]);
        assert_eq!(counts(4.0, &[0.0, 1.0, 3.0, 4.5]), [0, 2, 2, 0]);
        assert_eq!(counts(0.0, &[0.5, 1.0, 1.5, 2.5]), [1, 0, 0, 1]);
        assert_eq!(crossings(&[], bounds, spacing, [0.0; 3], &[0.0]), [0]);
    }
}
