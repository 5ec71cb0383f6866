//! The radii of skeletons: distances from the background, which may lie in chunks of other workers.
//!
//! Every worker holds the original masks of its own chunks. At each time workers first tell each other whose masks have
//! changed; each of them then finds out which of its skeletons that can concern, looks at its own masks, and asks the
//! owners of others for those that lie nearer than the background found so far, until nothing is missing. Rounds are
//! synchronous, as in [`super::thin`]: in a round every worker tells every other one something, if only that it has nothing
//! to tell, and when that is so of all of them a time is over. The messages travel on an edge from the operator back to
//! itself that leads to no output.

mod held;
mod kept;
mod mask_store;
mod originals;
mod round;
mod team;

use std::collections::BTreeMap;
use std::sync::Arc;

use differential_dataflow::lattice::Lattice;
use differential_dataflow::{AsCollection, VecCollection};
use timely::container::{CapacityContainerBuilder, DrainContainer};
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::{ExchangeCore, Pipeline};
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::operators::generic::operator::{Operator, empty};
use timely::dataflow::operators::vec::Broadcast;
use timely::dataflow::operators::{Capability, Concatenate};
use timely::order::TotalOrder;
use timely::progress::{Antichain, Timestamp};

pub use self::kept::KeptRadii;
pub use self::mask_store::{HeldMask, MaskStore};
pub use self::originals::{MeasuredChunk, Originals};
use self::round::Round;
pub use self::team::WithRadii;
use self::team::{News, Team, Turn};
use super::batch::Batch;
use crate::grid::{ChunkId, Grid};
use crate::kernel::measure::channel::Channel;
use crate::kernel::network::skeleton::Skeleton;
use crate::space::Spacing;

/// Extension trait on skeletons.
pub trait MeasureRadii<'scope, T: Timestamp + TotalOrder, C: Channel> {
    /// Returns the skeletons with one more channel: the [radii](crate::kernel::measure::distance) at their voxels.
    ///
    /// `originals.masks` has the masks of chunks before thinning: a record replaces what was known of its chunk from its time
    /// on, also where the chunk has no foreground any more. Chunks inside the bounds that have never come are background.
    /// Chunks of `originals.measured` come in with their radii, and their masks are loaded where a search reaches them.
    /// Masks cover the part of their chunk that lies inside the bounds; their halos, and what lies outside the bounds, are
    /// not looked at. `bounds` are those of the image, where every worker gets a copy of its own; until the first come they
    /// are the grid's. The grid's chunk shape and owners count otherwise, not its bounds.
    ///
    /// Skeletons and masks must be at the chunk's owner by [`Grid::owner`], and stay there. Times are worked off in order,
    /// each when it is complete at all workers. A time costs as much as what it concerns: a skeleton is looked at again
    /// where its voxels change, where a mask changes that lies no further from it than its largest radius, or where bounds
    /// move that are as near. It comes out again where it, its channel or a radius has changed.
    ///
    /// Holds the masks, which are shared with those who gave them, or without their empty words where nobody else holds them
    /// and these are many (a chunk that is all foreground or all background takes no more than a flag), and the skeletons.
    /// Until a time is over also the masks of other workers that were asked for: those that lie nearer to a skeleton than
    /// the background does. In a process these are not copied. With a `store`, which the workers of a process share, masks
    /// that nobody else holds take no more memory than it has room for; others go to its file.
    ///
    /// # Panics
    /// When running, where a chunk has two skeletons at once, a skeleton is retracted that was not inserted, or voxels lie
    /// outside of their chunk, of the bounds or of the mask; in release builds some of these go unnoticed.
    fn measure_radii(
        self,
        originals: Originals<'scope, T>,
        grid: Grid,
        spacing: Spacing,
    ) -> VecCollection<'scope, T, (ChunkId, WithRadii<C>)>;
}

impl<'scope, T: Timestamp + TotalOrder + Lattice, C: Channel> MeasureRadii<'scope, T, C>
    for VecCollection<'scope, T, (ChunkId, Arc<Skeleton<C>>)>
{
    fn measure_radii(
        self,
        originals: Originals<'scope, T>,
        grid: Grid,
        spacing: Spacing,
    ) -> VecCollection<'scope, T, (ChunkId, WithRadii<C>)> {
        let Originals { masks, bounds, measured, store, kept } = originals;
        let scope = self.inner.scope();
        let (index, peers) = (scope.index(), scope.peers());
        let known = measured.unwrap_or_else(|| empty(scope));
        // Workers must agree on which times there are, also where they have no records.
        let times = scope.concatenate([
            times(masks.clone(), |time, _| time.clone()),
            times(bounds.clone(), |time, _| time.clone()),
            times(known.clone(), |time, _| time.clone()),
            times(self.inner.clone(), |_, (_, time, _)| time.clone()),
        ]);
        let mut builder = OperatorBuilder::new("MeasureRadii".to_owned(), scope);
        let mut masks = builder.new_input(masks, Pipeline);
        let mut bounds = builder.new_input(bounds, Pipeline);
        let mut known = builder.new_input(known, Pipeline);
        let mut skeletons = builder.new_input(self.inner, Pipeline);
        let mut times = builder.new_input(times.broadcast(), Pipeline);
        let (output, measured) = builder.new_output::<Vec<_>>();
        let mut output = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(output);
        let (messages, sent) = builder.new_output::<Batch<Round>>();
        let mut messages = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(messages);
        let nowhere: [(usize, Antichain<T::Summary>); 0] = [];
        let mut received =
            builder.new_input_connection(sent, ExchangeCore::new(|round: &Round| round.to as u64), nowhere);
        let activator = scope.activator_for(builder.operator_info().address);

        builder.build(move |_| {
            let mut news: BTreeMap<T, News<C>> = BTreeMap::new();
            // For each time that is not over: the right to send skeletons, and messages.
            let mut open: BTreeMap<T, [Capability<T>; 2]> = BTreeMap::new();
            let mut team: Team<C> = Team::new(grid, spacing, (index, peers), store.clone(), kept.clone());
            let mut early: Vec<Round> = Vec::new();
            move |frontiers| {
                masks.for_each(|capability, records| {
                    let is_own = |(id, _): &(ChunkId, _)| grid.owner(*id, peers) == index;
                    debug_assert!(records.iter().all(is_own), "masks are at the owners of their chunks");
                    if let Some(time) = capability.least() {
                        let masks = records.drain(..).map(|(id, HeldMask(held))| (id, held));
                        news.entry(time.clone()).or_default().masks.extend(masks);
                    }
                });
                bounds.for_each(|capability, records| {
                    if let Some(time) = capability.least() {
                        news.entry(time.clone()).or_default().bounds = records.pop();
                    }
                });
                known.for_each(|capability, records| {
                    if let Some(time) = capability.least() {
                        news.entry(time.clone()).or_default().measured.extend(records.drain(..));
                    }
                });
                skeletons.for_each(|_, records| {
                    for ((id, skeleton), time, diff) in records.drain(..) {
                        debug_assert_eq!(grid.owner(id, peers), index, "skeletons are at the owners of their chunks");
                        news.entry(time).or_default().skeletons.entry(id).or_default().push((skeleton, diff));
                    }
                });
                times.for_each(|capability, records| {
                    for time in records.drain(..) {
                        let held = [0, 1].map(|port| capability.delayed(&time, port));
                        open.entry(time).or_insert(held);
                    }
                });
                received.for_each(|_, rounds| early.extend(rounds.drain()));
                while let Some(entry) = open.first_entry() {
                    let mut outgoing = messages.activate();
                    let mut session = outgoing.session(&entry.get()[1]);
                    if team.is_idle() {
                        if frontiers[..5].iter().any(|frontier| frontier.less_equal(entry.key())) {
                            return;
                        }
                        team.start(news.remove(entry.key()).unwrap_or_default(), |round| session.give(round));
                        activator.activate();
                        return;
                    }
                    let changes = match team.advance(&mut early, |round| session.give(round)) {
                        Turn::Missing => return,
                        Turn::Said => {
                            // Messages go out when this returns, so that peers can work at the same time.
                            activator.activate();
                            return;
                        }
                        Turn::Over(changes) => changes,
                    };
                    drop(session);
                    let (time, held) = entry.remove_entry();
                    let changes = changes.into_iter().map(|(skeleton, diff)| (skeleton, time.clone(), diff));
                    output.activate().session(&held[0]).give_iterator(changes);
                }
            }
        });
        measured.as_collection()
    }
}

/// The times of records, one for each time and batch.
fn times<'scope, T: Timestamp + TotalOrder, D: Clone + 'static>(
    records: StreamVec<'scope, T, D>,
    of: impl Fn(&T, &D) -> T + 'static,
) -> StreamVec<'scope, T, T> {
    records.unary::<CapacityContainerBuilder<Vec<T>>, _, _, _>(Pipeline, "Times", move |_, _| {
        move |input, output| {
            input.for_each(|capability, records| {
                let Some(least) = capability.least() else { return };
                let mut found: Vec<T> = records.iter().map(|record| of(least, record)).collect();
                found.sort();
                found.dedup();
                output.session(&capability).give_iterator(found.into_iter());
            });
        }
    })
}

#[cfg(test)]
mod tests;
