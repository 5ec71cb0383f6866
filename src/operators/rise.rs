//! The fold over the octree, maintained: what is complete goes out, what is not goes up.

use std::iter::repeat_n;

use differential_dataflow::collection::concatenate;
use differential_dataflow::lattice::Lattice;
use differential_dataflow::{Data, ExchangeData, VecCollection};
use timely::progress::Timestamp;

use crate::grid::ChunkId;
use crate::kernel::network::octree::{Octree, OctreeBox};
use crate::kernel::network::rise::Risen;
use crate::operators::reduce_chunks::ReduceChunks;
use crate::operators::shared::Shared;

/// Folding: from statements of chunks about their parts of the volume to results about the whole.
pub trait RiseRecords<'scope, T: Timestamp + Lattice, C, R> {
    /// Returns the complete parts of the result, each with the box in which it became complete. Morally this is
    /// [`kernel::network::rise::rise`](crate::kernel::network::rise::rise), maintained. `name` is the operators' name.
    ///
    /// A chunk has any number of leaves: parts that are complete in it, and open records, each for the box of a level
    /// above 0 that holds the chunk. For each box with records, `merge` is called with the box (level and place) and
    /// all its records, and returns the complete parts of the box, and open records for levels above.
    ///
    /// # What comes out
    /// - Every complete part goes out at the box that completed it, as often as it was returned. A part that must come
    ///   out in one place only must go up until one box holds all of it.
    /// - When leaves change, parts that are no longer returned are retracted, and new ones inserted, at the time of the
    ///   change. A part that a box returns again is left alone: it is not retracted and inserted at the same time.
    ///   Parts that are complete in a leaf come and go with the leaf.
    /// - When all leaves are retracted, nothing stays.
    ///
    /// # What a client promises
    /// - `merge` is a function of its arguments, and does not depend on the order of the records. They are sorted,
    ///   which is not the order of the boxes that they come from; equal records occur as often as they were returned.
    /// - The result must not depend on the tree, so merging is associative and commutative: if some of the records were
    ///   merged in a box below, a box must return the same.
    /// - No record is retracted that was not inserted.
    ///
    /// # Partitioning, levels and costs
    /// One `reduce` for each level, partitioned by box, from level 1 to the top: a level starts when the one below is
    /// done with a time. Records may skip levels, and meet other workers only where they are merged. `C` stays at its
    /// worker; `R` crosses between workers and processes, so it is [`ExchangeData`] and, being shared, `Sync`; both are
    /// compared to find out what changed. Times may be partially ordered.
    ///
    /// An epoch merges each box with a changed record again, with all its records: at most one box of each level for
    /// each leaf that changed. It stops where the open records of a box stay the same. Holds the open records, and what
    /// each box returned.
    ///
    /// # Panics
    /// While running, if an open record does not go up: to the level of its box, below it, or above the top; or if more
    /// records are retracted than were inserted.
    ///
    /// # Examples
    /// The largest number of an image, from those of its chunks:
    ///
    /// ```
    /// use anabranch::kernel::network::octree::Octree;
    /// use anabranch::kernel::network::rise::Risen;
    /// use anabranch::operators::rise::RiseRecords;
    /// use anabranch::operators::shared::Shared;
    /// use anabranch::{ChunkId, Grid, Region};
    /// use differential_dataflow::input::Input;
    /// use timely::dataflow::operators::capture::{Capture, Extract};
    ///
    /// let chunk = |x| ChunkId::new([0, 0, x]).unwrap();
    /// let octree = Octree::new(Grid::new(Region::of_shape([1, 8, 32]), [1, 8, 8]));
    /// let changes = timely::execute_directly(move |worker| {
    ///     let (mut chunks, captured) = worker.dataflow::<u64, _, _>(|scope| {
    ///         let (input, chunks) = scope.new_collection();
    ///         let largest = chunks
    ///             .map(|(chunk, number): (ChunkId, u32)| (chunk, Risen::Open(1, Shared::new(number))))
    ///             .rise("Largest", octree, move |(level, _), numbers| {
    ///                 let largest = **numbers.iter().max()?;
    ///                 Some(match level == octree.top() {
    ///                     true => Risen::Complete(largest),
    ///                     false => Risen::Open(level + 1, largest),
    ///                 })
    ///             });
    ///         (input, largest.inner.capture())
    ///     });
    ///     chunks.insert((chunk(0), 5));
    ///     chunks.insert((chunk(3), 7));
    ///     chunks.advance_to(1);
    ///     chunks.remove((chunk(3), 7));
    ///     captured
    /// });
    /// let top = (octree.top(), chunk(0));
    /// let mut changes: Vec<_> = changes.extract().into_iter().flat_map(|(_, changes)| changes).collect();
    /// changes.sort_by_key(|&(_, time, diff)| (time, diff));
    /// assert_eq!(changes, [((top, 7), 0, 1), ((top, 7), 1, -1), ((top, 5), 1, 1)]);
    /// ```
    fn rise<I: IntoIterator<Item = Risen<C, R>>>(
        self,
        name: &str,
        octree: Octree,
        merge: impl Fn(OctreeBox, &[&R]) -> I + Clone + 'static,
    ) -> VecCollection<'scope, T, (OctreeBox, C)>;
}

impl<'scope, T: Timestamp + Lattice, C: Data, R: ExchangeData + Sync> RiseRecords<'scope, T, C, R>
    for VecCollection<'scope, T, (ChunkId, Risen<C, Shared<R>>)>
{
    fn rise<I: IntoIterator<Item = Risen<C, R>>>(
        self,
        name: &str,
        octree: Octree,
        merge: impl Fn(OctreeBox, &[&R]) -> I + Clone + 'static,
    ) -> VecCollection<'scope, T, (OctreeBox, C)> {
        let scope = self.scope();
        let (complete, mut open) = part(self, 0, octree);
        let mut complete = vec![complete];
        for level in 1..=octree.top() {
            let merge = merge.clone();
            let here = open.clone().flat_map(move |((at, id), record)| (at == level).then_some((id, record)));
            let merged = here.reduce_chunks(name, move |&id, records, output| {
                let times = |count: isize| {
                    usize::try_from(count)
                        .unwrap_or_else(|_| panic!("a record of {id:?} was retracted, but not inserted"))
                };
                let records: Vec<&R> =
                    records.iter().flat_map(|&(record, count)| repeat_n(&**record, times(count))).collect();
                let risen = merge((level, id), &records).into_iter();
                output.extend(risen.map(|risen| (risen.map(|complete| complete, Shared::new), 1)));
            });
            let (out, above) = part(merged, level, octree);
            complete.push(out);
            open = open.filter(move |((at, _), _)| *at > level).concat(above);
        }
        concatenate(scope, complete)
    }
}

/// Complete parts with their boxes of a level, and open records with the boxes that they go up to.
type Parted<'scope, T, C, R> =
    (VecCollection<'scope, T, (OctreeBox, C)>, VecCollection<'scope, T, (OctreeBox, Shared<R>)>);

/// Splits what boxes of a level return.
fn part<'scope, T: Timestamp, C: Data, R: ExchangeData + Sync>(
    risen: VecCollection<'scope, T, (ChunkId, Risen<C, Shared<R>>)>,
    level: u8,
    octree: Octree,
) -> Parted<'scope, T, C, R> {
    let complete = risen.clone().flat_map(move |(id, risen)| match risen {
        Risen::Complete(part) => Some(((level, id), part)),
        Risen::Open(..) => None,
    });
    let open = risen.flat_map(move |(id, risen)| match risen {
        Risen::Open(above, record) => Some((octree.above((level, id), above), record)),
        Risen::Complete(_) => None,
    });
    (complete, open)
}

#[cfg(test)]
mod tests;
