//! Components and Euler numbers of masks.

use super::{Mask, add, steps};

/// The 26-connected components of the foreground, by first voxel; each as the mask of its voxels.
pub(crate) fn components(mask: &Mask) -> Vec<Mask> {
    let mut left = mask.clone();
    let mut components = Vec::new();
    for seed in mask.foreground() {
        if !left.voxels[seed] {
            continue;
        }
        left.voxels[seed] = false;
        let mut component = Mask::new(mask.shape, vec![false; mask.voxels.len()]);
        let mut open = vec![seed];
        while let Some(index) = open.pop() {
            component.voxels[index] = true;
            for q in mask.neighbours(mask.position(index)) {
                let next = mask.index(q).expect("a neighbour in the foreground is inside");
                if left.voxels[next] {
                    left.voxels[next] = false;
                    open.push(next);
                }
            }
        }
        components.push(component);
    }
    components
}

/// The Euler characteristic of the union of closed voxels: components - tunnels + cavities, with 26-neighbours
/// connected.
pub(crate) fn euler_number(mask: &Mask) -> i64 {
    // On the grid of half-voxels a voxel's centre has three odd coordinates; every other coordinate that turns even
    // lowers the cell's dimension by one.
    let mut cells = std::collections::BTreeSet::new();
    for index in mask.foreground() {
        let centre = mask.position(index).map(|n| 2 * n + 1);
        cells.extend(steps().into_iter().map(|d| add(centre, d)));
    }
    cells.iter().map(|cell| if cell.iter().filter(|n| n.rem_euclid(2) == 1).count() % 2 == 0 { 1 } else { -1 }).sum()
}
