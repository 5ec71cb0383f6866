//! Chunks without foreground that others enclose: the only ones that can be part of a hole.

use std::collections::BTreeSet;

use crate::grid::ChunkId;
use crate::kernel::objects::connectivity::Connectivity;
use crate::kernel::objects::runs::{Run, connect};

/// The chunks that are not among some, and that no path of faces leads to from outside all chunks without crossing one of
/// them. `planar` says that there is no way along z, as in a 2-D image.
///
/// Takes time in proportion to the number of chunks and to that of rows along x in the box around them, and not to the
/// number of chunks in the box, but for those that are returned.
pub fn enclosed(chunks: &BTreeSet<ChunkId>, planar: bool) -> Vec<ChunkId> {
    let places = || chunks.iter().map(|id| id.place());
    let Some(first) = chunks.first().map(|id| id.place()) else { return Vec::new() };
    let (mut least, mut largest) = (first, first);
    for place in places() {
        least = std::array::from_fn(|a| least[a].min(place[a]));
        largest = std::array::from_fn(|a| largest[a].max(place[a]));
    }
    // With one layer around it that lies outside.
    let around = [i64::from(!planar), 1, 1];
    let (least, largest): ([i64; 3], [i64; 3]) =
        (std::array::from_fn(|a| least[a] - around[a]), std::array::from_fn(|a| largest[a] + around[a]));
    let mut gaps: Vec<Run> = Vec::new();
    let mut next = places().peekable();
    for (z, y) in (least[0]..=largest[0]).flat_map(|z| (least[1]..=largest[1]).map(move |y| (z, y))) {
        let mut from = least[2];
        let mut gap = |from: i64, to: i64| {
            if from < to {
                gaps.push(Run { z, y, x: [from, to] });
            }
        };
        while let Some([.., x]) = next.next_if(|place| [place[0], place[1]] == [z, y]) {
            gap(from, x);
            from = x + 1;
        }
        gap(from, largest[2] + 1);
    }
    let mut sets = connect(&gaps, Connectivity::Faces);
    // The first gap lies in the layer around.
    let outside = sets.find(0);
    let inside = gaps.iter().zip(0..).filter(|(_, i)| sets.find(*i) != outside);
    inside.flat_map(|(gap, _)| (gap.x[0]..gap.x[1]).map(|x| ChunkId::at([gap.z, gap.y, x]))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// The definition, place by place.
    fn plainly(chunks: &BTreeSet<ChunkId>, planar: bool) -> Vec<ChunkId> {
        let reach = |z: i64| if planar { 0..1 } else { -1..z + 1 };
        let all: BTreeSet<ChunkId> =
            reach(5).flat_map(|z| (-1..7).flat_map(move |y| (-1..7).map(move |x| ChunkId::at([z, y, x])))).collect();
        let mut next = vec![*all.first().unwrap()];
        let mut outside = BTreeSet::new();
        while let Some(id) = next.pop() {
            if !all.contains(&id) || chunks.contains(&id) || !outside.insert(id) {
                continue;
            }
            for axis in usize::from(planar)..3 {
                for d in [-1, 1] {
                    let mut step = [0; 3];
                    step[axis] = d;
                    next.push(id.offset(step));
                }
            }
        }
        all.into_iter().filter(|id| !chunks.contains(id) && !outside.contains(id)).collect()
    }

    proptest! {
        #[test]
        fn enclosed_chunks_are_those_that_a_flood_from_outside_does_not_reach(
            places in prop::collection::btree_set((0..5i64, 0..6i64, 0..6i64), 0..170),
            planar in any::<bool>(),
        ) {
            let chunks: BTreeSet<ChunkId> =
                places.into_iter().map(|(z, y, x)| ChunkId::at([if planar { 0 } else { z }, y, x])).collect();
            prop_assert_eq!(enclosed(&chunks, planar), plainly(&chunks, planar));
        }
    }

    #[test]
    fn a_shell_of_chunks_encloses_its_inside() {
        let all = (0..125i64).map(|i| [i / 25, i / 5 % 5, i % 5]);
        let is_shell = |place: &[i64; 3]| place.iter().any(|&p| p == 0 || p == 4);
        let mut shell: BTreeSet<ChunkId> = all.filter(is_shell).map(ChunkId::at).collect();
        assert_eq!(enclosed(&shell, false).len(), 27);
        shell.remove(&ChunkId::at([2, 2, 4]));
        assert_eq!(enclosed(&shell, false), []);
    }
}
