//! Back-pressure: limits how far reading runs ahead.
//!
//! Timely's queues are unbounded, so sources limit themselves. Chunks have a rank, their place in the order in which
//! all workers of a process together read its chunks. A chunk may be read when its rank is less than the least rank
//! that is still in flight plus the size of the window. A chunk waits for neighbours within a fixed distance in rank
//! only, so a window that is larger than this distance never locks up, and what is in flight is bounded by the window's
//! chunks.
//!
//! Several processes have a window each, over their own chunks in raster order, and need not exchange their progress.
//! They do not lock up either, with windows that are large enough for one process: take the first chunk in raster order
//! that is not done anywhere, and a neighbour that it waits for. All that the neighbour's process has in flight comes
//! after that chunk in raster order, so between its first chunk in flight and the neighbour lie no more of its own
//! chunks than there are chunks of any process between the two: the neighbour is admitted. Beside the window's chunks a
//! process holds slabs that others have sent early: at most those of the seams between them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use timely::scheduling::SyncActivator;

use crate::chunk::Dtype;
use crate::grid::Grid;

/// Default number of bytes of values in flight.
pub const MEMORY: usize = 256 << 20;

/// The least thickness of tiers, in planes.
const LEAST_TIER: usize = 16;

/// The window of a process's chunks in flight, shared by its workers.
#[derive(Clone, Debug)]
pub struct Window(Arc<Mutex<State>>);

/// The room that a chunk in flight takes of a window. It becomes free when this and all clones are dropped.
#[derive(Clone, Debug, Default)]
pub struct Permit(#[allow(dead_code, reason = "held to be dropped")] Option<Arc<Held>>);

/// Permits do not count in comparisons.
impl PartialEq for Permit {
    fn eq(&self, _: &Permit) -> bool {
        true
    }
}

#[derive(Debug)]
struct Held {
    window: Window,
    rank: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.window.complete(self.rank);
    }
}

#[derive(Debug)]
struct State {
    /// In chunks.
    size: u64,
    /// All chunks of lower rank are done.
    next: u64,
    /// Chunks that are done, of rank `next` and more.
    done: BTreeSet<u64>,
    /// The number of chunks that were taken.
    taken: u64,
    /// The last layer of chunks, as a place along z, that may be read.
    last_layer: i64,
    /// Workers whose operators wait for the chunk of a rank in a layer.
    waiting: BTreeMap<usize, (u64, i64, SyncActivator)>,
}

impl State {
    fn admits_rank(&self, rank: u64) -> bool {
        rank < self.next + self.size
    }

    fn admits_layer(&self, layer: i64) -> bool {
        layer <= self.last_layer
    }

    fn admits(&self, rank: u64, layer: i64) -> bool {
        self.admits_rank(rank) && self.admits_layer(layer)
    }

    /// Those that need not wait any more.
    fn admitted(&mut self) -> impl Iterator<Item = SyncActivator> + use<> {
        let all = std::mem::take(&mut self.waiting);
        let (admitted, waiting): (BTreeMap<_, _>, _) =
            all.into_iter().partition(|(_, (rank, layer, _))| self.admits(*rank, *layer));
        self.waiting = waiting;
        admitted.into_values().map(|(_, _, activator)| activator)
    }
}

impl Window {
    /// A window of a number of chunks.
    pub fn new(size: usize) -> Self {
        Window(Arc::new(Mutex::new(State {
            size: size.max(1) as u64,
            next: 0,
            done: BTreeSet::new(),
            taken: 0,
            last_layer: i64::MAX,
            waiting: BTreeMap::new(),
        })))
    }

    /// The least window for chunks of a grid that wait for all chunks within a depth: the farthest such chunk in raster
    /// order is still admitted, plus one chunk for every other worker.
    pub fn least(grid: &Grid, depth: [usize; 3], workers: usize) -> usize {
        let shape = grid.shape();
        let chunk = grid.chunk_shape();
        let reach: [usize; 3] = std::array::from_fn(|a| depth[a].div_ceil(chunk[a]).min(shape[a].saturating_sub(1)));
        (reach[0] * shape[1] + reach[1]) * shape[2] + reach[2] + workers
    }

    /// The grid of the tiers that chunks are best cut into ([`Grid::in_tiers`]): as thick as the least window allows within
    /// a budget, since each tier has its own halo, which is copied; but none thinner than 16 planes or twice the depth. The
    /// same grid where that is whole chunks.
    pub fn tiers(grid: &Grid, depth: [usize; 3], dtype: Dtype, workers: usize, budget: usize) -> Grid {
        let thickness = grid.chunk_shape()[0];
        if depth[0] == 0 || grid.shape()[0] == 1 {
            return *grid;
        }
        let most = (thickness / LEAST_TIER.max(2 * depth[0])).max(1);
        let mut tiers = (1..=most).filter(|count| thickness.is_multiple_of(*count)).map(|count| grid.in_tiers(count));
        let (thinnest, least) = (tiers.clone().next_back(), Self::least(grid, depth, workers));
        let fits = |tiers: &Grid| Self::bytes(tiers, depth, dtype, workers, least) <= budget;
        tiers.find(fits).or(thinnest).unwrap_or(*grid)
    }

    /// Bytes of a number of chunks in flight: their values with the slabs for neighbours; and for each worker a padded
    /// copy of one chunk and, with a depth, its smoothed values. `grid` may be of tiers ([`Grid::in_tiers`]): of chunks that
    /// wait for the next plane of chunks, only the last tier is held. The chunks are whole ones.
    pub fn bytes(grid: &Grid, depth: [usize; 3], dtype: Dtype, workers: usize, chunks: usize) -> usize {
        let [whole, tier, working] = Self::bytes_a_chunk(grid, depth, dtype);
        let waiting =
            Self::least(&grid.of_wholes(), depth, workers).saturating_sub(Self::of_rows(grid, depth, workers));
        let waiting = waiting.min(chunks);
        workers * working + waiting * tier + (chunks - waiting) * whole
    }

    /// The window, in chunks, that a budget of bytes allows, but at least the least one. `grid` may be of tiers.
    pub fn within(grid: &Grid, depth: [usize; 3], dtype: Dtype, workers: usize, budget: usize) -> usize {
        let least = Self::least(&grid.of_wholes(), depth, workers);
        let [whole, ..] = Self::bytes_a_chunk(grid, depth, dtype);
        least + budget.saturating_sub(Self::bytes(grid, depth, dtype, workers, least)) / whole.max(1)
    }

    /// Of the least window, the chunks that wait for no plane of chunks but their own.
    fn of_rows(grid: &Grid, depth: [usize; 3], workers: usize) -> usize {
        Self::least(&grid.of_wholes(), [0, depth[1], depth[2]], workers)
    }

    /// Bytes of a chunk in flight, of its last tier with the slabs for the next plane of chunks, and of what is processed.
    fn bytes_a_chunk(grid: &Grid, depth: [usize; 3], dtype: Dtype) -> [usize; 3] {
        let padded = |chunk: [usize; 3]| (0..3).map(|a| chunk[a] + 2 * depth[a]).product::<usize>();
        let (whole, tier) = (padded(grid.of_wholes().chunk_shape()), padded(grid.chunk_shape()));
        let smoothed = if depth == [0; 3] { 0 } else { 3 * 4 * tier };
        [whole * dtype.size(), tier * dtype.size(), tier * dtype.size() + smoothed]
    }

    /// Makes the window at least as large as a number of chunks.
    pub(super) fn widen(&self, least: usize) {
        self.change(|state| state.size = state.size.max(least as u64));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the chunk of this rank may be read now.
    pub fn admits(&self, rank: u64) -> bool {
        self.state().admits_rank(rank)
    }

    /// Whether chunks of a layer may be read: those at a place along z.
    pub fn admits_layer(&self, layer: i64) -> bool {
        self.state().admits_layer(layer)
    }

    /// Admits only layers up to one, if all are admitted so far: for an operator that takes chunks layer by layer.
    pub(super) fn limit_layers(&self, last: i64) {
        let mut state = self.state();
        state.last_layer = if state.last_layer == i64::MAX { last } else { state.last_layer };
    }

    /// Admits layers up to one. Those that were admitted before stay so: what another process has sent may come late.
    pub(super) fn admit_layers(&self, last: i64) {
        self.change(|state| state.last_layer = state.last_layer.max(last));
    }

    /// The next rank that [`Window::take`] hands out.
    pub(super) fn next_taken(&self) -> u64 {
        self.state().taken
    }

    /// Whether the chunk of this rank in a layer may be read now. If not, the operator of a worker waits for it, and is activated
    /// once it may.
    pub(super) fn admits_or_wakes(&self, rank: u64, layer: i64, (worker, operator): (usize, &SyncActivator)) -> bool {
        let mut state = self.state();
        let admits = state.admits(rank, layer);
        if !admits {
            state.waiting.insert(worker, (rank, layer, operator.clone()));
        }
        admits
    }

    /// Changes the state, and activates the operators that need not wait any more.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let admitted = {
            let mut state = self.state();
            change(&mut state);
            state.admitted()
        };
        for activator in admitted {
            // Its worker may have ended.
            let _ = activator.activate();
        }
    }

    /// Hands out this many ranks in turn, to any worker: returns the next rank, or `Some(None)` if it may not be read
    /// yet; `None` if all were handed out.
    pub fn take(&self, count: u64) -> Option<Option<u64>> {
        let mut state = self.state();
        let rank = state.taken;
        if rank >= count {
            return None;
        }
        let admitted = state.admits_rank(rank);
        state.taken += u64::from(admitted);
        Some(admitted.then_some(rank))
    }

    /// The permit of the chunk of this rank, which takes its room until it and all its clones are dropped.
    pub fn permit(&self, rank: u64) -> Permit {
        Permit(Some(Arc::new(Held { window: self.clone(), rank })))
    }

    /// Notes that the chunk of this rank is no longer in flight.
    fn complete(&self, rank: u64) {
        self.change(|state| {
            state.done.insert(rank);
            while state.done.first() == Some(&state.next) {
                state.done.pop_first();
                state.next += 1;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use timely::container::CapacityContainerBuilder;
    use timely::dataflow::operators::generic::operator::source;

    use super::*;
    use crate::space::Region;

    #[test]
    fn chunks_are_admitted_up_to_a_window_after_the_first_that_is_in_flight() {
        let window = Window::new(2);
        assert!(window.admits(0) && window.admits(1) && !window.admits(2));
        let [first, second] = [0, 1].map(|rank| window.permit(rank));
        let again = first.clone();
        drop((first, second));
        assert!(!window.admits(2), "a clone of the first is there");
        drop(again);
        assert!(window.admits(3) && !window.admits(4));
    }

    #[test]
    fn chunks_are_given_out_once_each_and_as_they_are_admitted() {
        let (window, other) = (Window::new(2), Window::new(2));
        assert_eq!(
            [window.take(3), window.clone().take(3), window.take(3)],
            [Some(Some(0)), Some(Some(1)), Some(None)]
        );
        drop(window.permit(0));
        assert_eq!([window.take(3), window.take(3), other.take(0)], [Some(Some(2)), None, None]);
    }

    #[test]
    fn layers_are_admitted_up_to_the_last_that_is_wanted() {
        let window = Window::new(2);
        assert!(window.admits_layer(i64::MAX));
        window.clone().limit_layers(-3);
        window.limit_layers(5);
        assert!(window.admits_layer(-3) && !window.admits_layer(-2));
        for last in [-2, -3] {
            window.admit_layers(last);
            assert!(window.admits_layer(-2) && !window.admits_layer(-1));
        }
    }

    #[test]
    fn an_operator_that_waits_is_woken_once_its_chunk_is_admitted() {
        for (rank, layer) in [(1, 0), (0, 1), (1, 1)] {
            timely::execute_directly(move |worker| {
                let (window, runs) = (Window::new(1), Rc::new(Cell::new(0)));
                window.limit_layers(0);
                let (waited, counted) = (window.clone(), Rc::clone(&runs));
                worker.dataflow::<u64, _, _>(|scope| {
                    source::<_, CapacityContainerBuilder<Vec<()>>, _, _>(scope, "Waits", move |capability, info| {
                        let wakes = scope.worker().sync_activator_for(info.address.to_vec());
                        let mut capability = Some(capability);
                        move |_| {
                            counted.set(counted.get() + 1);
                            capability.take_if(|_| waited.admits_or_wakes(rank, layer, (0, &wakes)));
                        }
                    });
                });
                let mut runs_by_now = || {
                    (0..9).for_each(|_| {
                        worker.step();
                    });
                    runs.get()
                };
                let waits = runs_by_now();
                drop(window.permit(7));
                assert_eq!(runs_by_now(), waits, "nothing it waits for has come");
                drop(window.permit(0));
                window.admit_layers(1);
                assert!(runs_by_now() > waits && window.state().waiting.is_empty());
            });
        }
    }

    #[test]
    fn a_window_is_widened_and_never_narrowed() {
        let window = Window::new(2);
        window.clone().widen(4);
        window.widen(3);
        assert!(window.admits(3) && !window.admits(4));
    }

    #[test]
    fn of_chunks_that_wait_for_the_next_plane_only_a_tier_is_held() {
        let grid = Grid::new(Region::of_shape([128, 2048, 2048]), [64; 3]);
        let bytes = |grid: &Grid, chunks| Window::bytes(grid, [4; 3], Dtype::U16, 2, chunks);
        let (least, tiers) = (Window::least(&grid, [4; 3], 2), grid.in_tiers(4));
        assert_eq!(bytes(&grid, least), 2 * (72 * 72 * 72 * 14) + 1059 * (72 * 72 * 72 * 2));
        assert_eq!(bytes(&tiers, least), 2 * (24 * 72 * 72 * 14) + 1024 * (24 * 72 * 72 * 2) + 35 * (72 * 72 * 72 * 2));
        for grid in [grid, tiers] {
            for more in [0, 10] {
                let budget = bytes(&grid, least + more);
                assert_eq!(Window::within(&grid, [4; 3], Dtype::U16, 2, budget), least + more);
            }
            assert_eq!(Window::within(&grid, [4; 3], Dtype::U16, 2, 0), least);
        }
    }

    #[test]
    fn tiers_are_as_thick_as_a_budget_allows() {
        let grid = Grid::new(Region::of_shape([128, 2048, 2048]), [64; 3]);
        let thickness = |grid: &Grid, depth, budget| Window::tiers(grid, depth, Dtype::U16, 2, budget).chunk_shape()[0];
        for (budget, expected) in [(1 << 30, 64), (600 << 20, 32), (300 << 20, 16), (0, 16)] {
            assert_eq!(thickness(&grid, [4; 3], budget), expected, "{budget}");
        }
        assert_eq!(thickness(&grid, [12; 3], 0), 32);
        assert_eq!(thickness(&grid, [0, 4, 4], 0), 64);
        assert_eq!(thickness(&Grid::new(Region::of_shape([64, 256, 256]), [64; 3]), [4; 3], 0), 64);
        assert_eq!(thickness(&Grid::new(Region::of_shape([99, 256, 256]), [33; 3]), [4; 3], 0), 33);
    }

    #[test]
    fn the_least_window_reaches_the_farthest_neighbour() {
        let grid = Grid::new(Region::of_shape([40, 40, 40]), [10, 10, 10]);
        assert_eq!(Window::least(&grid, [0; 3], 1), 1);
        assert_eq!(Window::least(&grid, [4; 3], 1), 16 + 4 + 1 + 1);
        assert_eq!(Window::least(&grid, [100; 3], 2), 48 + 12 + 3 + 2);
    }
}
