//! Branches in order, in little memory: a branch takes two or three bytes, one for each step, and its measures unless
//! they follow from the list; these take sixteen bytes for pixel values that vary.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::kernel::measure::channel::Measured;
use crate::kernel::measure::moments::Moments;
use crate::kernel::network::branch::{Branch, BranchKind};
use crate::kernel::network::step::{Lengths, Step, end};
use crate::kernel::shelf::{Shelf, ShelvedBytes};
use crate::kernel::varint;
use crate::space::Voxel;

/// Number of branches in a group. Reading can begin at the first branch of any group.
const GROUP: usize = 64;

/// Branches in order. Ends and lengths, which follow from the voxels, are computed again when branches are read, with
/// equal bits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BranchList<M: Measured = Moments> {
    count: usize,
    lengths: Lengths,
    /// The measures of branches that have none in `bytes`; `None` if the list is empty.
    common: Option<M::Common>,
    /// Index in `bytes` of the beginning of each group.
    groups: Vec<u64>,
    /// The branches one after the other. Each is the difference of its start from the start of the branch before, or
    /// from the first possible voxel at the beginning of a group; its head; its steps; and its measures, if the head
    /// says so.
    bytes: ShelvedBytes,
}

/// Flags in a head, next to the kind.
const ISOLATED: u8 = 1 << 2;
const VARYING: u8 = 1 << 3;
/// Numbers of steps from this one on follow the head.
const MANY: usize = 15;

impl<M: Measured> BranchList<M> {
    /// The list of branches whose lengths were computed with `lengths`.
    ///
    /// # Panics
    /// If the branches are not in order, do not end where their steps lead, or have other lengths.
    pub fn new<'b>(branches: impl IntoIterator<Item = &'b Branch<M>>, lengths: &Lengths) -> Self {
        let (groups, none) = (Vec::new(), Vec::new().into());
        let mut list = BranchList { count: 0, lengths: *lengths, common: None, groups, bytes: none };
        let (mut bytes, mut last): (Vec<u8>, Option<&Branch<M>>) = (Vec::new(), None);
        for branch in branches {
            assert!(last.is_none_or(|last| last <= branch), "branches of a list are in order");
            let before = last.filter(|_| !list.count.is_multiple_of(GROUP)).map_or(Voxel::FIRST, Branch::start);
            list.push(branch, before, &mut bytes);
            last = Some(branch);
        }
        list.groups.shrink_to_fit();
        bytes.shrink_to_fit();
        BranchList { bytes: bytes.into(), ..list }
    }

    /// The same list with its bytes on a shelf, unless that has them stay. While the list is read again, some of its bytes are
    /// in memory.
    ///
    /// # Panics
    /// Later, where the list is read, if the shelf does not have the bytes any more.
    #[must_use]
    pub fn shelved(mut self, shelf: &Arc<dyn Shelf>) -> Self {
        self.bytes.shelve(shelf);
        self
    }

    fn push(&mut self, branch: &Branch<M>, before: Voxel, bytes: &mut Vec<u8>) {
        let common = *self.common.get_or_insert_with(|| branch.measured().common());
        if self.count.is_multiple_of(GROUP) {
            self.groups.push(bytes.len() as u64);
        }
        self.count += 1;
        let steps = branch.steps();
        assert_eq!(branch.length(), self.lengths.along(steps), "branches of a list are measured with its lengths");
        assert_eq!(branch.end(), end(branch.start(), steps), "branches of a list end where their steps lead");
        let varies = self.implied(steps.len()).as_ref() != Some(branch.measured());
        varint::push(bytes, branch.start().since(before));
        let flags = if branch.is_isolated_cycle() { ISOLATED } else { 0 } | if varies { VARYING } else { 0 };
        bytes.push(branch.kind() as u8 | flags | (steps.len().min(MANY) as u8) << 4);
        if steps.len() >= MANY {
            varint::push(bytes, (steps.len() - MANY) as u64);
        }
        bytes.extend_from_slice(bytemuck::cast_slice(steps));
        if varies {
            branch.measured().write(&common, steps.len(), bytes);
        }
    }

    /// The measures of a branch with `steps` steps that has none in `bytes`.
    fn implied(&self, steps: usize) -> Option<M> {
        M::implied(self.common.as_ref()?, steps)
    }

    /// The lengths that its branches are measured with.
    pub fn lengths(&self) -> &Lengths {
        &self.lengths
    }

    /// Number of branches.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are no branches.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The branches, in order.
    pub fn iter(&self) -> Branches<'_, M> {
        self.range(0..self.count)
    }

    /// The branches in a range of indices, in order. Reads at most 63 others before the first.
    ///
    /// # Panics
    /// If the list has fewer branches.
    pub fn range(&self, places: std::ops::Range<usize>) -> Branches<'_, M> {
        assert!(places.end <= self.count, "places {places:?} of {} branches", self.count);
        let next = places.start / GROUP * GROUP;
        let at = self.groups.get(next / GROUP).map_or(0, |&at| at as usize);
        self.range_from(Bookmark { next, at, before: Voxel::FIRST }, places)
    }

    /// The same. Reads others from a bookmark in this list on, which is not after the first.
    pub(crate) fn range_from(&self, mark: Bookmark, places: std::ops::Range<usize>) -> Branches<'_, M> {
        let end = self.groups.get(places.end.div_ceil(GROUP)).map_or(self.bytes.len(), |&at| at as usize);
        let bytes = self.bytes.get(mark.at..if places.is_empty() { mark.at } else { end });
        let mut branches = Branches { list: self, bytes, first: mark.at, mark, end: places.end };
        while branches.mark.next < places.start && branches.raw().is_some() {}
        branches
    }
}

impl<'a, M: Measured> IntoIterator for &'a BranchList<M> {
    type Item = Branch<M>;
    type IntoIter = Branches<'a, M>;

    fn into_iter(self) -> Branches<'a, M> {
        self.iter()
    }
}

/// A place in a list at which reading can begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bookmark {
    /// Index of the next branch.
    next: usize,
    /// Index of its first byte.
    at: usize,
    /// The start of the branch before, or the first possible voxel at the beginning of a group.
    before: Voxel,
}

/// The branches of a list, one by one.
#[derive(Clone, Debug)]
pub struct Branches<'a, M: Measured = Moments> {
    list: &'a BranchList<M>,
    /// Those of the list from `first` on, as far as they are needed.
    bytes: Cow<'a, [u8]>,
    first: usize,
    mark: Bookmark,
    end: usize,
}

/// The path of a branch in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outline {
    pub(crate) start: Voxel,
    pub(crate) end: Voxel,
    /// The first of its voxels in raster order.
    pub(crate) least: Voxel,
    pub(crate) is_isolated_cycle: bool,
}

/// The fields of a branch in `bytes`.
struct Raw<'a, M> {
    start: Voxel,
    head: u8,
    steps: &'a [Step],
    measured: Option<M>,
}

impl<M> Raw<'_, M> {
    fn outline(&self) -> Outline {
        let (mut end, mut least) = (self.start, self.start);
        for step in self.steps {
            end = step.from(end);
            least = least.min(end);
        }
        Outline { start: self.start, end, least, is_isolated_cycle: self.head & ISOLATED != 0 }
    }
}

impl<'a, M: Measured> Branches<'a, M> {
    /// The place of the next branch.
    pub(crate) fn bookmark(&self) -> Bookmark {
        self.mark
    }

    /// The outline of the next branch, in a third of the time of the branch itself.
    pub(crate) fn outline(&mut self) -> Option<Outline> {
        self.raw().map(|raw| raw.outline())
    }

    fn raw(&mut self) -> Option<Raw<'_, M>> {
        if self.mark.next >= self.end {
            return None;
        }
        if self.mark.next.is_multiple_of(GROUP) {
            self.mark.before = Voxel::FIRST;
        }
        self.mark.next += 1;
        let (bytes, mut at) = (&*self.bytes, self.mark.at - self.first);
        let start = self.mark.before.moved(varint::read(bytes, &mut at)?);
        self.mark.before = start;
        let head = *bytes.get(at)?;
        at += 1;
        let mut count = usize::from(head >> 4);
        if count == MANY {
            count += varint::read(bytes, &mut at)? as usize;
        }
        let steps = bytemuck::cast_slice(bytes.get(at..at.checked_add(count)?)?);
        at += count;
        let measured =
            if head & VARYING == 0 { None } else { Some(M::read(self.list.common.as_ref()?, count, bytes, &mut at)?) };
        self.mark.at = self.first + at;
        Some(Raw { start, head, steps, measured })
    }
}

impl<M: Measured> Iterator for Branches<'_, M> {
    type Item = Branch<M>;

    fn next(&mut self) -> Option<Branch<M>> {
        let list = self.list;
        let Raw { start, head, steps, measured } = self.raw()?;
        let end = end(start, steps);
        let measured = measured.or_else(|| list.implied(steps.len()))?;
        let kind = BranchKind::ALL[usize::from(head & 3)];
        Some(Branch::new(start, end, kind, head & ISOLATED != 0, steps, measured, &list.lengths))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.end - self.mark.next;
        (left, Some(left))
    }
}

impl<M: Measured> ExactSizeIterator for Branches<'_, M> {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::shelf::tests::ListShelf;
    use crate::space::Spacing;

    fn branch(
        at: [i64; 3],
        steps: &[u8],
        (kind, isolated): (usize, bool),
        moments: Moments,
        lengths: &Lengths,
    ) -> Branch {
        let steps: Vec<Step> = steps.iter().map(|&code| Step::new(if code == 13 { 14 } else { code })).collect();
        let start = Voxel::new(at);
        Branch::new(start, end(start, &steps), BranchKind::ALL[kind], isolated, &steps, moments, lengths)
    }

    /// A branch's start, its steps, its kind and whether it is isolated, and a value that differs from the constant.
    type Drawn = ([i64; 3], Vec<u8>, (usize, bool), Option<(i64, bool)>);

    fn branches() -> impl Strategy<Value = (Vec<Branch>, Lengths)> {
        let place = (-1000i64..1000, -90i64..90, -2000i64..2000).prop_map(|(z, y, x)| [z, y, x]);
        let steps = prop::collection::vec(0u8..27, 1..40);
        let values = prop_oneof![2 => Just(None), 1 => (0i64..300, any::<bool>()).prop_map(Some)];
        let one = (place, steps, (0usize..4, any::<bool>()), values);
        let spacing = prop::sample::select(vec![[1.0; 3], [0.3, 0.7, 1.1]]);
        (prop::collection::vec(one, 0..300), spacing, 0i64..1 << 32).prop_map(|(drawn, spacing, constant)| {
            let lengths = Lengths::new(Spacing(spacing));
            let one = |(place, steps, kind, values): Drawn| {
                let count = steps.len() as u64 + 1;
                let moments = match values {
                    None => Moments::of_integers(
                        count,
                        constant * count as i64,
                        u128::from(count) * (constant as u128).pow(2),
                    ),
                    Some((whole, false)) => Moments::new(whole as f64, 0.0),
                    Some((third, true)) => Moments::new(third as f64 / 3.0, 0.1),
                };
                branch(place, &steps, kind, moments, &lengths)
            };
            let mut branches: Vec<Branch> = drawn.into_iter().map(one).collect();
            branches.sort();
            (branches, lengths)
        })
    }

    proptest! {
        #[test]
        fn a_list_gives_the_branches_that_it_was_made_of(
            (branches, lengths) in branches(), [a, b] in [0usize..300, 0usize..300], is_shelved in any::<bool>(),
        ) {
            let mut list = BranchList::new(&branches, &lengths);
            if is_shelved {
                let shelf: Arc<dyn Shelf> = Arc::new(ListShelf::default());
                list = list.shelved(&shelf);
            }
            prop_assert_eq!(list.len(), branches.len());
            prop_assert_eq!(list.iter().collect::<Vec<_>>(), &branches[..]);
            let places = a.min(b).min(branches.len())..a.max(b).min(branches.len());
            prop_assert_eq!(list.range(places.clone()).collect::<Vec<_>>(), &branches[places.clone()]);
            let outline = |branch: &Branch| Outline {
                start: branch.start(),
                end: branch.end(),
                least: branch.voxels().min().unwrap(),
                is_isolated_cycle: branch.is_isolated_cycle(),
            };
            let expected: Vec<Outline> = branches[places.clone()].iter().map(outline).collect();
            let mut rest = list.range(places.clone());
            let (marks, outlines): (Vec<Bookmark>, Vec<Outline>) =
                std::iter::from_fn(|| Some((rest.bookmark(), rest.outline()?))).unzip();
            prop_assert_eq!(outlines, expected);
            for (from, &mark) in places.clone().zip(&marks) {
                let last = places.end.min(from + 5);
                prop_assert_eq!(list.range_from(mark, last - 1..last).collect::<Vec<_>>(), &branches[last - 1..last]);
            }
        }
    }

    #[test]
    fn a_branch_of_a_mask_takes_little_more_than_its_steps() {
        let lengths = Lengths::new(Spacing::default());
        let moments = Moments::new(1.0, 0.0);
        let branches: Vec<Branch> =
            (0..6400).map(|i| branch([0, i / 80, i % 80 * 12], &[14; 8], (0, false), moments, &lengths)).collect();
        let list = BranchList::new(&branches, &lengths);
        assert!(list.bytes.len() < 6400 * 11, "{} bytes", list.bytes.len());
    }
}
