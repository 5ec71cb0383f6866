//! Which object of a chunk holds which voxel, in few bytes.

use serde::{Deserialize, Serialize};

use crate::kernel::objects::runs::Run;
use crate::kernel::varint;
use crate::space::{Region, Voxel};

/// With fewer runs an object, these are held themselves: most boxes would hold few voxels.
const RUNS_AN_OBJECT: usize = 8;

/// Which object holds which foreground voxel of a chunk.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) enum Places {
    /// There is one object at most.
    Single,
    /// The chunk's box, halved again and again until all foreground of a box is of one object: for each box 0 if it is
    /// halved, or the number of its object plus one, packed. The halves follow their box. A box without foreground has any
    /// object.
    Boxes(Vec<u8>),
    /// For each run, the number of voxels since the one before, its length, and its object, packed.
    Runs(Vec<u8>),
}

impl Places {
    /// The places of a number of objects, by the object of each run. Takes time in proportion to the runs, and again for those
    /// in boxes of several objects.
    pub(super) fn new(own: &Region, runs: &[Run], object_of: &[u32], objects: usize) -> Places {
        if objects < 2 {
            return Places::Single;
        }
        if runs.len() / objects < RUNS_AN_OBJECT {
            return Places::in_runs(own, runs, object_of);
        }
        let mut bytes = Vec::new();
        push_box(own, (0..runs.len() as u32).collect(), runs, object_of, &mut bytes);
        bytes.shrink_to_fit();
        Places::Boxes(bytes)
    }

    /// The same, with all runs, for [`Places::for_each_run`].
    pub(super) fn in_runs(own: &Region, runs: &[Run], object_of: &[u32]) -> Places {
        let (mut bytes, mut end) = (Vec::new(), 0);
        for (run, &object) in runs.iter().zip(object_of) {
            let first = index(own, run.first());
            varint::push(&mut bytes, first - end);
            varint::push(&mut bytes, run.voxels());
            varint::push(&mut bytes, u64::from(object));
            end = first + run.voxels();
        }
        bytes.shrink_to_fit();
        Places::Runs(bytes)
    }

    /// Calls `found` with each run in a box, and the number of its object, if runs are held.
    pub(super) fn for_each_run(&self, own: &Region, mut found: impl FnMut(Run, usize)) {
        let Places::Runs(bytes) = self else { return };
        let [_, height, width] = own.shape().map(|n| n as u64);
        let (mut at, mut end) = (0, 0);
        let mut next = || varint::read(bytes, &mut at);
        while let (Some(gap), Some(length), Some(object)) = (next(), next(), next()) {
            let first = end + gap;
            end = first + length;
            let [z, y] = [first / width / height, first / width % height].map(|n| n as i64);
            let x = own.min[2] + (first % width) as i64;
            let run = Run { z: own.min[0] + z, y: own.min[1] + y, x: [x, x + length as i64] };
            found(run, object as usize);
        }
    }

    /// Finds the objects of foreground voxels of the box.
    pub(super) fn finder(&self, own: Region) -> Finder<'_> {
        match self {
            Places::Single => Finder::Single,
            Places::Boxes(bytes) => {
                let (mut boxes, mut at) = (Vec::new(), 0);
                read_box(bytes, &mut at, &mut boxes);
                Finder::Boxes { boxes, path: vec![(own, 0)] }
            }
            Places::Runs(bytes) => Finder::Runs { own, bytes, at: 0, run: [0; 2], object: 0 },
        }
    }
}

/// A box of a chunk.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// All foreground is of this object.
    Object(u32),
    /// It is halved. The first half follows, and the second is at this place.
    Halved(u32),
}

/// Finds the objects of voxels, which come in raster order.
pub(super) enum Finder<'a> {
    Single,
    /// With the boxes around the voxel that was found last, from the largest, and their places: the next is near.
    Boxes {
        boxes: Vec<Part>,
        path: Vec<(Region, u32)>,
    },
    Runs {
        own: Region,
        bytes: &'a [u8],
        at: usize,
        run: [u64; 2],
        object: u32,
    },
}

impl Finder<'_> {
    /// The object of a foreground voxel.
    pub(super) fn object_of(&mut self, voxel: Voxel) -> usize {
        match self {
            Finder::Single => 0,
            Finder::Boxes { boxes, path } => {
                let around_it = path.iter().rposition(|(around, _)| around.contains(voxel.position()));
                path.truncate(1 + around_it.unwrap_or(0));
                loop {
                    let (around, at) = path[path.len() - 1];
                    match boxes[at as usize] {
                        Part::Object(object) => return object as usize,
                        Part::Halved(second) => {
                            let halves = halves(&around);
                            let which = usize::from(!halves[0].contains(voxel.position()));
                            path.push((halves[which], [at + 1, second][which]));
                        }
                    }
                }
            }
            Finder::Runs { own, bytes, at, run, object } => {
                let place = index(own, voxel);
                while run[1] <= place {
                    let [gap, length, next] = std::array::from_fn(|_| varint::read(bytes, at));
                    let (Some(gap), Some(length), Some(next)) = (gap, length, next) else { break };
                    *run = [run[1] + gap, run[1] + gap + length];
                    *object = next as u32;
                }
                *object as usize
            }
        }
    }
}

/// The halves of a box, across its longest axis.
fn halves(region: &Region) -> [Region; 2] {
    let shape = region.shape();
    let mut axis = 0;
    (1..3).for_each(|other| axis = if shape[other] > shape[axis] { other } else { axis });
    let middle = region.min[axis] + shape[axis] as i64 / 2;
    let (mut first, mut second) = (*region, *region);
    (first.max[axis], second.min[axis]) = (middle, middle);
    [first, second]
}

/// Packs a box with the runs that reach into it.
fn push_box(region: &Region, inside: Vec<u32>, runs: &[Run], object_of: &[u32], bytes: &mut Vec<u8>) {
    let object = inside.first().map_or(0, |&run| object_of[run as usize]);
    if inside.iter().all(|&run| object_of[run as usize] == object) {
        return varint::push(bytes, u64::from(object) + 1);
    }
    varint::push(bytes, 0);
    for half in halves(region) {
        let reaches = |run: &Run| {
            (half.min[0]..half.max[0]).contains(&run.z)
                && (half.min[1]..half.max[1]).contains(&run.y)
                && run.x[0] < half.max[2]
                && run.x[1] > half.min[2]
        };
        let inside = inside.iter().copied().filter(|&run| reaches(&runs[run as usize])).collect();
        push_box(&half, inside, runs, object_of, bytes);
    }
}

/// Unpacks a box with all its halves.
fn read_box(bytes: &[u8], at: &mut usize, boxes: &mut Vec<Part>) {
    let place = boxes.len();
    boxes.push(Part::Object(0));
    match varint::read(bytes, at) {
        Some(0) => {
            read_box(bytes, at, boxes);
            boxes[place] = Part::Halved(boxes.len() as u32);
            read_box(bytes, at, boxes);
        }
        Some(object) => boxes[place] = Part::Object(object as u32 - 1),
        None => {}
    }
}

/// The place of a voxel of a box in raster order.
fn index(own: &Region, voxel: Voxel) -> u64 {
    let ([_, height, width], position) = (own.shape(), voxel.position());
    let [z, y, x] = [0, 1, 2].map(|axis| (position[axis] - own.min[axis]) as u64);
    (z * height as u64 + y) * width as u64 + x
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Runs of a box, and the object of each.
    fn placed() -> impl Strategy<Value = (Region, Vec<(Run, u32)>)> {
        let shape = prop::array::uniform3(1usize..14);
        let boxes = (shape, prop::array::uniform3(-9i64..9), 1u32..5, any::<u64>(), 1u64..90, 1i64..9);
        boxes.prop_map(|(shape, min, objects, seed, percent, block)| {
            let own = Region::of_shape(shape).shifted(min);
            let (mut runs, mut state) = (Vec::new(), seed);
            for (z, y) in (own.min[0]..own.max[0]).flat_map(|z| (own.min[1]..own.max[1]).map(move |y| (z, y))) {
                let mut x = own.min[2];
                while x < own.max[2] {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let end = (x + 1 + (state >> 40) as i64 % 6).min(own.max[2]);
                    if (state >> 33) % 100 < percent {
                        let by_place = (z.div_euclid(block) + y.div_euclid(block) + x.div_euclid(block)).rem_euclid(97);
                        runs.push((Run { z, y, x: [x, end] }, by_place as u32 % objects));
                    }
                    x = end + 1;
                }
            }
            (own, runs)
        })
    }

    proptest! {
        #[test]
        fn voxels_are_found_in_the_objects_of_their_runs((own, placed) in placed()) {
            let (runs, object_of): (Vec<Run>, Vec<u32>) = placed.iter().copied().unzip();
            let objects = object_of.iter().max().map_or(0, |&most| most as usize + 1);
            let mut bytes = Vec::new();
            push_box(&own, (0..runs.len() as u32).collect(), &runs, &object_of, &mut bytes);
            let in_runs = Places::in_runs(&own, &runs, &object_of);
            for places in [Places::new(&own, &runs, &object_of, objects), Places::Boxes(bytes), in_runs.clone()] {
                let mut finder = places.finder(own);
                for (run, object) in &placed {
                    for x in run.x[0]..run.x[1] {
                        let found = finder.object_of(Voxel::new([run.z, run.y, x]));
                        prop_assert!(objects < 2 || found == *object as usize, "{:?} {:?}", places, run);
                    }
                }
            }
            let mut again = Vec::new();
            in_runs.for_each_run(&own, |run, object| again.push((run, object as u32)));
            prop_assert_eq!(again, placed);
        }
    }

    #[test]
    fn objects_far_from_each_other_take_few_bytes() {
        let own = Region::of_shape([64, 64, 256]);
        let tube = |x: i64| (0..64).flat_map(move |z| (20..30).map(move |y| Run { z, y, x: [x, x + 10] }));
        let runs: Vec<Run> = tube(40).chain(tube(180)).collect();
        let object_of: Vec<u32> = runs.iter().map(|run| u32::from(run.x[0] > 100)).collect();
        assert_eq!(Places::new(&own, &runs, &object_of, 2), Places::Boxes(vec![0, 1, 2]));
    }
}
