//! Fragments of branches, and joining them across seams.

use crate::kernel::measure::channel::PathSum;
use crate::kernel::measure::pixel_values::PixelSum;
use crate::kernel::network::branch::{Branch, BranchKind, Steps};
use crate::kernel::network::forest::Edge;
use crate::kernel::network::octree::Octree;
use crate::kernel::network::rise::{Risen, risen};
use crate::kernel::network::step::{Lengths, Step};
use crate::space::Voxel;

/// What continues beyond an end of a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Beyond {
    /// The path continues across a seam, by this step.
    Open(Step),
    /// Nothing: the voxel is a tip.
    Tip,
    /// Other branches: the voxel is a junction.
    Junction,
}

/// An end of a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct End {
    /// The last voxel on this side.
    pub voxel: Voxel,
    /// What continues beyond it.
    pub beyond: Beyond,
}

impl End {
    /// The edge by which the path continues, if it does.
    pub fn edge(&self) -> Option<Edge> {
        match self.beyond {
            Beyond::Open(step) => Some(Edge::new(self.voxel, step)),
            Beyond::Tip | Beyond::Junction => None,
        }
    }

    /// The level of the box in which the path is joined to its continuation, if it continues.
    pub fn level(&self, octree: &Octree) -> Option<u8> {
        self.edge().map(|edge| octree.meeting_of(edge.from, edge.to()))
    }
}

/// A path with at least one end that continues in another chunk.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fragment<S = PixelSum> {
    /// Its two ends; they may be the same voxel.
    pub ends: [End; 2],
    /// The steps from the first end to the second.
    pub steps: Steps,
    /// The sum of the channels along it.
    pub sum: S,
}

impl<S> Fragment<S> {
    /// The level of the smallest box in which one of its ends is joined.
    pub fn level(&self, octree: &Octree) -> u8 {
        self.ends.iter().filter_map(|end| end.level(octree)).min().unwrap_or(octree.top())
    }
}

/// The paths in a part of the volume: branches, and fragments of paths that leave it.
pub type Paths<S> = Risen<Vec<Branch<<S as PathSum>::Measured>>, Vec<Fragment<S>>>;

/// Returns the branches, if any, and the fragments by the level of the box in which they are joined (see
/// [`Fragment::level`]), each list in order.
pub fn paths<S: PathSum>(
    branches: Vec<Branch<S::Measured>>,
    fragments: Vec<Fragment<S>>,
    octree: &Octree,
) -> impl Iterator<Item = Paths<S>> + use<S> {
    let mut levels = vec![Vec::new(); usize::from(octree.top()) + 1];
    for fragment in fragments {
        levels[usize::from(fragment.level(octree))].push(fragment);
    }
    let lists = (0..).zip(levels).filter(|(_, list)| !list.is_empty());
    let sorted = lists.map(|(level, mut list)| {
        list.sort_unstable();
        (level, list)
    });
    risen((!branches.is_empty()).then_some(branches), sorted)
}

/// Joins the fragments that meet in a box of a level: the merge of a fold (see
/// [`rise`](crate::kernel::network::rise::rise)). Returns the complete branches, in order, and the fragments to be
/// joined in a box above. Takes time O(n log n) in their number, and linear in their steps.
///
/// # Panics
/// If an end that should be joined in this box has no counterpart, so that chunks contradict each other about an edge;
/// or if sums cannot be joined, such as those of pixel values that are whole numbers in some chunks and not in others.
pub(crate) fn stitch<S: PathSum>(
    fragments: &[Fragment<S>],
    level: u8,
    octree: &Octree,
    lengths: &Lengths,
) -> impl Iterator<Item = Paths<S>> + use<S> {
    let partner = pair(fragments, level, octree);
    let (mut branches, mut open) = (Vec::new(), Vec::new());
    let mut done = vec![false; fragments.len()];
    let mut joint = Joint { fragments, partner: &partner, done: &mut done };
    for place in 0..fragments.len() {
        for side in 0..2 {
            if !joint.done[place] && partner[place][side].is_none() {
                let chain = joint.follow(place, side);
                match chain.ends.iter().any(|end| end.edge().is_some()) {
                    true => open.push(chain.fragment()),
                    false => branches.push(chain.branch(lengths)),
                }
            }
        }
    }
    for place in 0..fragments.len() {
        if !joint.done[place] {
            branches.push(joint.follow(place, 0).cycle(lengths));
        }
    }
    branches.sort_unstable();
    paths(branches, open, octree)
}

/// One side of one fragment.
type Side = (usize, usize);

/// For both sides of each fragment, the side to which it is joined in a box of a level.
fn pair<S>(fragments: &[Fragment<S>], level: u8, octree: &Octree) -> Vec<[Option<Side>; 2]> {
    let mut meeting: Vec<(Edge, Side)> = Vec::new();
    for (place, fragment) in fragments.iter().enumerate() {
        for (side, end) in fragment.ends.iter().enumerate() {
            if let (Some(edge), Some(at)) = (end.edge(), end.level(octree))
                && at <= level
            {
                meeting.push((edge, (place, side)));
            }
        }
    }
    meeting.sort_unstable();
    let mut partner = vec![[None; 2]; fragments.len()];
    for both in meeting.chunks(2) {
        let &[(edge, a), (other, b)] = both else { panic!("an edge across a seam has one side only: {both:?}") };
        assert_eq!(edge, other, "an edge across a seam has one side only");
        partner[a.0][a.1] = Some(b);
        partner[b.0][b.1] = Some(a);
    }
    partner
}

/// A chain of joined fragments.
struct Chain<S> {
    ends: [End; 2],
    steps: Vec<Step>,
    sum: S,
}

struct Joint<'a, S> {
    fragments: &'a [Fragment<S>],
    partner: &'a [[Option<Side>; 2]],
    done: &'a mut [bool],
}

impl<S: PathSum> Joint<'_, S> {
    /// Follows a chain from a side of a fragment, through the fragment and on, to an end that is not joined here or
    /// back to its beginning.
    fn follow(&mut self, place: usize, side: usize) -> Chain<S> {
        let mut chain = Chain::new(&self.fragments[place], side == 1);
        let (mut place, mut side) = (place, side);
        loop {
            self.done[place] = true;
            match self.partner[place][1 - side] {
                Some(next) if !self.done[next.0] => {
                    if let Beyond::Open(step) = chain.ends[1].beyond {
                        chain.steps.push(step);
                    }
                    (place, side) = next;
                    chain.append(&self.fragments[place], side == 1);
                }
                _ => return chain,
            }
        }
    }
}

impl<S: PathSum> Chain<S> {
    fn new(fragment: &Fragment<S>, reversed: bool) -> Self {
        let Fragment { ends, steps, sum } = fragment.clone();
        let mut chain = Chain { ends, steps: steps.as_slice().to_vec(), sum };
        if reversed {
            chain.turn_round();
        }
        chain
    }

    fn append(&mut self, fragment: &Fragment<S>, reversed: bool) {
        let steps = fragment.steps.as_slice();
        match reversed {
            false => self.steps.extend_from_slice(steps),
            true => self.steps.extend(steps.iter().rev().map(|step| step.reversed())),
        }
        self.ends[1] = fragment.ends[usize::from(!reversed)];
        self.sum.join(&fragment.sum, reversed);
    }

    fn fragment(self) -> Fragment<S> {
        Fragment { ends: self.ends, steps: Steps::from(&self.steps[..]), sum: self.sum }
    }

    fn turn_round(&mut self) {
        self.ends.reverse();
        self.steps.reverse();
        for step in &mut self.steps {
            *step = step.reversed();
        }
        self.sum.reverse();
    }

    /// The branch of a chain between two terminals.
    fn branch(mut self, lengths: &Lengths) -> Branch<S::Measured> {
        let [start, end] = self.ends.map(|end| end.voxel);
        let first = self.steps[0];
        let first_back = self.steps[self.steps.len() - 1].reversed();
        if (start, first) > (end, first_back) {
            self.turn_round();
        }
        let [start, end] = self.ends;
        let kind = match start.voxel == end.voxel {
            true => BranchKind::Cycle,
            false => BranchKind::of_ends([start, end].map(|e| e.beyond == Beyond::Tip)),
        };
        let measured = self.sum.measured(&self.steps, lengths);
        Branch::new(start.voxel, end.voxel, kind, false, &self.steps, measured, lengths)
    }

    /// The branch of a chain that closes on itself without a terminal.
    fn cycle(mut self, lengths: &Lengths) -> Branch<S::Measured> {
        if let Beyond::Open(step) = self.ends[1].beyond {
            self.steps.push(step);
        }
        let (mut at, mut least) = (self.ends[0].voxel, (self.ends[0].voxel, 0));
        for (place, step) in self.steps.iter().enumerate() {
            least = least.min((at, place));
            at = step.from(at);
        }
        let (start, place) = least;
        self.steps.rotate_left(place);
        self.sum.close(place);
        if self.steps[0] > self.steps[self.steps.len() - 1].reversed() {
            self.turn_round();
        }
        let measured = self.sum.measured(&self.steps, lengths);
        Branch::new(start, start, BranchKind::Cycle, true, &self.steps, measured, lengths)
    }
}
