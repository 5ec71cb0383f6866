//! The maintained branch network compared with one from scratch, epoch by epoch.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use differential_dataflow::input::InputSession;
use proptest::prelude::*;
use timely::CommunicationConfig as Communication;
use timely::dataflow::operators::probe::Handle;

use super::branches::ExtractBranches;
use crate::grid::{ChunkId, Grid};
use crate::kernel::network::branch::Branch;
use crate::kernel::network::branch_list::BranchList;
use crate::kernel::network::forest::DisjointSets;
use crate::kernel::network::graph::Graph;
use crate::kernel::network::graph::tests::{cut, voxels};
use crate::kernel::network::isolated::Isolated;
use crate::kernel::network::skeleton::Skeleton;
use crate::kernel::network::step::{Lengths, Step};
use crate::kernel::shelf::Shelf;
use crate::kernel::shelf::tests::ListShelf;
use crate::space::{Region, Spacing, Voxel};
use crate::table::Table;
use crate::table::ranks::Ranks;
use crate::table::summary::JunctionCounts;

type Chunks = BTreeMap<ChunkId, Skeleton>;
type Changes<D> = Vec<(D, u64, isize)>;

/// Changes of branches, of isolated voxels, and of the numbers of components and junctions.
#[derive(Default)]
struct Found {
    branches: Changes<Branch>,
    isolated: Changes<Isolated>,
    components: Changes<u64>,
    junctions: Changes<JunctionCounts>,
}

/// Runs a history of whole contents, one an epoch, on some workers; chunks enter at different ones. Lists of branches lie on
/// a shelf if there is one.
fn run(history: &[Chunks], grid: Grid, spacing: Spacing, how: Communication, shelf: Option<Arc<dyn Shelf>>) -> Found {
    let history: Arc<[Chunks]> = history.into();
    let found: Arc<Mutex<Found>> = Arc::default();
    let result = Arc::clone(&found);
    let config = timely::Config { communication: how, worker: timely::WorkerConfig::default() };
    let guards = timely::execute(config, move |worker| {
        let mut input: InputSession<u64, (ChunkId, Arc<Skeleton>), isize> = InputSession::new();
        let [branches, isolated, components, junctions] = std::array::from_fn(|_| Arc::clone(&found));
        let probe = Handle::new();
        worker.dataflow(|scope| {
            let graph = input.to_collection(scope).extract_shelved_branches(grid, spacing, shelf.clone());
            graph
                .changes()
                .flat_map(|list| list.iter().collect::<Vec<_>>())
                .inspect(move |change| branches.lock().unwrap().branches.push(change.clone()))
                .probe_with(&probe);
            graph
                .components()
                .map(|(_, count)| count)
                .inspect(move |change| components.lock().unwrap().components.push(*change))
                .probe_with(&probe);
            graph
                .junction_counts()
                .inspect(move |change| junctions.lock().unwrap().junctions.push(*change))
                .probe_with(&probe);
            graph
                .isolated
                .flat_map(|(_, voxels)| voxels.to_vec())
                .inspect(move |change| isolated.lock().unwrap().isolated.push(change.clone()))
                .probe_with(&probe);
        });
        let mut before = &Chunks::new();
        let (index, peers) = (worker.index(), worker.peers());
        let own = |id: &ChunkId| grid.owner(*id, peers) == index;
        for (chunks, epoch) in history.iter().zip(1..) {
            for (&id, skeleton) in before.iter().filter(|(id, s)| own(id) && chunks.get(id) != Some(s)) {
                input.remove((id, Arc::new(skeleton.clone())));
            }
            for (&id, skeleton) in chunks.iter().filter(|(id, s)| own(id) && before.get(id) != Some(s)) {
                input.insert((id, Arc::new(skeleton.clone())));
            }
            before = chunks;
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

/// Adds up the changes before an epoch, in order.
fn content<D: Ord + Clone>(changes: &Changes<D>, before: u64) -> Vec<D> {
    let mut counts: BTreeMap<&D, isize> = BTreeMap::new();
    for (record, _, diff) in changes.iter().filter(|(_, epoch, _)| *epoch < before) {
        *counts.entry(record).or_default() += diff;
    }
    assert!(counts.values().all(|count| (0..=1).contains(count)));
    counts.into_iter().filter(|(_, count)| *count == 1).map(|(record, _)| record.clone()).collect()
}

/// The numbers of junctions by their definition.
fn plain_junctions(graph: &Graph) -> JunctionCounts {
    let mut degrees: BTreeMap<Voxel, usize> = BTreeMap::new();
    for branch in &graph.branches {
        *degrees.entry(branch.start()).or_default() += 1;
        *degrees.entry(branch.end()).or_default() += 1;
    }
    let junctions: Vec<Voxel> = degrees.iter().filter(|(_, degree)| **degree >= 3).map(|(voxel, _)| *voxel).collect();
    let mut sets = DisjointSets::new(junctions.len());
    let mut joined = junctions.len() as i64;
    for a in 0..junctions.len() {
        for b in 0..a {
            if Step::between(junctions[a], junctions[b]).is_some() {
                joined -= i64::from(sets.unite(a as u32, b as u32));
            }
        }
    }
    JunctionCounts { voxels: junctions.len() as i64, joined }
}

const BOUNDS: Region = Region { min: [-3, -2, -5], max: [2, 5, 3] };

/// Contents that follow each other by edits: each epoch draws some chunks anew from another set of voxels.
fn histories() -> impl Strategy<Value = (Grid, Vec<Chunks>)> {
    let contents = prop::collection::vec((voxels([5, 7, 8], BOUNDS.min), prop::collection::vec(any::<u8>(), 8)), 1..5);
    (contents, prop::array::uniform3(1usize..6), any::<bool>()).prop_map(|(contents, chunk, floats)| {
        let grid = Grid::new(BOUNDS, chunk);
        let mut now = Chunks::new();
        let mut history = Vec::new();
        for (voxels, draws) in contents {
            let mut new = cut(&voxels, &grid, floats);
            for (number, id) in grid.chunks().enumerate() {
                if history.is_empty() || draws[number % draws.len()] < 60 {
                    match new.remove(&id) {
                        Some(skeleton) => drop(now.insert(id, skeleton)),
                        None => drop(now.remove(&id)),
                    }
                }
            }
            history.push(now.clone());
        }
        (grid, history)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn after_every_edit_the_network_is_that_of_the_content(
        (grid, history) in histories(), workers in 0usize..3, is_shelved in any::<bool>(),
    ) {
        let spacing = Spacing([1.0, 0.5, 1.0]);
        // One worker, two, and two that exchange bytes as processes do.
        let how = [Communication::Thread, Communication::Process(2), Communication::ProcessBinary(2)][workers].clone();
        let shelf = is_shelved.then(|| Arc::new(ListShelf::default()) as Arc<dyn Shelf>);
        let found = run(&history, grid, spacing, how, shelf);
        for (chunks, epoch) in history.iter().zip(1..) {
            let expected = Graph::new(chunks, grid, spacing);
            let ranks = Ranks::new(chunks.iter().map(|(&id, part)| (id, &part.voxels)), &grid);
            let list = BranchList::new(&expected.branches, &Lengths::new(spacing));
            let table = Table::new([&list], &expected.isolated, &ranks, 1).unwrap();
            let counts = found.components.iter().filter(|(_, at, _)| *at < epoch);
            let components: i64 = counts.map(|(count, _, diff)| *count as i64 * *diff as i64).sum();
            prop_assert_eq!(components, table.skeletons() as i64);
            let mut junctions = JunctionCounts::default();
            let counts = found.junctions.iter().filter(|(_, at, _)| *at < epoch);
            counts.for_each(|&(more, _, diff)| junctions.add(more, diff as i64));
            prop_assert_eq!(junctions, plain_junctions(&expected));
            prop_assert_eq!(content(&found.branches, epoch), expected.branches);
            prop_assert_eq!(content(&found.isolated, epoch), expected.isolated);
        }
        // No branch comes and goes in the same epoch.
        let mut named: Vec<_> = found.branches.iter().map(|(branch, epoch, _)| (epoch, branch)).collect();
        named.sort();
        let all = named.len();
        named.dedup();
        prop_assert_eq!(named.len(), all);
    }
}

#[test]
fn an_edit_far_away_leaves_branches_alone() {
    let grid = Grid::new(Region::of_shape([1, 8, 64]), [1, 8, 8]);
    let line = |y, from: i64, to: i64| (from..to).map(move |x| (Voxel::new([0, y, x]), 1));
    let mut before: Vec<_> = line(1, 0, 30).chain(line(5, 0, 7)).chain(line(5, 33, 60)).collect();
    before.sort_unstable();
    let after: Vec<_> = before.iter().copied().filter(|(v, _)| *v != Voxel::new([0, 5, 50])).collect();
    let history = [cut(&before, &grid, false), cut(&after, &grid, false)];
    let branches = run(&history, grid, Spacing::default(), Communication::Process(2), None).branches;
    let ends = |epoch, sign| -> Vec<_> {
        let mut ends: Vec<_> = branches
            .iter()
            .filter(|(_, at, diff)| (*at, *diff) == (epoch, sign))
            .map(|(b, ..)| [b.start().position()[2], b.end().position()[2]])
            .collect();
        ends.sort_unstable();
        ends
    };
    assert_eq!(ends(0, 1), [[0, 6], [0, 29], [33, 59]]);
    assert_eq!(ends(1, -1), [[33, 59]]);
    assert_eq!(ends(1, 1), [[33, 49], [51, 59]]);
}
