//! Folds compared with one merge over everything, epoch by epoch.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use differential_dataflow::input::InputSession;
use proptest::prelude::*;
use timely::CommunicationConfig as Communication;
use timely::dataflow::operators::probe::Handle;

use super::*;
use crate::grid::Grid;
use crate::kernel::network::rise::{rise, risen};
use crate::space::Region;

/// Numbers of things in chunks: small, so that chunks say the same.
type Content = BTreeMap<ChunkId, BTreeMap<u8, u64>>;

/// A thing as far as it is known: the level of the smallest box that holds all of it, its name, and its number.
type Thing = (u8, u8, u64);

type Leaf = (ChunkId, Risen<(u8, u64), Vec<Thing>>);

/// A client: adds up the numbers of each thing, which is complete in the smallest box that holds all of it. Its records
/// go to that box at once, or from each box to the next.
#[derive(Clone, Copy)]
struct Adding {
    skipping: bool,
}

impl Adding {
    fn leaves(self, content: &Content, octree: &Octree) -> Vec<Leaf> {
        let mut until: BTreeMap<u8, (ChunkId, u8)> = BTreeMap::new();
        for (&chunk, things) in content {
            for &name in things.keys() {
                let (first, level) = until.entry(name).or_insert((chunk, 0));
                *level = octree.meeting(*first, chunk).max(*level);
            }
        }
        let known =
            |things: &BTreeMap<u8, u64>| things.iter().map(|(&name, &number)| (until[&name].1, name, number)).collect();
        let all = content.iter().map(|(&chunk, things)| (chunk, known(things)));
        all.flat_map(|(chunk, things): (_, Vec<Thing>)| self.say(0, things).into_iter().map(move |leaf| (chunk, leaf)))
            .collect()
    }

    fn merge(self, level: u8, records: &[&Vec<Thing>]) -> Vec<Risen<(u8, u64), Vec<Thing>>> {
        let mut sums: BTreeMap<(u8, u8), u64> = BTreeMap::new();
        for &(until, name, number) in records.iter().copied().flatten() {
            *sums.entry((until, name)).or_default() += number;
        }
        self.say(level, sums.into_iter().map(|((until, name), sum)| (until, name, sum)).collect())
    }

    fn say(self, level: u8, things: Vec<Thing>) -> Vec<Risen<(u8, u64), Vec<Thing>>> {
        let (complete, open): (Vec<_>, Vec<_>) = things.into_iter().partition(|&(until, ..)| until <= level);
        let mut rising: BTreeMap<u8, Vec<Thing>> = BTreeMap::new();
        for thing in open {
            rising.entry(if self.skipping { thing.0 } else { level + 1 }).or_default().push(thing);
        }
        let complete = complete.into_iter().map(|(_, name, sum)| Risen::Complete((name, sum)));
        complete.chain(risen(None, rising)).collect()
    }
}

/// The definition: one merge over everything, and the smallest box that holds all of each thing.
fn expected(content: &Content, octree: &Octree) -> Vec<(OctreeBox, (u8, u64))> {
    let mut all: BTreeMap<u8, (Vec<ChunkId>, u64)> = BTreeMap::new();
    for (&chunk, things) in content {
        for (&name, number) in things {
            let (chunks, sum) = all.entry(name).or_default();
            chunks.push(chunk);
            *sum += number;
        }
    }
    let placed = |(name, (chunks, sum)): (u8, (Vec<ChunkId>, u64))| {
        let above = |level| chunks.iter().map(|&chunk| octree.above((0, chunk), level)).collect::<Vec<_>>();
        let shared = (1..=octree.top()).map(above).find(|boxes| boxes.iter().all(|one| *one == boxes[0]));
        let place = if chunks.len() == 1 { (0, chunks[0]) } else { shared.unwrap()[0] };
        (place, (name, sum))
    };
    let mut placed: Vec<_> = all.into_iter().map(placed).collect();
    placed.sort_unstable();
    placed
}

type Changes = Vec<((OctreeBox, (u8, u64)), u64, isize)>;

/// Maintains the fold over a history of contents, one an epoch; leaves enter at some worker, and not at their owner.
fn maintained(history: &[Content], octree: Octree, client: Adding, how: Communication) -> Changes {
    let history: Arc<[Vec<Leaf>]> = history.iter().map(|content| client.leaves(content, &octree)).collect();
    let found: Arc<Mutex<Changes>> = Arc::default();
    let result = Arc::clone(&found);
    let config = timely::Config { communication: how, worker: timely::WorkerConfig::default() };
    let guards = timely::execute(config, move |worker| {
        let mut input = InputSession::<u64, (ChunkId, Risen<(u8, u64), Shared<Vec<Thing>>>), isize>::new();
        let (probe, found) = (Handle::new(), Arc::clone(&found));
        worker.dataflow(|scope| {
            input
                .to_collection(scope)
                .rise("Add", octree, move |(level, _), records| client.merge(level, records))
                .inspect(move |change| found.lock().unwrap().push(*change))
                .probe_with(&probe);
        });
        let (index, peers) = (worker.index(), worker.peers());
        let mut before: &[Leaf] = &[];
        for (leaves, epoch) in history.iter().zip(1..) {
            for (all, others, diff) in [(before, &leaves[..], -1), (&leaves[..], before, 1)] {
                let mine = |chunk: &ChunkId| chunk.place()[2].rem_euclid(peers as i64) as usize == index;
                let changed = all.iter().filter(|leaf| mine(&leaf.0) && !others.contains(leaf));
                for (chunk, leaf) in changed.cloned() {
                    input.update((chunk, leaf.map(|part| part, Shared::new)), diff);
                }
            }
            before = leaves;
            input.advance_to(epoch);
            input.flush();
            worker.step_while(|| probe.less_than(&epoch));
        }
    });
    for guard in guards.unwrap().join() {
        guard.unwrap();
    }
    std::mem::take(&mut *result.lock().unwrap())
}

const PLACES: [i64; 3] = [3, 4, 9];

/// Bounds that hold some, and contents with chunks inside and outside of them.
fn histories() -> impl Strategy<Value = (Octree, Vec<Content>)> {
    let chunk = PLACES.map(|places| -places / 2..places - places / 2);
    let edit = (chunk, prop::collection::btree_map(0u8..9, 1u64..3, 0..4));
    let epochs = prop::collection::vec(prop::collection::vec(edit, 0..12), 1..5);
    (epochs, prop::array::uniform3(1usize..10)).prop_map(|(epochs, chunks)| {
        let octree = Octree::new(Grid::new(Region::of_shape(chunks.map(|n| 4 * n)), [4; 3]));
        let mut now = Content::new();
        let mut follow = |edits: Vec<_>| {
            for (place, things) in edits {
                now.insert(ChunkId::at(place), things);
                now.retain(|_, things: &mut BTreeMap<_, _>| !things.is_empty());
            }
            now.clone()
        };
        (octree, epochs.into_iter().map(&mut follow).collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn a_fold_is_one_merge_over_everything_after_every_edit(
        (octree, history) in histories(),
        skipping in any::<bool>(),
        workers in 0usize..3,
    ) {
        let client = Adding { skipping };
        let how = [Communication::Thread, Communication::Process(3), Communication::ProcessBinary(2)][workers].clone();
        let changes = maintained(&history, octree, client, how);
        let mut content = BTreeMap::new();
        for (now, epoch) in history.iter().zip(0..) {
            for (part, ..) in changes.iter().filter(|(_, at, _)| *at == epoch) {
                let of_epoch = changes.iter().filter(|(other, at, _)| *at == epoch && other == part).count();
                prop_assert_eq!(of_epoch, 1, "a part comes and goes at once: {:?}", part);
            }
            for (part, _, diff) in changes.iter().filter(|(_, at, _)| *at == epoch) {
                *content.entry(*part).or_insert(0) += diff;
            }
            content.retain(|_, count| *count != 0);
            let expected = expected(now, &octree);
            prop_assert!(content.values().all(|&count| count == 1));
            prop_assert_eq!(content.keys().copied().collect::<Vec<_>>(), &expected[..]);
            let mut alone = rise(client.leaves(now, &octree), &octree, |(level, _), records| client.merge(level, records));
            alone.sort_unstable();
            prop_assert_eq!(alone, expected);
        }
    }
}

#[test]
fn an_edit_merges_one_box_a_level_and_stops_where_what_goes_up_stays_the_same() {
    let octree = Octree::new(Grid::new(Region::of_shape([1, 1, 8]), [1, 1, 1]));
    assert_eq!(octree.top(), 3);
    let counted = timely::execute_directly(move |worker| {
        let mut input = InputSession::<u64, (ChunkId, u32), isize>::new();
        let (probe, merges) = (Handle::new(), Rc::new(Cell::new(0)));
        let counter = Rc::clone(&merges);
        worker.dataflow(|scope| {
            input
                .to_collection(scope)
                .map(|(chunk, number)| (chunk, Risen::Open(1, Shared::new(number))))
                .rise("Largest", octree, move |(level, _), numbers| {
                    counter.set(counter.get() + 1);
                    let largest = numbers.iter().copied().copied().max();
                    largest.map(
                        |largest| if level == 3 { Risen::Complete(largest) } else { Risen::Open(level + 1, largest) },
                    )
                })
                .probe_with(&probe);
        });
        let mut epoch = |changes: &[(i64, u32, isize)]| {
            for &(x, number, diff) in changes {
                input.update((ChunkId::at([0, 0, x]), number), diff);
            }
            input.advance_to(input.time() + 1);
            input.flush();
            worker.step_while(|| probe.less_than(input.time()));
            merges.take()
        };
        let all: Vec<(i64, u32, isize)> = (0..8).map(|x| (x, 10 + x as u32, 1)).collect();
        [epoch(&all), epoch(&[(7, 17, -1), (7, 18, 1)]), epoch(&[(2, 12, -1), (2, 11, 1)]), epoch(&[(5, 15, -1)])]
    });
    // Four boxes, two and one; one each; one, whose largest number is that of its other chunk; two.
    assert_eq!(counted, [7, 3, 1, 2]);
}
