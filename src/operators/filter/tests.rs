//! Filters of masks in chunks compared with floods over the whole, epoch by epoch.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use timely::dataflow::operators::probe::Handle;
use timely::dataflow::operators::{Input, Inspect, Probe};

use super::*;
use crate::kernel::objects::connectivity::Connectivity;
use crate::operators::held::HoldLatest;
use crate::space::{Position, Region};

type Voxels = BTreeSet<Position>;

/// A mask and its strong voxels.
type Content = (Voxels, Voxels);

/// The components of some voxels, in the order of their first voxels, by floods.
fn components_of(voxels: &Voxels, connectivity: Connectivity) -> Vec<Voxels> {
    let mut left = voxels.clone();
    let mut found = Vec::new();
    while let Some(&first) = left.first() {
        let (mut component, mut next) = (Voxels::new(), vec![first]);
        while let Some(place) = next.pop() {
            if !left.remove(&place) {
                continue;
            }
            component.insert(place);
            for i in 0..27i64 {
                let step = [i / 9 - 1, i / 3 % 3 - 1, i % 3 - 1];
                if step.iter().filter(|&&d| d != 0).count() <= connectivity.axes() {
                    next.push(std::array::from_fn(|a| place[a] + step[a]));
                }
            }
        }
        found.push(component);
    }
    found
}

fn all_of(bounds: &Region) -> Voxels {
    let [z, y, x] = [0, 1, 2].map(|a| bounds.min[a]..bounds.max[a]);
    z.flat_map(|z| {
        y.clone().flat_map({
            let x = x.clone();
            move |y| x.clone().map(move |x| [z, y, x])
        })
    })
    .collect()
}

/// The definition of a filter.
fn plainly(filter: Filter, mask: &Voxels, strong: &Voxels, bounds: &Region, planar: bool) -> (Voxels, Amounts) {
    let mut amounts = Amounts::default();
    let mut note = |kind, component: &Voxels| amounts.add(&Amounts::of(kind, component.len() as u64), 1);
    let mut left = mask.clone();
    match filter {
        Filter::Hysteresis => {
            for component in components_of(mask, Connectivity::Faces) {
                if component.is_disjoint(strong) {
                    note(Kind::Weak, &component);
                    left = &left - &component;
                }
            }
        }
        Filter::FillHoles(below) => {
            let axes = usize::from(planar)..3;
            let touches = |p: &Position| axes.clone().any(|a| p[a] == bounds.min[a] || p[a] + 1 == bounds.max[a]);
            for component in components_of(&(&all_of(bounds) - mask), Connectivity::Faces) {
                if !component.iter().any(touches) && below.is_none_or(|below| (component.len() as u64) < below) {
                    note(Kind::Holes, &component);
                    left = &left | &component;
                }
            }
        }
        Filter::RemoveSmaller(least, connectivity) => {
            for component in components_of(mask, connectivity) {
                if (component.len() as u64) < least {
                    note(Kind::Smaller, &component);
                    left = &left - &component;
                }
            }
        }
        Filter::KeepLargest { count, least, connectivity } => {
            let mut all = components_of(mask, connectivity);
            all.sort_by_key(|component| std::cmp::Reverse(component.len()));
            for (rank, component) in all.iter().enumerate() {
                if (component.len() as u64) < least {
                    note(Kind::Smaller, component);
                } else if rank >= count {
                    note(Kind::Largest, component);
                } else {
                    continue;
                }
                left = &left - component;
            }
        }
    }
    (left, amounts)
}

fn mask_of(voxels: &Voxels, own: Region) -> Option<Arc<Mask>> {
    let mut mask = Mask::new(Layout::new(own));
    voxels.iter().filter(|&&place| own.contains(place)).for_each(|&place| mask.set(mask.layout().bit_at(place)));
    (mask.count() > 0).then(|| Arc::new(mask))
}

/// What comes out at each epoch.
#[derive(Clone, Debug, Default, PartialEq)]
struct Told {
    masks: BTreeMap<ChunkId, Option<Arc<Mask>>>,
    amounts: Amounts,
    filled: BTreeMap<ChunkId, isize>,
}

/// What comes out for the contents of successive epochs, of which each worker feeds what changes in its chunks.
fn filtered(contents: &[Content], plan: &FilterPlan, workers: usize) -> Vec<Told> {
    let told = Arc::new(Mutex::new(vec![Told::default(); contents.len()]));
    let (contents, plan, tell) = (contents.to_vec(), plan.clone(), Arc::clone(&told));
    let guards = timely::execute(timely::Config::process(workers), move |worker| {
        let (grid, index, peers) = (plan.grid, worker.index(), worker.peers());
        let probe = Handle::<u64>::new();
        let tell = [0; 3].map(|_| Arc::clone(&tell));
        let [mut masks, mut strong] = worker.dataflow(|scope| {
            let ((input, masks), (strong_input, strong)) = (scope.new_input(), scope.new_input());
            let filtered = masks.held().filter_masks(Some(strong.held()), &plan);
            let [to_masks, to_amounts, to_filled] = tell;
            filtered
                .masks
                .changed()
                .inspect_core(move |event| {
                    let Ok((times, masks)) = event else { return };
                    let time = times.iter().next().unwrap();
                    let told = &mut to_masks.lock().unwrap()[*time as usize];
                    for (id, mask) in masks {
                        assert_eq!(
                            told.masks.insert(*id, mask.clone()),
                            None::<Option<Arc<Mask>>>,
                            "one record of a chunk"
                        );
                    }
                })
                .probe_with(&probe);
            filtered
                .amounts
                .inner
                .inspect(move |(amounts, time, diff)| {
                    to_amounts.lock().unwrap()[*time as usize].amounts.add(amounts, *diff as i64);
                })
                .probe_with(&probe);
            if let Some(filled) = filtered.filled {
                filled
                    .inner
                    .inspect(move |(id, time, diff)| {
                        assert_eq!(grid.owner(*id, peers), index, "fillings come to owners");
                        *to_filled.lock().unwrap()[*time as usize].filled.entry(*id).or_default() += diff;
                    })
                    .probe_with(&probe);
            }
            [input, strong_input]
        });
        let empty = (Voxels::new(), Voxels::new());
        for (epoch, content) in contents.iter().enumerate() {
            let before = if epoch == 0 { &empty } else { &contents[epoch - 1] };
            for id in grid.chunks().filter(|&id| grid.owner(id, peers) == index) {
                let own = grid.region(id);
                for (input, before, now) in [(&mut masks, &before.0, &content.0), (&mut strong, &before.1, &content.1)]
                {
                    let [before, now] = [before, now].map(|voxels| mask_of(voxels, own));
                    if before != now {
                        input.send((id, now));
                    }
                }
            }
            masks.advance_to(epoch as u64 + 1);
            strong.advance_to(epoch as u64 + 1);
            worker.step_while(|| probe.less_than(masks.time()));
        }
    });
    guards.unwrap().join().into_iter().for_each(|result| result.unwrap());
    Arc::try_unwrap(told).unwrap().into_inner().unwrap()
}

/// Checks that each epoch has the masks and amounts of the definition, and that only masks that differ come again.
fn check(contents: &[Content], plan: &FilterPlan, workers: usize) {
    let bounds = plan.grid.bounds();
    let mut known: BTreeMap<ChunkId, Arc<Mask>> = BTreeMap::new();
    let mut amounts = Amounts::default();
    let mut filled: BTreeMap<ChunkId, isize> = BTreeMap::new();
    for (epoch, (told, (mask, strong))) in filtered(contents, plan, workers).into_iter().zip(contents).enumerate() {
        let (mut expected, mut expected_amounts, mut before_filling) = (mask.clone(), Amounts::default(), None);
        for &filter in &plan.filters {
            if filter.fills() {
                before_filling = Some(expected.clone());
            }
            let (left, more) = plainly(filter, &expected, strong, &bounds, plan.planar);
            if filter.fills() {
                before_filling = Some(&left - &expected);
            }
            expected = left;
            expected_amounts.add(&more, 1);
        }
        for (id, mask) in told.masks {
            let old = match mask {
                Some(mask) => known.insert(id, mask),
                None => known.remove(&id),
            };
            assert_ne!(old.as_ref(), known.get(&id), "chunk {id} did not change in epoch {epoch}");
        }
        let chunks = plan.grid.chunks().filter_map(|id| Some((id, mask_of(&expected, plan.grid.region(id))?)));
        assert_eq!(known, chunks.collect(), "epoch {epoch} of {plan:?}");
        amounts.add(&told.amounts, 1);
        assert_eq!(amounts, expected_amounts, "epoch {epoch} of {plan:?}");
        assert_eq!(expected.len() as i64, mask.len() as i64 + amounts.growth());
        told.filled.into_iter().for_each(|(id, diff)| *filled.entry(id).or_default() += diff);
        filled.retain(|_, count| *count != 0);
        let expected: BTreeSet<ChunkId> =
            before_filling.into_iter().flatten().map(|place| plan.grid.chunk_at(place)).collect();
        assert_eq!(filled.keys().copied().collect::<BTreeSet<_>>(), expected, "epoch {epoch}");
        assert!(filled.values().all(|count| *count > 0));
    }
}

fn random(bounds: &Region, density: u64, seed: u64) -> Voxels {
    let mut state = seed | 1;
    let mut is_set = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % 100 < density
    };
    all_of(bounds).into_iter().filter(|_| is_set()).collect()
}

fn filters() -> impl Strategy<Value = Vec<Filter>> {
    let connectivity = || (0..3usize).prop_map(|i| Connectivity::ALL[i]);
    let size = prop_oneof![Just(1u64), 2..9u64, Just(60)];
    let sizes = prop_oneof![
        (size, connectivity()).prop_map(|(least, connectivity)| Filter::RemoveSmaller(least, connectivity)),
        (1..4usize, 0..5u64, connectivity()).prop_map(|(count, least, connectivity)| Filter::KeepLargest {
            count,
            least,
            connectivity
        }),
    ];
    let holes = prop_oneof![Just(None), (1..20u64).prop_map(Some)].prop_map(Filter::FillHoles);
    (any::<bool>(), prop::option::of(holes), prop::option::of(sizes)).prop_map(|(hysteresis, holes, sizes)| {
        hysteresis.then_some(Filter::Hysteresis).into_iter().chain(holes).chain(sizes).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn filtered_masks_are_those_of_floods_after_every_edit(
        shape in [1..7usize, 1..8, 1..20],
        chunk in [1..4usize, 1..5, 1..9],
        min in prop::array::uniform3(-3..4i64),
        planar in any::<bool>(),
        filters in filters(),
        densities in prop::collection::vec((5..96u64, any::<u64>(), 0..30u64), 1..4),
        workers in 1..4usize,
    ) {
        let shape = if planar { [1, shape[1] * 2, shape[2] * 2] } else { shape };
        let bounds = Region::of_shape(shape).shifted(min);
        let plan = FilterPlan { grid: Grid::new(bounds, chunk), planar, filters };
        // The first mask is drawn, and later ones change some of it; strong voxels are part of the mask.
        let mut contents: Vec<Content> = Vec::new();
        for (density, seed, changed) in densities {
            let mask = match contents.last() {
                None => random(&bounds, density, seed),
                Some((before, _)) => before ^ &random(&bounds, changed, seed),
            };
            let strong = &random(&bounds, 10, !seed) & &mask;
            contents.push((mask, strong));
        }
        contents.push(Content::default());
        check(&contents, &plan, workers);
    }
}

#[test]
fn a_spiral_that_is_cut_and_joined_again_and_again_is_kept_or_removed_as_a_whole() {
    let bounds = Region::of_shape([3, 21, 21]);
    let mut spiral = Voxels::new();
    for ring in (0..10).step_by(2) {
        for i in ring..21 - ring {
            spiral.extend([[1, ring, i], [1, 20 - ring, i], [1, i, 20 - ring]]);
            if i > ring + 1 {
                spiral.insert([1, i, ring]);
            }
        }
        spiral.extend([[1, ring + 2, ring], [1, ring + 2, ring + 1]]);
    }
    let whole = spiral.len() as u64;
    let mut cut = spiral.clone();
    cut.remove(&[1, 10, 0]);
    let contents: Vec<Content> =
        (0..60).map(|i| (if i % 2 == 0 { &spiral } else { &cut }.clone(), Voxels::new())).collect();
    for filter in [
        Filter::RemoveSmaller(whole, Connectivity::Corners),
        Filter::KeepLargest { count: 1, least: 0, connectivity: Connectivity::Faces },
    ] {
        check(&contents, &FilterPlan { grid: Grid::new(bounds, [2, 4, 5]), planar: false, filters: vec![filter] }, 2);
    }
}

#[test]
fn holes_over_chunks_without_foreground_are_filled_until_a_shell_is_opened() {
    let bounds = Region::of_shape([14, 14, 14]);
    let shell = |least: i64, last: i64| -> Voxels {
        let is_inside = move |p: &Position| p.iter().all(|&p| (least..=last).contains(&p));
        let is_on = move |p: &Position| p.iter().any(|&p| p == least || p == last);
        all_of(&bounds).into_iter().filter(move |p| is_inside(p) && is_on(p)).collect()
    };
    let nested = &shell(1, 12) | &shell(5, 8);
    let mut open = nested.clone();
    open.remove(&[1, 6, 6]);
    let mut both = open.clone();
    both.remove(&[5, 6, 6]);
    let contents: Vec<Content> =
        [&nested, &open, &both, &nested].into_iter().map(|mask| (mask.clone(), Voxels::new())).collect();
    for below in [None, Some(9), Some(2000)] {
        for chunk in [[2, 2, 2], [4, 3, 2], [14, 14, 14]] {
            let filters = vec![Filter::FillHoles(below)];
            check(&contents, &FilterPlan { grid: Grid::new(bounds, chunk), planar: false, filters }, 2);
        }
    }
}

/// A filter from a line of the fixture.
fn filter_of(what: &str) -> Filter {
    let [name, numbers @ ..] = &what.split(' ').collect::<Vec<_>>()[..] else { panic!("{what}") };
    let number = |i: usize| numbers[i].parse().unwrap();
    let connectivity = || match number(1) {
        6 => Connectivity::Faces,
        18 => Connectivity::Edges,
        _ => Connectivity::Corners,
    };
    match *name {
        "remove_smaller" => Filter::RemoveSmaller(number(0), connectivity()),
        "keep_largest" => Filter::KeepLargest { count: number(0) as usize, least: 0, connectivity: connectivity() },
        "fill_holes" => Filter::FillHoles((numbers[0] != "all").then(|| number(0))),
        _ => Filter::Hysteresis,
    }
}

#[test]
fn filters_are_those_of_scikit_image_and_scipy() {
    let fixture = include_str!("../../../tests/fixtures/filters/filters.txt");
    let mut compared = 0;
    for case in fixture.split("\n\n") {
        let (head, lines) = case.trim().split_once('\n').unwrap();
        let [shape, axes, image] = head.split(';').collect::<Vec<_>>().try_into().unwrap();
        let shape: Vec<usize> = shape.split(' ').map(|number| number.parse().unwrap()).collect();
        let bounds = Region::of_shape(shape.try_into().unwrap());
        let where_set = |values: &str, is_set: &dyn Fn(u8) -> bool| -> Voxels {
            all_of(&bounds)
                .into_iter()
                .zip(values.bytes())
                .filter(|(_, value)| is_set(*value))
                .map(|(p, _)| p)
                .collect()
        };
        for line in lines.lines() {
            let (what, expected) = line.split_once(';').unwrap();
            let above = |bound: &str| {
                let bound: f64 = bound.parse().unwrap();
                where_set(image, &|digit| f64::from(digit - b'0') > bound)
            };
            let content = match what.split(' ').collect::<Vec<_>>()[..] {
                ["hysteresis", low, high] => (above(low), above(high)),
                _ => (above("0"), Voxels::new()),
            };
            let expected = where_set(expected, &|byte| byte == b'#');
            let filters = vec![filter_of(what)];
            let plan = FilterPlan { grid: Grid::new(bounds, [2, 5, 6]), planar: axes == "2", filters };
            let [told] = filtered(&[content], &plan, 1).try_into().unwrap();
            let expected =
                plan.grid.chunks().filter_map(|id| Some((id, Some(mask_of(&expected, plan.grid.region(id))?))));
            assert_eq!(told.masks, expected.collect(), "{what} of {head}");
            compared += 1;
        }
    }
    assert!(compared > 150, "{compared}");
}
