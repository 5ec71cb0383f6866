//! Lengths of the parts of paths that lie in different regions.

use crate::kernel::network::step::{CLASSES, Lengths, Step};

/// Halves of steps, counted by class. A step between two voxels counts one half for each of them, so the parts of a path add
/// up to it, wherever the borders between regions are. Sums of counts are exact; a length depends on the counts alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HalfSteps([u64; CLASSES]);

impl HalfSteps {
    /// Counts one half of a step.
    pub fn add(&mut self, step: Step) {
        self.0[step.class()] += 1;
    }

    /// Adds the halves of another part.
    pub fn merge(&mut self, other: &HalfSteps) {
        self.0.iter_mut().zip(other.0).for_each(|(own, more)| *own += more);
    }

    /// Whether no half of a step was counted.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|&count| count == 0)
    }

    /// Their length. That of all halves of a path is its length, to the last bit.
    pub fn length(&self, lengths: &Lengths) -> f64 {
        lengths.total(&self.0) / 2.0
    }
}

/// The halves of a path's steps by region, in ascending order of the regions; `regions` are those of its voxels, one more
/// than there are steps.
///
/// # Panics
/// If their number does not fit.
pub fn by_region(steps: &[Step], regions: &[u32]) -> Vec<(u32, HalfSteps)> {
    assert_eq!(regions.len(), steps.len() + 1, "a path has one voxel more than steps");
    let mut parts: Vec<(u32, HalfSteps)> = Vec::new();
    let mut add = |region: u32, step: Step| match parts.binary_search_by_key(&region, |part| part.0) {
        Ok(place) => parts[place].1.add(step),
        Err(place) => {
            let mut halves = HalfSteps::default();
            halves.add(step);
            parts.insert(place, (region, halves));
        }
    };
    for (pair, &step) in regions.windows(2).zip(steps) {
        add(pair[0], step);
        add(pair[1], step);
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::space::Spacing;

    #[test]
    fn a_step_across_a_border_counts_half_for_each_side() {
        let lengths = Lengths::new(Spacing([1.0, 4.0, 3.0]));
        let step = |code| Step::new(code);
        // Along x, then diagonally, then back along y.
        let parts = by_region(&[step(14), step(17), step(10)], &[7, 7, 2, 7]);
        let found: Vec<(u32, f64)> = parts.iter().map(|(region, halves)| (*region, halves.length(&lengths))).collect();
        assert_eq!(found, [(2, 2.5 + 2.0), (7, 3.0 + 2.5 + 2.0)]);
        assert_eq!(by_region(&[], &[3]), []);
    }

    proptest! {
        #[test]
        fn the_parts_of_a_path_add_up_to_it(
            path in prop::collection::vec((0u8..26, 0u32..4), 1..80),
            last in 0u32..4,
            spacing in prop::array::uniform3(0.01f64..10.0),
        ) {
            let lengths = Lengths::new(Spacing(spacing));
            let steps: Vec<Step> = path.iter().map(|&(code, _)| Step::new(code + u8::from(code >= 13))).collect();
            let regions: Vec<u32> = path.iter().map(|&(_, region)| region).chain([last]).collect();
            let parts = by_region(&steps, &regions);
            prop_assert!(parts.is_sorted_by(|a, b| a.0 < b.0) && parts.iter().all(|(_, halves)| !halves.is_empty()));
            let mut all = HalfSteps::default();
            parts.iter().for_each(|(_, halves)| all.merge(halves));
            prop_assert_eq!(all.length(&lengths), lengths.along(&steps));
            let sum: f64 = parts.iter().map(|(_, halves)| halves.length(&lengths)).sum();
            prop_assert!((sum - lengths.along(&steps)).abs() <= 1e-12 * sum);
        }
    }
}
