//! The branches of several lists, one by one in the order of the table.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::kernel::measure::channel::Measured;
use crate::kernel::measure::moments::Moments;
use crate::kernel::network::branch::Branch;
use crate::kernel::network::branch_list::{BranchList, Branches};

/// The branches of lists, merged: in the order of [`Branch`], which is that of the table's rows, so the branch that comes
/// as number n, from 0, is the one whose row has the `branch_id` n. [`Branch::voxels`] is its path.
///
/// Holds one branch of each list, and decodes one at a time: O(n log k) for n branches in k lists.
#[derive(Clone, Debug)]
pub struct Merged<'a, M: Measured = Moments> {
    lists: Vec<Branches<'a, M>>,
    /// The next branch of each list that has one, with the list's number.
    next: BinaryHeap<Reverse<(Branch<M>, usize)>>,
}

impl<'a, M: Measured> Merged<'a, M> {
    /// The branches of lists that have no branch in common.
    pub fn new(lists: impl IntoIterator<Item = &'a BranchList<M>>) -> Self {
        let mut lists: Vec<Branches<'a, M>> = lists.into_iter().map(BranchList::iter).collect();
        let first = |(number, list): (usize, &mut Branches<'a, M>)| list.next().map(|branch| Reverse((branch, number)));
        let next = lists.iter_mut().enumerate().filter_map(first).collect();
        Merged { lists, next }
    }
}

impl<M: Measured> Iterator for Merged<'_, M> {
    type Item = Branch<M>;

    fn next(&mut self) -> Option<Branch<M>> {
        let Reverse((branch, number)) = self.next.pop()?;
        if let Some(after) = self.lists[number].next() {
            self.next.push(Reverse((after, number)));
        }
        Some(branch)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.next.len() + self.lists.iter().map(ExactSizeIterator::len).sum::<usize>();
        (left, Some(left))
    }
}

impl<M: Measured> ExactSizeIterator for Merged<'_, M> {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::grid::Grid;
    use crate::kernel::network::graph::Graph;
    use crate::kernel::network::graph::tests::{cut, voxels};
    use crate::kernel::network::step::Lengths;
    use crate::space::{Region, Spacing};

    proptest! {
        #[test]
        fn branches_of_any_lists_come_in_the_order_of_all(
            voxels in voxels([4, 6, 7], [0; 3]),
            deal in prop::collection::vec(0usize..4, 1..20),
        ) {
            let grid = Grid::new(Region::of_shape([4, 6, 7]), [8; 3]);
            let all: Vec<Branch> = Graph::new(&cut(&voxels, &grid, false), grid, Spacing::default()).branches;
            let mut dealt = vec![Vec::new(); 4];
            for (place, branch) in all.iter().enumerate() {
                dealt[deal[place % deal.len()]].push(branch);
            }
            let lengths = Lengths::new(Spacing::default());
            let lists: Vec<BranchList> = dealt.into_iter().map(|list| BranchList::new(list, &lengths)).collect();
            let mut merged = Merged::new(&lists);
            for (place, branch) in all.iter().enumerate() {
                prop_assert_eq!(merged.len(), all.len() - place);
                prop_assert_eq!(merged.next(), Some(branch.clone()));
            }
            prop_assert_eq!(merged.next(), None);
        }
    }
}
