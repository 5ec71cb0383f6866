//! The branch network of a volume, maintained while the skeletons of its chunks come and go.

use std::collections::BTreeMap;
use std::sync::Arc;

use differential_dataflow::lattice::Lattice;
use differential_dataflow::{AsCollection, VecCollection};
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;
use timely::order::TotalOrder;
use timely::progress::Timestamp;

use crate::grid::{ChunkId, Grid};
use crate::kernel::measure::channel::{Channel, Measured, MeasuredBy};
use crate::kernel::measure::moments::Moments;
use crate::kernel::network::branch_list::BranchList;
use crate::kernel::network::isolated::Isolated;
use crate::kernel::network::octree::{Octree, OctreeBox};
use crate::kernel::network::skeleton::Skeleton;
use crate::kernel::network::step::Lengths;
use crate::kernel::shelf::Shelf;
use crate::operators::components::CountComponents;
use crate::operators::link::{LinkSkeletons, Linked, LinkedPart};
use crate::operators::list_changes::{ListChanges, settled};
use crate::operators::shared::Shared;
use crate::operators::span::SpanForests;
use crate::operators::stitch::{Parts, StitchFragments};
use crate::operators::walk::{WalkGraphs, Walked};
use crate::space::{Spacing, Voxel};
use crate::table::summary::JunctionCounts;

/// Voxels without neighbours, by chunk, as lists in raster order.
pub type IsolatedVoxels<'scope, T, M> = VecCollection<'scope, T, (ChunkId, Shared<Vec<Isolated<M>>>)>;

/// The branch network of a volume, with what is measured along its branches.
#[derive(Clone)]
pub struct BranchGraph<'scope, T: Timestamp, M: Measured = Moments> {
    /// Branches, in lists by the smallest box that holds each. All lists together hold each branch once.
    pub parts: Parts<'scope, T, M>,
    /// Voxels without neighbours.
    pub isolated: IsolatedVoxels<'scope, T, M>,
    /// The voxel graphs of single chunks, for other measures of the network.
    pub linked: VecCollection<'scope, T, (ChunkId, Shared<Linked>)>,
    /// The voxels of junctions, by chunk, and the neighbours of each that may belong to the same junction.
    pub junctions: VecCollection<'scope, T, (ChunkId, Shared<Linked>)>,
    octree: Octree,
}

impl<T: Timestamp, M: Measured> std::fmt::Debug for BranchGraph<'_, T, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Graph").finish_non_exhaustive()
    }
}

/// The branch network of skeletons.
pub trait ExtractBranches<'scope, T: Timestamp + Lattice, C: Channel> {
    /// The branches and isolated voxels of a skeleton. A record is a chunk of a grid with its own skeleton voxels and
    /// the values of a channel at them; chunks without skeleton have none, and every other chunk has one. The grid's
    /// bounds only decide the number of levels and which axes are one voxel thick: chunks may lie outside them.
    ///
    /// Morally this is [`crate::kernel::network::graph::Graph`], maintained: a change of a chunk recomputes that chunk,
    /// the halos of its neighbours, and one path of boxes to the root of an octree over the chunks, as far as results
    /// change. If only the channel of a chunk changes, only its walks are repeated, and what follows from them.
    ///
    /// # Panics
    /// While running, if a chunk has two records at once or voxels of another chunk, so that chunks contradict each
    /// other about an edge; or if sums cannot be joined, such as those of pixel values that are whole numbers in some
    /// chunks and not in others.
    fn extract_branches(self, grid: Grid, spacing: Spacing) -> BranchGraph<'scope, T, MeasuredBy<C>>
    where
        Self: Sized,
    {
        self.extract_shelved_branches(grid, spacing, None)
    }

    /// The same. Lists of branches lie on the shelf if there is one, as it has room.
    fn extract_shelved_branches(
        self,
        grid: Grid,
        spacing: Spacing,
        shelf: Option<Arc<dyn Shelf>>,
    ) -> BranchGraph<'scope, T, MeasuredBy<C>>;
}

impl<'scope, T: Timestamp + Lattice, C: Channel> ExtractBranches<'scope, T, C>
    for VecCollection<'scope, T, (ChunkId, Arc<Skeleton<C>>)>
{
    fn extract_shelved_branches(
        self,
        grid: Grid,
        spacing: Spacing,
        shelf: Option<Arc<dyn Shelf>>,
    ) -> BranchGraph<'scope, T, MeasuredBy<C>> {
        let (octree, lengths) = (Octree::new(grid), Lengths::new(spacing));
        let channels = self.clone().map(|(id, skeleton)| (id, Shared::from(Arc::clone(&skeleton.values))));
        let linked = self.map(|(id, skeleton)| (id, skeleton.voxels.clone())).link(octree, lengths);
        let forests = linked.clone().flat_map(|(id, link)| match link {
            LinkedPart::Forest(forest) => Some((id, forest)),
            LinkedPart::Graph(_) => None,
        });
        let graphs = linked.flat_map(|(id, link)| match link {
            LinkedPart::Graph(graph) => Some((id, graph)),
            LinkedPart::Forest(_) => None,
        });
        let dropped = forests.span(octree, lengths);
        let walked = graphs.clone().walk(channels, dropped, octree, lengths, shelf.clone());
        let isolated = walked.clone().flat_map(|(id, walked)| match walked {
            Walked::Isolated(voxels) => Some((id, voxels)),
            _ => None,
        });
        let junctions = walked.clone().flat_map(|(id, walked)| match walked {
            Walked::Junctions(linked) => Some((id, linked)),
            _ => None,
        });
        let paths = walked.flat_map(|(id, walked)| match walked {
            Walked::Paths(paths) => Some((id, paths)),
            _ => None,
        });
        BranchGraph { parts: paths.stitch(octree, lengths, shelf), isolated, linked: graphs, junctions, octree }
    }
}

impl<'scope, T: Timestamp + Lattice + TotalOrder, M: Measured> BranchGraph<'scope, T, M> {
    /// Numbers of connected components by box; their sum is the number of skeletons (see [`CountComponents`]). The
    /// table of a whole skeleton has it as well; this follows it while chunks come and go.
    pub fn components(&self) -> VecCollection<'scope, T, (OctreeBox, u64)> {
        self.linked.clone().count_components(self.octree)
    }

    /// The first voxels of connected components, with their chunks: one for each skeleton.
    pub fn first_voxels(&self) -> VecCollection<'scope, T, (ChunkId, Voxel)> {
        let octree = self.octree;
        let found = self.linked.clone().find_components(octree);
        found.flat_map(move |(_, firsts)| firsts.into_iter().map(move |first| (octree.chunk_of(first), first)))
    }

    /// Numbers of junctions, in counts by part of the volume that are to be added up.
    pub fn junction_counts(&self) -> VecCollection<'scope, T, JunctionCounts> {
        let voxels =
            self.junctions.clone().map(|(_, linked)| JunctionCounts { voxels: linked.voxels.len() as i64, joined: 0 });
        let joined = self.junctions.clone().count_components(self.octree);
        voxels.concat(joined.map(|(_, count)| JunctionCounts { voxels: 0, joined: count as i64 }))
    }

    /// Lists of the branches that come and go: of a list that has changed, only the branches that have.
    ///
    /// Holds changes of lists until their time is complete, and nothing after that.
    pub fn changes(&self) -> VecCollection<'scope, T, Shared<BranchList<M>>> {
        self.parts
            .clone()
            .inner
            .unary_frontier(Pipeline, "Differ", |_, _| {
                let mut waiting = BTreeMap::new();
                move |(input, frontier), output| {
                    input.for_each_stamp(|capability, messages| {
                        let Some(capability) = capability.retain_least(output.output_index()) else { return };
                        for ((place, branches), time, diff) in messages.flat_map(|message| message.drain(..)) {
                            let capability = capability.delayed(&time);
                            let (_, parts) = waiting
                                .entry(time)
                                .or_insert_with(|| (capability, BTreeMap::<OctreeBox, ListChanges<M>>::new()));
                            parts.entry(place).or_default().push((branches, diff));
                        }
                    });
                    while let Some(entry) = waiting.first_entry() {
                        if frontier.less_equal(entry.key()) {
                            break;
                        }
                        let (time, (capability, parts)) = entry.remove_entry();
                        let mut session = output.session(&capability);
                        for changes in parts.into_values() {
                            let changes = settled(changes).into_iter();
                            session.give_iterator(changes.map(|(list, diff)| (list, time.clone(), diff)));
                        }
                    }
                }
            })
            .as_collection()
    }
}
