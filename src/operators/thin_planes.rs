//! Lee's thinning of a whole volume, or the homotopic one, by all workers, in one sweep over its planes.
//!
//! Every worker has some of the stages of the chain through which planes go: see [`crate::kernel::thin::planes`]. It takes
//! the planes from the worker before it, does a few sub-iterations, and passes them on. All of them work at the same time,
//! on different sub-iterations; workers wait for planes, but never for decisions of others. Planes that have nothing to do
//! any more go on packed. When all planes have come to the same gate that way, the sweep is over.
//!
//! Workers may be in several processes. Planes go to another process packed, and stages there do more sub-iterations, so that
//! planes go around less often.
//!
//! Before that each worker keeps some layers of chunks: it makes planes of their masks as they come. A layer whose chunks
//! have all come goes to the first worker. With an [`Inflow`] that is known while chunks are read, and reading does not run
//! farther ahead; so masks are in memory only in the layer that is read and the one that is taken, and awake planes between
//! the two ends of the sweep. Without one, all masks come first.
//! Afterwards the keepers of layers send the voxels that are left to the chunks' owners, some chunks at a time. If seam logs
//! are kept, every worker logs what it deletes next to seams, and the owners join the parts.
//!
//! A sweep that is kept in a [`Checkpoint`](crate::checkpoint::Checkpoint) goes on from there in a later run. Its chunks come
//! again, and the planes that had entered are left out: masks that are stored elsewhere are loaded for others only.
//!
//! As in [`super::thin`], messages travel on an edge from the operator back to itself.

mod content;
mod crew;
mod errand;
mod first;
mod keeping;
mod layers;
mod part;
mod provisions;
mod suited;

use std::collections::BTreeMap;

use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::order::TotalOrder;
use timely::progress::{Antichain, Timestamp};

use self::crew::Crew;
use self::errand::Errand;
use self::first::First;
use self::part::{Letter, Part, Post};
pub use self::provisions::{Inflow, Provisions};
pub(crate) use self::suited::suits;
use super::failure::Failure;
use super::thin::WatchThinning;
use crate::checkpoint::KeptSweep;
use crate::grid::{ChunkId, Grid};
use crate::kernel::mask::Mask;
use crate::kernel::thin::change::Change;
use crate::kernel::thin::lee::Retest;

/// Extension trait on streams of masks.
pub trait ThinPlanes<'scope, T: Timestamp + TotalOrder> {
    /// The masks of the chunks of a volume, thinned together in six directions, by Lee's method or the homotopic one, as
    /// `retest` says: the same as [`super::thin::ThinChunks`] returns without `keep`, in less time, for volumes whose awake
    /// planes fit into memory; see [`PlaneLayout::suits`](crate::kernel::thin::planes::PlaneLayout::suits).
    ///
    /// Every chunk with foreground has one record, a mask, at its owner by [`Grid::owner`], and comes out there; other chunks may
    /// have one that is no mask. Times are independent, and nothing is held after one; until then about nine bits for every
    /// eight voxels of planes that are awake, and some bytes for every voxel that is left in others, or, with an attic, for
    /// every plane; there planes wait too for which there is no memory. With an inflow, for a stream of one time, planes go through as soon as the chunks of their layer have
    /// come, and reading waits for thinning; without one, planes go through when all chunks of a time have come, and are held
    /// until then. There must be some eight planes for each worker. Once `failure` has an error, all workers stop, and nothing
    /// more comes out.
    ///
    /// With an inflow that names chunks that do not come, their layers wait until all others have come; if the source of
    /// the chunks waits for the window, the dataflow locks up.
    fn thin_planes(
        self,
        grid: Grid,
        retest: Retest,
        provisions: Provisions,
        watch: impl WatchThinning + 'static,
        failure: Failure,
    ) -> StreamVec<'scope, T, (ChunkId, Option<Mask>)>;
}

impl<'scope, T: Timestamp + TotalOrder> ThinPlanes<'scope, T> for StreamVec<'scope, T, (ChunkId, Change)> {
    fn thin_planes(
        self,
        grid: Grid,
        retest: Retest,
        provisions: Provisions,
        watch: impl WatchThinning + 'static,
        failure: Failure,
    ) -> StreamVec<'scope, T, (ChunkId, Option<Mask>)> {
        let (index, peers) = (self.scope().index(), self.scope().peers());
        let Provisions { inflow, checkpoint, attic, planes, .. } = provisions;
        let errand = Errand { index, peers, in_process: grid.workers_of_process(peers), retest, keeps: false, planes };
        let kept = checkpoint.map(|checkpoint| (checkpoint, failure.clone()));
        let crew = Crew::new(grid, errand, inflow, kept, attic);
        run(self, "ThinPlanes", crew, watch, failure)
    }
}

/// Extension trait on streams of changed chunks.
pub trait ThinFirst<'scope, T: Timestamp + TotalOrder> {
    /// The changes for [`super::thin::ThinChunks`] with `keep`. If the first masks of a volume come, and thinning by
    /// planes suits it, they are thinned here and become [`Change::Thinned`]. The results, and what is kept, are the
    /// same as without this operator.
    ///
    /// Changes are at the chunks' owners by [`Grid::owner`], and stay there. The grid may have no bounds: the box
    /// around the chunks with foreground is thinned. Times are processed in order, each when it is complete. The method is
    /// that of what follows, with six directions: Lee's or the homotopic one, as `retest` says. Once `failure` has an error,
    /// all workers stop, and nothing more comes out.
    ///
    /// The sweep is kept in `kept`, if there is one, for workers of one process; it stays there until the caller removes it.
    fn thin_first(
        self,
        grid: Grid,
        retest: Retest,
        kept: Option<KeptSweep>,
        watch: impl WatchThinning + 'static,
        failure: Failure,
    ) -> Self;
}

impl<'scope, T: Timestamp + TotalOrder> ThinFirst<'scope, T> for StreamVec<'scope, T, (ChunkId, Change)> {
    fn thin_first(
        self,
        grid: Grid,
        retest: Retest,
        kept: Option<KeptSweep>,
        watch: impl WatchThinning + 'static,
        failure: Failure,
    ) -> Self {
        let (index, peers) = (self.scope().index(), self.scope().peers());
        let in_process = grid.workers_of_process(peers);
        let errand = Errand { index, peers, in_process, retest, keeps: true, planes: None };
        let kept = kept.map(|kept| (kept, failure.clone()));
        run(self, "ThinFirst", First::new(grid, errand, kept), watch, failure)
    }
}

/// Processes times in order, each when it is complete.
fn run<'scope, T: Timestamp + TotalOrder, P: Part + 'static>(
    stream: StreamVec<'scope, T, P::Record>,
    name: &str,
    mut part: P,
    mut watch: impl WatchThinning + 'static,
    failure: Failure,
) -> StreamVec<'scope, T, P::Result> {
    let scope = stream.scope();
    let peers = scope.peers();
    let mut builder = OperatorBuilder::new(name.to_owned(), scope);
    let mut records = builder.new_input(stream, Pipeline);
    let (output, results) = builder.new_output::<Vec<P::Result>>();
    let mut output = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(output);
    let (letters, sent) = builder.new_output::<Vec<Letter<P::Content>>>();
    let mut letters = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(letters);
    let nowhere: [(usize, Antichain<T::Summary>); 0] = [];
    let mut received =
        builder.new_input_connection(sent, Exchange::new(|letter: &Letter<_>| letter.to as u64), nowhere);
    let activator = scope.activator_for(builder.operator_info().address);

    builder.build(move |capabilities| {
        let mut capabilities: Option<Vec<Capability<T>>> = Some(capabilities);
        let mut arrived: BTreeMap<T, Vec<P::Record>> = BTreeMap::new();
        let mut early: Vec<Letter<P::Content>> = Vec::new();
        let mut number = 0;
        move |frontiers| {
            records.for_each(|capability, records| {
                for time in capability.stamp().iter().take(1) {
                    arrived.entry(time.clone()).or_default().append(records);
                }
            });
            received.for_each(|_, letters| early.append(letters));
            let gives_up = failure.happened() || early.iter().any(|letter| letter.content.is_none());
            if let Some(held) = capabilities.take_if(|_| gives_up) {
                // Other workers may wait for this one, and would not check.
                let give_up = |to| Letter { to, time: number, content: None };
                letters.activate().session(&held[1]).give_iterator((0..peers).map(give_up));
            }
            if capabilities.is_none() {
                arrived.clear();
                early.clear();
            }
            while let Some(held) = &mut capabilities {
                let time = held[0].time().clone();
                let mut outgoing = letters.activate();
                let mut session = outgoing.session(&held[1]);
                let mut post = Post { time: number, send: |letter| session.give(letter) };
                for record in arrived.remove(&time).unwrap_or_default() {
                    part.take(record, &mut post);
                }
                if !frontiers[0].less_equal(&time) {
                    part.end(&mut post);
                }
                let (now, later): (Vec<_>, Vec<_>) =
                    std::mem::take(&mut early).into_iter().partition(|letter| letter.time == number);
                early = later;
                now.into_iter().filter_map(|letter| letter.content).for_each(|content| part.open(content, &mut post));
                if part.work(&mut post, &mut watch) {
                    // Messages go out when this returns, so that others can work at the same time.
                    activator.activate();
                }
                drop(session);
                let found = part.results();
                if !found.is_empty() {
                    output.activate().session(&held[0]).give_iterator(found.into_iter());
                    activator.activate();
                }
                if !part.is_over() {
                    return;
                }
                number += 1;
                // The next time: the least of the frontier and of the records that have come.
                match frontiers[0].frontier().iter().chain(arrived.keys()).min() {
                    Some(next) => held.iter_mut().for_each(|capability| capability.downgrade(next)),
                    None => capabilities = None,
                }
            }
        }
    });
    results
}

#[cfg(test)]
mod tests;
