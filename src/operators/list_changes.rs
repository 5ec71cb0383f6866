//! Which branches differ between lists.

use crate::kernel::measure::channel::Measured;
use crate::kernel::network::branch::Branch;
use crate::kernel::network::branch_list::BranchList;
use crate::operators::shared::Shared;

/// Lists of branches that come (+1) or go (-1).
pub type ListChanges<M> = Vec<(Shared<BranchList<M>>, isize)>;

/// The same branches that come and go, without those that do both: of lists that come and go at one place, the branches in
/// which they differ. One list alone is returned as it is, in no time; otherwise takes time O(n log n) in the branches.
///
/// # Panics
/// If the lists have different [`Lengths`](crate::kernel::network::step::Lengths).
pub fn settled<M: Measured>(changes: ListChanges<M>) -> ListChanges<M> {
    let Some(lengths) = changes.first().filter(|_| changes.len() > 1).map(|(list, _)| *list.lengths()) else {
        return changes;
    };
    let all = sorted(&changes);
    let (mut gone, mut come) = (Vec::new(), Vec::new());
    for same in all.chunk_by(|a, b| a.0 == b.0) {
        let diff: isize = same.iter().map(|(_, diff)| diff).sum();
        let to = if diff < 0 { &mut gone } else { &mut come };
        to.extend(std::iter::repeat_n(&same[0].0, diff.unsigned_abs()));
    }
    let listed = [(gone, -1), (come, 1)].into_iter().filter(|(branches, _)| !branches.is_empty());
    listed.map(|(branches, diff)| (Shared::new(BranchList::new(branches, &lengths)), diff)).collect()
}

/// The branches of lists that come and go, one by one, in order. Takes time O(n log n).
pub fn sorted<M: Measured>(changes: &ListChanges<M>) -> Vec<(Branch<M>, isize)> {
    let mut all: Vec<(Branch<M>, isize)> =
        changes.iter().flat_map(|(list, diff)| list.iter().map(|branch| (branch, *diff))).collect();
    // A stable sort merges lists that are sorted already.
    all.sort();
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::measure::moments::Moments;
    use crate::kernel::network::branch::BranchKind;
    use crate::kernel::network::step::{Lengths, Step};
    use crate::space::{Spacing, Voxel};

    /// A list of branches of one step along x that begin at these places.
    fn list(places: &[i64]) -> Shared<BranchList> {
        let (lengths, steps) = (Lengths::new(Spacing::default()), [Step::new(14)]);
        let branch = |&x: &i64| {
            let [start, end] = [x, x + 1].map(|x| Voxel::new([0, 0, x]));
            Branch::new(start, end, BranchKind::TipToTip, false, &steps, Moments::new(1.0, 0.0), &lengths)
        };
        Shared::new(BranchList::new(&places.iter().map(branch).collect::<Vec<_>>(), &lengths))
    }

    #[test]
    fn branches_that_come_and_go_cancel_and_the_others_stay_in_order() {
        assert_eq!(settled(vec![(list(&[1, 2]), -1)]), [(list(&[1, 2]), -1)]);
        assert_eq!(settled(vec![(list(&[1, 2]), -1), (list(&[1, 2]), 1)]), []);
        let changes = vec![(list(&[1, 3, 5]), -1), (list(&[1, 2, 5, 9]), 1), (list(&[2]), -1), (list(&[2, 7]), 1)];
        assert_eq!(settled(changes), [(list(&[3]), -1), (list(&[2, 7, 9]), 1)]);
        assert_eq!(settled(ListChanges::<Moments>::new()), []);
    }
}
