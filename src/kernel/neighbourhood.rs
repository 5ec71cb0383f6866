//! Predicates on the 27 voxels around a voxel, as Lee's thinning needs them.
//!
//! A neighbourhood is a number of 27 bits: bit 9 * (dz + 1) + 3 * (dy + 1) + (dx + 1), the voxel itself at bit 13.
//!
//! The method is T.-C. Lee, R. L. Kashyap, C.-N. Chu, "Building skeleton models via 3-D medial surface/axis thinning
//! algorithms", CVGIP: Graphical Models and Image Processing 56(6), 1994.

/// The voxel itself.
pub const CENTRE: u32 = 1 << 13;
/// Neighbours before the voxel in raster order.
pub const EARLIER: u32 = CENTRE - 1;
/// Neighbours after the voxel in raster order.
pub const LATER: u32 = ((1 << 27) - 1) & !(EARLIER | CENTRE);

const ALL: u32 = (1 << 27) - 1;
const X_FIRST: u32 = 0o111_111_111;
const X_LAST: u32 = X_FIRST << 2;
const Y_FIRST: u32 = 0o007_007_007;
const Y_LAST: u32 = Y_FIRST << 6;

/// Whether exactly one neighbour is foreground.
#[inline]
pub fn is_endpoint(neighbourhood: u32) -> bool {
    (neighbourhood & !CENTRE).is_power_of_two()
}

/// Whether the foreground neighbours form at most one 26-connected component, so that removing the voxel splits
/// nothing.
#[inline]
pub fn is_simple(neighbourhood: u32) -> bool {
    let all = neighbourhood & !CENTRE;
    let mut part = all & all.wrapping_neg();
    loop {
        let grown = dilate(part) & all;
        if grown == part {
            return part == all;
        }
        part = grown;
    }
}

/// A set of cells and all cells next to them.
#[inline]
fn dilate(cells: u32) -> u32 {
    let x = cells | (cells & !X_LAST) << 1 | (cells & !X_FIRST) >> 1;
    let y = x | (x & !Y_LAST) << 3 | (x & !Y_FIRST) >> 3;
    (y | y << 9 | y >> 9) & ALL
}

/// Whether removing the voxel, which is foreground, keeps the Euler characteristic [Lee94, section 3.2].
///
/// The characteristic of the union of closed unit cubes is a sum over the eight octants around the voxel; two octants
/// at a time (the quarters of the neighbourhood, 12 cells each) are looked up.
#[inline]
pub fn is_euler_invariant(neighbourhood: u32) -> bool {
    let mut change = 0;
    let mut quarter = 0;
    while quarter < 4 {
        let first = QUARTERS[quarter];
        let cells = neighbourhood >> first & 0o77 | (neighbourhood >> (first + 9) & 0o77) << 6;
        change += EULER_CHANGE[quarter][cells as usize];
        quarter += 1;
    }
    change == 0
}

/// The first cell of the quarters: planes (z-, z) or (z, z+), rows (y-, y) or (y, y+).
const QUARTERS: [u32; 4] = [0, 3, 9, 12];

/// Eight times the change of the Euler characteristic that a quarter contributes when the voxel is removed.
static EULER_CHANGE: [[i8; 4096]; 4] = euler_changes();

const fn euler_changes() -> [[i8; 4096]; 4] {
    let mut tables = [[0; 4096]; 4];
    let mut quarter = 0;
    while quarter < 4 {
        // The voxel's own cell among the twelve: cell 13 of the 27, at (1, 1, 1).
        let (z, y) = (1 - quarter / 2, 1 - quarter % 2);
        let centre = 1u32 << (6 * z + 3 * y + 1);
        let mut cells = 0u32;
        while cells < 4096 {
            let with = cells | centre;
            let without = cells & !centre;
            tables[quarter][cells as usize] = octant_pair(with) - octant_pair(without);
            cells += 1;
        }
        quarter += 1;
    }
    tables
}

/// Eight times the characteristic that both octants of a quarter contribute at their common corners with the voxel.
const fn octant_pair(cells: u32) -> i8 {
    let left = cells & 3 | cells >> 1 & 0o14 | cells >> 2 & 0o60 | cells >> 3 & 0o300;
    let right = cells >> 1 & 3 | cells >> 2 & 0o14 | cells >> 3 & 0o60 | cells >> 4 & 0o300;
    OCTANT[left as usize] + OCTANT[right as usize]
}

/// Eight times the part of the Euler characteristic at the corner that eight cells share: the corner counts whole, its
/// six half edges a half, its twelve quarter faces a quarter, its eight cells an eighth; a closed cube brings its faces,
/// edges and corners with it.
const OCTANT: [i8; 256] = {
    let mut table = [0; 256];
    let mut cells = 1u32;
    while cells < 256 {
        let mut sum = 8 - cells.count_ones() as i8;
        let mut axis = 0;
        while axis < 3 {
            // Cells on the near side of the corner along an axis, as bits of the eight.
            let near = [0x55, 0x33, 0x0f][axis];
            // Four cells on a side share the half edge there; cells across from each other share a face.
            sum -= 4 * ((cells & near != 0) as i8 + (cells & !near != 0) as i8);
            sum += 2 * ((cells | cells >> (1 << axis)) & near).count_ones() as i8;
            axis += 1;
        }
        table[cells as usize] = sum;
        cells += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opposite_neighbours_alone_are_not_simple_and_a_full_neighbourhood_is() {
        assert!(!is_simple(CENTRE | 1 | 1 << 26));
        assert!(is_simple(ALL));
        assert!(is_simple(CENTRE | 1));
        assert!(is_simple(CENTRE));
    }

    #[test]
    fn an_isolated_voxel_and_a_cavity_change_the_euler_characteristic_and_a_tip_does_not() {
        assert!(!is_euler_invariant(CENTRE));
        assert!(!is_euler_invariant(ALL));
        assert!(is_euler_invariant(CENTRE | 1));
        assert!(!is_euler_invariant(CENTRE | 1 | 1 << 26));
        assert!(is_euler_invariant(ALL & !(1 << 4)));
    }
}
