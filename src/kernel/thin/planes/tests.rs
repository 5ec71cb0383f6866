//! Sweeps compared with thinning in one piece: planes that fall asleep and wake late, and how many are awake.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::{Passage, Plane, PlaneLayout, Sweep};
use crate::grid::Grid;
use crate::kernel::mask::{Layout, Mask};
use crate::kernel::shelf::Shelf;
use crate::kernel::thin::lee::Retest;
use crate::kernel::thin::method::Method;
use crate::kernel::thin::partition::Partition;
use crate::space::Region;

/// What became of a volume.
#[derive(Debug)]
pub(in crate::kernel::thin) struct Swept {
    /// Its planes.
    pub(in crate::kernel::thin) planes: Vec<Plane>,
    pub(in crate::kernel::thin) deleted: u64,
    sub_iterations: usize,
    /// The most planes that were awake in the stages and on the way between them.
    awake: usize,
    woken: u64,
    /// How often a plane was put aside.
    aside: u64,
}

/// A shelf for all but the first hundred bytes.
#[derive(Debug, Default)]
struct List(Mutex<(Vec<u8>, usize)>);

impl Shelf for List {
    fn near(&self) -> usize {
        100
    }

    fn put(&self, bytes: &[u8]) -> Option<u64> {
        let (list, asked) = &mut *self.0.lock().unwrap();
        *asked += 1;
        // Now and then there is no room.
        (*asked % 7 != 3).then(|| {
            list.extend(bytes);
            (list.len() - bytes.len()) as u64
        })
    }

    fn get(&self, place: u64, length: usize) -> Vec<u8> {
        self.0.lock().unwrap().0[place as usize..][..length].to_vec()
    }
}

/// Thins planes by as many workers as there are `steps`, which take turns in an order drawn with a seed; those of an odd one have a
/// shelf, and some little memory beside it, or none.
pub(in crate::kernel::thin) fn swept(
    layout: PlaneLayout,
    planes: Vec<Plane>,
    steps: &[usize],
    retest: Retest,
    mut seed: u64,
) -> Swept {
    let shelf: Arc<List> = Arc::default();
    let sweep = |at| {
        let sweep = Sweep::new(layout, steps.to_vec(), at, retest);
        let most = [None, Some(0), Some(9 * layout.bytes())][(seed / 2 % 3) as usize];
        if seed.is_multiple_of(2) { sweep } else { sweep.with_shelf(Arc::clone(&shelf) as _, most) }
    };
    let mut sweeps: Vec<Sweep> = (0..steps.len()).map(sweep).collect();
    let mut letters: Vec<Vec<Passage>> = vec![Vec::new(); steps.len()];
    let mut coming = planes.into_iter();
    let mut awake = 0;
    loop {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = (seed >> 40) as usize % steps.len();
        let mut sent = Vec::new();
        for (number, passage) in std::mem::take(&mut letters[at]).into_iter().enumerate() {
            // Some come from another process.
            let passage = if ((seed >> 30) as usize + number).is_multiple_of(2) {
                passage
            } else {
                sent_by(&mut sweeps[at], passage)
            };
            sweeps[at].receive(passage, &mut |passage| sent.push(passage));
        }
        while at == 0 && sweeps[0].wants_planes() {
            let Some(plane) = coming.next() else { break };
            sweeps[0].receive(Passage { stage: 0, plane }, &mut |passage| sent.push(passage));
        }
        sweeps[at].work(&mut |passage| sent.push(passage));
        let parked = sweeps[at].parked();
        sweeps[0].note_parked(at, parked);
        sent.into_iter().for_each(|passage| letters[passage.stage % steps.len()].push(passage));
        let on_the_way = letters.iter().flatten().filter(|passage| passage.plane.is_awake()).count();
        awake = awake.max(on_the_way + sweeps.iter().map(|sweep| sweep.held().0).sum::<usize>());
        let Some(planes) = sweeps[at].take_finished() else { continue };
        return Swept {
            planes: planes.into_planes().collect(),
            deleted: sweeps.iter().map(Sweep::deleted).sum(),
            sub_iterations: sweeps.iter().map(Sweep::sub_iterations).max().unwrap_or(0),
            awake,
            woken: sweeps.iter().map(Sweep::woken).sum(),
            aside: sweeps.iter().map(Sweep::put_aside).sum(),
        };
    }
}

/// What comes of a plane that is sent to another process.
fn sent_by(sweep: &mut Sweep, passage: Passage) -> Passage {
    let packed = sweep.pack(passage);
    sweep.unpack(packed).unwrap()
}

/// A volume as one mask.
fn drawn(shape: [usize; 3], inside: impl Fn([usize; 3]) -> bool) -> Mask {
    let mut mask = Mask::new(Layout::new(Region::of_shape(shape)));
    for z in 0..shape[0] {
        for y in 0..shape[1] {
            for x in (0..shape[2]).filter(|&x| inside([z, y, x])) {
                mask.set(mask.layout().bit([z + 1, y + 1, x + 1]));
            }
        }
    }
    mask
}

fn in_one_piece(mask: &Mask, method: Method) -> Mask {
    let grid = Grid::new(mask.layout().own, mask.layout().shape);
    let thinned = Partition::new(grid, method, false).thin([(grid.chunk_at([0; 3]), Some(mask.clone()))].into());
    thinned.into_iter().next().map_or_else(|| Mask::new(*mask.layout()), |(_, mask)| mask)
}

fn in_a_sweep(mask: &Mask, method: Method, steps: &[usize], seed: u64) -> (Mask, Swept) {
    let layout = PlaneLayout::new(mask.layout().shape);
    let mut planes = vec![Plane::default(); layout.depth()];
    planes.iter_mut().enumerate().for_each(|(z, plane)| plane.paste(&layout, mask, z, [0; 2]));
    let swept = swept(layout, planes, steps, method.retest_by_planes().unwrap(), seed);
    let mut thinned = Mask::new(*mask.layout());
    for (z, plane) in swept.planes.iter().enumerate() {
        plane.voxels(&layout, |[y, x]| thinned.set(thinned.layout().bit([z + 1, y + 1, x + 1])));
    }
    (thinned, swept)
}

/// Volumes in which planes have work again long after the planes around them had none.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Sheets that lean, some voxels thick.
    Sheet,
    /// A band that winds down.
    Spiral,
    /// A line that ends in a solid below.
    Plummet,
    /// A column of even width, which Lee's method deletes from its ends, behind a solid.
    Column,
    /// A solid above a line with a knot below, and nothing between the two.
    Gap,
    /// Shells, one in another, open at the bottom.
    Bells,
    /// Noise at the top and at the bottom of a wall.
    Wall,
}

const KINDS: [Kind; 7] = [Kind::Sheet, Kind::Spiral, Kind::Plummet, Kind::Column, Kind::Gap, Kind::Bells, Kind::Wall];

fn volume(kind: Kind, shape: [usize; 3], [a, b]: [usize; 2]) -> Mask {
    let [depth, height, width] = shape;
    let (middle, half) = ([height / 2, width / 2], height.min(width) / 2);
    let near = |p: usize, q: usize, reach: usize| p.abs_diff(q) < reach;
    drawn(shape, |[z, y, x]| match kind {
        Kind::Sheet => (z + a * y) % (depth / 2 + 3) <= b % 3 + usize::from(x % 7 == 0),
        Kind::Spiral => {
            let turn = (z as f64 + a as f64) * 0.15;
            let at = [turn.sin(), turn.cos()].map(|part| (part * 0.6 + 1.0) * half as f64);
            near(y, at[0] as usize, 2 + b % 2) && near(x, at[1] as usize, 2 + b % 3)
        }
        Kind::Plummet if z > depth - depth / 4 => y > 0 && x > 0,
        Kind::Plummet => near(y, middle[0], 1 + b % 2) && near(x, middle[1], 1 + a % 2),
        Kind::Column if z < depth / 5 => y + 1 < height && x > 0,
        Kind::Column => z + 1 < depth && (y / 2 == middle[0] / 2) && (x / 2 == middle[1] / 2),
        Kind::Gap if z < depth / 3 => y > 1 || x > 1 + a % 3,
        Kind::Gap => z > depth / 3 + 3 && near(y, middle[0], 1 + usize::from(z > depth / 2 && z < depth / 2 + 2 + b)),
        Kind::Bells => {
            let away = y.abs_diff(middle[0]).max(x.abs_diff(middle[1]));
            (away % 3 == a % 3 && away < z + 1) || (z == b + away && away.is_multiple_of(3))
        }
        Kind::Wall => {
            x.abs_diff(middle[1])
                < 1 + usize::from((z * 7 + y * (3 + a)) % (5 + b) < 2 && !near(z, depth / 2, depth / 3))
        }
    })
}

fn methods() -> impl Strategy<Value = Method> {
    prop::sample::select(vec![Method::Lee, Method::Homotopic])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn planes_that_wake_late_are_thinned_as_in_one_piece(
        shape in (1usize..70, 3usize..14, 3usize..14).prop_map(|(z, y, x)| [z, y, x]),
        kind in prop::sample::select(KINDS.to_vec()),
        numbers in [0usize..6, 0usize..6],
        steps in prop::collection::vec(1usize..6, 1..5),
        method in methods(),
        seed: u64,
    ) {
        let mask = volume(kind, shape, numbers);
        let (thinned, swept) = in_a_sweep(&mask, method, &steps, seed);
        prop_assert_eq!(&thinned, &in_one_piece(&mask, method));
        prop_assert_eq!(mask.count() - thinned.count(), swept.deleted as usize);
    }
}

#[test]
fn planes_fall_asleep_and_are_woken() {
    let woken = |kind| {
        let mask = volume(kind, [60, 13, 13], [1, 2]);
        let (thinned, swept) = in_a_sweep(&mask, Method::Lee, &[2, 3], 7);
        assert_eq!(thinned, in_one_piece(&mask, Method::Lee), "{kind:?}");
        swept.woken
    };
    let woken: Vec<u64> = KINDS.into_iter().map(woken).collect();
    assert!(woken.iter().filter(|&&count| count > 0).count() >= 3, "{woken:?}");
}

#[test]
fn planes_for_which_there_is_no_memory_are_put_aside_and_come_back() {
    let mask = vessels(320);
    let thinned = in_one_piece(&mask, Method::Lee);
    for steps in [&[4][..], &[2, 3, 6]] {
        let swept = |seed| {
            let (found, swept) = in_a_sweep(&mask, Method::Lee, steps, seed);
            assert_eq!(found, thinned);
            (swept.aside, swept.awake)
        };
        let [(none, all_awake), (some, awake), (all, one)] = [1, 5, 3].map(swept);
        assert!(none == 0 && some > 100 && all >= some, "{none}, {some}, {all}");
        // There are those of the stage that works, and those on their way between workers.
        assert!(awake < all_awake && one < all_awake, "{all_awake}, {awake}, {one}");
    }
}

#[test]
fn volumes_without_foreground_and_of_one_or_two_planes_go_through() {
    for depth in [1, 2, 5] {
        for (content, is_left) in [(0, false), (1, true)] {
            let mask = drawn([depth, 4, 70], |[_, y, x]| y * content > 0 && x > 2);
            for steps in [&[1][..], &[4], &[2, 1, 3]] {
                let (thinned, swept) = in_a_sweep(&mask, Method::Homotopic, steps, 3);
                assert_eq!((&thinned, thinned.count() > 0), (&in_one_piece(&mask, Method::Homotopic), is_left));
                assert!(is_left || (swept.sub_iterations, swept.awake) == (6, 0), "{swept:?}");
            }
        }
    }
}

#[test]
fn workers_do_not_wait_for_planes_in_which_nothing_is_to_do_before_the_first_with_work() {
    // Nothing, and a line, before a solid: more planes than may be on their way between workers.
    for line in [0, 1] {
        let mask = drawn([400, 7, 9], |[z, y, x]| z > 380 && y > 0 && x > 0 || (y, x) == (3, 4 * line) && line > 0);
        for steps in [&[1, 2][..], &[4, 4, 1], &[2, 6, 1, 3]] {
            let (thinned, _) = in_a_sweep(&mask, Method::Homotopic, steps, 5);
            assert_eq!(thinned, in_one_piece(&mask, Method::Homotopic), "{line} {steps:?}");
        }
    }
}

/// Vessels of some voxels' radius, which repeat along z.
fn vessels(depth: usize) -> Mask {
    let wave = |z: usize, phase: f64| 20.0 + 11.0 * (std::f64::consts::TAU * z as f64 / 40.0 + phase).sin();
    drawn([depth, 40, 40], |[z, y, x]| {
        (0..3).any(|vessel| {
            let phase = f64::from(vessel) * 2.1;
            let [dy, dx] = [wave(z, phase) - y as f64, wave(z, phase + 1.7) - x as f64];
            dy * dy + dx * dx < 16.0
        })
    })
}

#[test]
fn the_planes_that_are_awake_follow_from_the_sub_iterations_and_not_from_the_depth() {
    for steps in [&[1][..], &[4], &[3, 4]] {
        let awake = |depth: usize| {
            let mask = vessels(depth);
            let (thinned, swept) = in_a_sweep(&mask, Method::Lee, steps, 11);
            assert_eq!(thinned, in_one_piece(&mask, Method::Lee));
            let bound = 2 * swept.sub_iterations + 24 * steps.len();
            assert!(swept.awake <= bound, "{} planes are awake of {depth}, at most {bound} expected", swept.awake);
            swept.awake
        };
        let (shallow, deep) = (awake(320), awake(960));
        // Several workers may fall behind each other by some planes.
        let more = 8 + 24 * (steps.len() - 1);
        assert!(deep <= shallow + more, "{deep} planes are awake of 960, {shallow} of 320, with {steps:?}");
        assert!(deep < 150, "{deep} planes with {steps:?}");
    }
}

#[test]
fn large_planes_suit_where_the_masks_of_chunks_would_take_as_much() {
    let layout = PlaneLayout::new([64, 32768, 32768]);
    let of_chunks = |count: usize| count * Layout::bytes_of([64, 64, 256]);
    let all = of_chunks(512 * 128);
    assert!(layout.suits(2, 1, all) && !layout.suits(2, 1, all / 10) && layout.suits(2, 16, all / 10));
    assert!(!layout.suits(9, 16, all), "there are too few planes for nine workers");
    assert!(!PlaneLayout::new([64, 65536, 65536]).suits(2, 1, usize::MAX), "bits of a plane have no numbers");
}
