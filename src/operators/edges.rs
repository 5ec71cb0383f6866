//! The graph of a skeleton's voxels, maintained.

use std::sync::Arc;

use differential_dataflow::VecCollection;
use differential_dataflow::lattice::Lattice;
use timely::progress::Timestamp;

use crate::grid::{ChunkId, Grid};
use crate::kernel::measure::channel::Channel;
use crate::kernel::network::skeleton::Skeleton;
use crate::kernel::network::step::Step;
use crate::operators::shared::Shared;
use crate::space::Voxel;

/// Two neighbouring voxels: the earlier one in raster order, and the step to the other.
pub type Edge = (Voxel, Step);

/// From skeletons of chunks to the pairs of neighbours among their voxels.
pub trait ExtractEdges<'scope, T: Timestamp + Lattice> {
    /// The pairs of neighbours (26, in one plane 8) among the voxels of all chunks, each once.
    ///
    /// A chunk sees its own skeleton and that of an overlap of one voxel, and reports all edges that it sees; `distinct`
    /// drops those that several chunks have seen. All edges are there, also those in clusters of junctions of which a table
    /// of branches keeps a spanning tree.
    ///
    /// Holds the voxels once, those at seams up to eight times, and the edges. A change looks at its chunk and those
    /// around it again, in time O(n log n) in their voxels.
    fn extract_edges(self, grid: Grid) -> VecCollection<'scope, T, Edge>;
}

impl<'scope, T: Timestamp + Lattice, C: Channel> ExtractEdges<'scope, T>
    for VecCollection<'scope, T, (ChunkId, Arc<Skeleton<C>>)>
{
    fn extract_edges(self, grid: Grid) -> VecCollection<'scope, T, Edge> {
        self.flat_map(move |(id, skeleton)| {
            let around = grid.within(id, [1; 3]);
            let seen = around.filter_map(|other| {
                let sight = grid.whole_region(other).dilated([1; 3]);
                let voxels = skeleton.voxels.iter().filter(|voxel| sight.contains(voxel.position()));
                let voxels: Vec<Voxel> = voxels.collect();
                (!voxels.is_empty()).then(|| (other, Shared::new(voxels)))
            });
            let own = (id, Shared::new(skeleton.voxels.to_vec()));
            seen.chain([own]).collect::<Vec<_>>()
        })
        .reduce(|_, parts, edges| {
            let mut voxels: Vec<Voxel> = parts.iter().flat_map(|(part, _)| part.iter().copied()).collect();
            voxels.sort_unstable();
            edges.push((Shared::new(edges_of(&voxels)), 1));
        })
        .flat_map(|(_, edges)| edges.iter().copied().collect::<Vec<_>>())
        .distinct()
    }
}

/// The edges among voxels that are in raster order.
fn edges_of(voxels: &[Voxel]) -> Vec<Edge> {
    let forward = || (0..27).filter(|&code| code > 13).map(Step::new);
    let edges = |&voxel: &Voxel| {
        let there = move |step: &Step| voxels.binary_search(&step.from(voxel)).is_ok();
        forward().filter(there).map(move |step| (voxel, step))
    };
    voxels.iter().flat_map(edges).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeMap;
    use std::rc::Rc;

    use differential_dataflow::input::Input;
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::measure::pixel_values::PixelValues;
    use crate::space::Region;

    const SHAPE: [usize; 3] = [5, 6, 7];

    /// The edges after each of some sets of voxels, which follow each other, in chunks.
    fn followed(sets: &[Vec<Voxel>], chunk: [usize; 3], workers: usize) -> Vec<BTreeMap<Edge, isize>> {
        let (grid, sets) = (Grid::new(Region::of_shape(SHAPE), chunk), sets.to_vec());
        let epochs = sets.len() as u64;
        let guards = timely::execute(timely::Config::process(workers), move |worker| {
            let found = Rc::new(RefCell::new(Vec::new()));
            let noted = Rc::clone(&found);
            let (mut input, probe) = worker.dataflow::<u64, _, _>(|scope| {
                let (input, skeletons) = scope.new_collection::<(ChunkId, Arc<Skeleton>), isize>();
                let edges = skeletons.extract_edges(grid);
                let edges = edges.inspect(move |(edge, time, diff)| noted.borrow_mut().push((*time, *edge, *diff)));
                (input, edges.probe().0)
            });
            let mut before: BTreeMap<ChunkId, Arc<Skeleton>> = BTreeMap::new();
            for (epoch, voxels) in sets.iter().enumerate() {
                for id in grid.chunks().filter(|_| worker.index() == 0) {
                    let here = voxels.iter().copied().filter(|voxel| grid.region(id).contains(voxel.position()));
                    let here: Vec<Voxel> = here.collect();
                    let now = (!here.is_empty()).then(|| {
                        Arc::new(Skeleton { voxels: here.into(), values: Arc::new(PixelValues::Constant(1)) })
                    });
                    if before.get(&id) == now.as_ref() {
                        continue;
                    }
                    if let Some(old) = before.remove(&id) {
                        input.remove((id, old));
                    }
                    if let Some(new) = now {
                        input.insert((id, Arc::clone(&new)));
                        before.insert(id, new);
                    }
                }
                let next = epoch as u64 + 1;
                input.advance_to(next);
                input.flush();
                worker.step_while(|| probe.less_than(&next));
            }
            drop(input);
            found.take()
        });
        let changes = guards.expect("workers start").join().into_iter();
        let changes: Vec<_> = changes.flat_map(|found| found.expect("a worker ends well")).collect();
        let until = |epoch: u64| {
            let mut edges: BTreeMap<Edge, isize> = BTreeMap::new();
            changes.iter().filter(|(time, ..)| *time <= epoch).for_each(|(_, edge, diff)| {
                *edges.entry(*edge).or_default() += diff;
            });
            edges.retain(|_, count| *count != 0);
            edges
        };
        (0..epochs).map(until).collect()
    }

    fn sets() -> impl Strategy<Value = Vec<Vec<Voxel>>> {
        let voxels = Grid::new(Region::of_shape(SHAPE), [1; 3]).chunks().map(|id| Voxel::new(id.place()));
        prop::collection::vec(prop::sample::subsequence(voxels.collect::<Vec<_>>(), 0..90), 1..4)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn each_edge_is_there_once_for_every_chunking_and_over_edits(
            sets in sets(), chunk in prop::array::uniform3(1usize..5), workers in 1usize..4,
        ) {
            let expected: Vec<BTreeMap<Edge, isize>> = sets
                .iter()
                .map(|voxels| {
                    let later = |a: &Voxel, b: &Voxel| Step::between(*a, *b).filter(|step| step.is_forward());
                    let pairs = voxels.iter().flat_map(|a| voxels.iter().map(move |b| (a, b)));
                    pairs.filter_map(|(a, b)| Some(((*a, later(a, b)?), 1))).collect()
                })
                .collect();
            prop_assert_eq!(followed(&sets, chunk, workers), expected);
        }
    }
}
