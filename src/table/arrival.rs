//! The parts of a volume that have arrived, and the branches that are provisional until the other parts arrive.

use std::collections::{BTreeSet, HashSet};

use crate::grid::{ChunkId, Grid};
use crate::kernel::measure::channel::Measured;
use crate::kernel::network::branch::Branch;
use crate::space::{Position, Region};

/// The units of a volume that have arrived. Units are the chunks of a session, or the parts that storage holds as one.
///
/// A branch is provisional until every unit that it runs through has arrived, and every unit adjacent to one (26 of
/// them, 8 in 2-D). Only units within the bounds of the grid count; branches do not wait for units outside.
#[derive(Clone, Debug)]
pub struct Arrival {
    grid: Grid,
    /// Position of the volume's first voxel on the grid.
    origin: Position,
    /// Either the complete units, which have arrived with all adjacent ones, or all other units.
    listed: HashSet<ChunkId>,
    /// Whether `listed` holds the complete units.
    listed_are_complete: bool,
    units: u64,
    missing: u64,
}

impl Arrival {
    /// All units of a grid have arrived except `missing`; the volume's first voxel is at `origin` on the grid. Holds
    /// the missing units and those adjacent to them.
    pub fn without(grid: Grid, origin: Position, missing: &BTreeSet<ChunkId>) -> Self {
        let inside = || missing.iter().filter(|&&unit| !grid.region(unit).is_empty());
        let listed = inside().flat_map(|&unit| grid.within(unit, [1; 3]).chain([unit])).collect();
        let missing = inside().count() as u64;
        Arrival { grid, origin, listed, listed_are_complete: false, units: units(&grid), missing }
    }

    /// Only the units `arrived` of a grid have arrived; positions are those of the grid. Holds a subset of them, so
    /// that the bounds of the grid may be arbitrarily far away.
    pub fn of(grid: Grid, arrived: &BTreeSet<ChunkId>) -> Self {
        let complete = |&unit: &ChunkId| grid.within(unit, [1; 3]).all(|other| arrived.contains(&other));
        let inside = || arrived.iter().filter(|&&unit| !grid.region(unit).is_empty());
        let listed = inside().copied().filter(complete).collect();
        let units = units(&grid);
        let missing = units.saturating_sub(inside().count() as u64);
        Arrival { grid, origin: [0; 3], listed, listed_are_complete: true, units, missing }
    }

    /// Whether a branch is provisional. Takes time linear in its voxels.
    pub fn is_provisional<M: Measured>(&self, branch: &Branch<M>) -> bool {
        let mut region = Region::of_shape([0; 3]);
        branch.voxels().any(|voxel| {
            let position = voxel.position();
            let position = std::array::from_fn(|a| position[a] + self.origin[a]);
            if region.contains(position) {
                return false;
            }
            let unit = self.grid.chunk_at(position);
            region = self.grid.whole_region(unit);
            self.listed.contains(&unit) != self.listed_are_complete
        })
    }

    /// Number of units, arrived or not.
    pub fn units(&self) -> u64 {
        self.units
    }

    /// Number of units that have not arrived.
    pub fn missing(&self) -> u64 {
        self.missing
    }
}

fn units(grid: &Grid) -> u64 {
    grid.shape().iter().fold(1, |units: u64, &along| units.saturating_mul(along as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::measure::moments::Moments;
    use crate::kernel::network::branch::BranchKind;
    use crate::kernel::network::step::{Lengths, Step};
    use crate::space::{Spacing, Voxel};

    /// A branch along x.
    fn branch([z, y, x]: Position, length: i64) -> Branch {
        let voxels: Vec<Voxel> = (0..=length).map(|step| Voxel::new([z, y, x + step])).collect();
        let steps: Vec<Step> = voxels.windows(2).map(|pair| Step::between(pair[0], pair[1]).unwrap()).collect();
        let (lengths, values) = (Lengths::new(Spacing::default()), Moments::new(1.0, 0.0));
        Branch::new(voxels[0], voxels[length as usize], BranchKind::TipToTip, false, &steps, values, &lengths)
    }

    fn both(grid: Grid, missing: &[Position]) -> [Arrival; 2] {
        let missing: BTreeSet<ChunkId> = missing.iter().map(|&place| ChunkId::at(place)).collect();
        let arrived = grid.chunks().filter(|unit| !missing.contains(unit)).collect();
        [Arrival::without(grid, [0; 3], &missing), Arrival::of(grid, &arrived)]
    }

    #[test]
    fn branches_are_provisional_up_to_one_unit_from_what_is_missing() {
        let grid = Grid::new(Region::of_shape([12, 12, 30]), [4, 4, 4]);
        for arrival in both(grid, &[[0, 0, 4]]) {
            assert_eq!((arrival.units(), arrival.missing()), (72, 1));
            for (start, length, provisional) in [
                ([1, 1, 17], 1, true),   // in the missing unit itself
                ([7, 7, 13], 2, true),   // in one that touches it by a corner
                ([1, 1, 1], 10, false),  // up to the last voxel of the unit before
                ([1, 1, 1], 11, true),   // one further
                ([1, 1, 24], 5, false),  // on the other side
                ([8, 1, 10], 15, false), // two units away
                ([1, 8, 10], 15, false),
            ] {
                assert_eq!(arrival.is_provisional(&branch(start, length)), provisional, "{start:?} {length}");
            }
        }
        for arrival in both(grid, &[]) {
            assert!(arrival.missing() == 0 && !arrival.is_provisional(&branch([0; 3], 29)));
        }
    }

    #[test]
    fn an_image_waits_for_eight_units_and_for_none_outside() {
        let grid = Grid::new(Region::of_shape([1, 12, 12]), [1, 4, 4]);
        for arrival in both(grid, &[[0, 0, 0]]) {
            assert!(arrival.is_provisional(&branch([0, 5, 5], 2)));
            assert!(!arrival.is_provisional(&branch([0, 9, 1], 10)));
        }
    }

    #[test]
    fn a_canvas_without_ends_waits_all_round() {
        let grid = Grid::new(Region::new(Voxel::MIN, Voxel::END), [4; 3]);
        let mut arrived: BTreeSet<ChunkId> = grid.within(ChunkId::at([-1; 3]), [1; 3]).collect();
        let inside = branch([-3, -3, -4], 3);
        assert!(Arrival::of(grid, &arrived).is_provisional(&inside));
        arrived.insert(ChunkId::at([-1; 3]));
        assert!(!Arrival::of(grid, &arrived).is_provisional(&inside));
        assert!(Arrival::of(grid, &arrived).is_provisional(&branch([-3, -3, -4], 4)));
        arrived.remove(&ChunkId::at([0, -2, 0]));
        assert!(Arrival::of(grid, &arrived).is_provisional(&inside));
    }

    #[test]
    fn the_grid_of_units_may_begin_elsewhere_than_the_volume() {
        let grid = Grid::new(Region::new([0, 0, 6], [4, 4, 20]), [4; 3]);
        let missing = [[0, 0, 4], [0, 0, 0]].map(ChunkId::at).into();
        let arrival = Arrival::without(grid, [0, 0, 6], &missing);
        assert_eq!((arrival.units(), arrival.missing()), (4, 1), "a unit outside of the bounds does not count");
        assert!(!arrival.is_provisional(&branch([0; 3], 5)));
        assert!(arrival.is_provisional(&branch([0; 3], 6)));
    }
}
