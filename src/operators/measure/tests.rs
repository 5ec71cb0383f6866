//! Channels of one's own, against those of the whole image at once.

use std::collections::BTreeMap;

use ndarray::Array3;
use proptest::prelude::*;

use super::*;
use crate::chunk::{Dtype, Voxels};
use crate::grid::Grid;
use crate::kernel::mask::binarise::Binarise;
use crate::kernel::mask::threshold::Threshold;
use crate::kernel::measure::channel::MeasuredBy;
use crate::kernel::measure::numbers::{Extremes, InOrder, Numbers};
use crate::kernel::measure::pixel_values::PixelValues;
use crate::kernel::network::branch::Branch;
use crate::kernel::network::graph::Graph;
use crate::kernel::thin::method::Method;
use crate::kernel::thin::partition::Partition;
use crate::operators::binarise::BinariseChunks;
use crate::operators::branches::ExtractBranches;
use crate::operators::failure::Failure;
use crate::operators::live_overlap::OverlapLiveChunks;
use crate::operators::read::Piece;
use crate::operators::thin::{ThinChunks, ThinningCounts, ThinningPlan};
use crate::space::{Region, Spacing};
use timely::dataflow::operators::{Input, Probe};

const SHAPE: [usize; 3] = [6, 7, 8];
const SPACING: Spacing = Spacing([1.0, 0.3, 0.7]);

type Known = (PixelValues, Numbers<(InOrder, Extremes)>);
type Branches = BTreeMap<Branch<MeasuredBy<Known>>, isize>;

/// The value at each voxel, and a number that depends on the one before it along x.
fn known(voxels: &[Voxel], padded: &Padded) -> Known {
    let Some(Voxels::U8(values)) = &padded.voxels else { panic!("skeleton lies where there are values") };
    let place = |voxel: &Voxel| std::array::from_fn(|a| (voxel.position()[a] - padded.region.min[a]) as usize);
    let at = |[z, y, x]: [usize; 3]| f64::from(values[[z, y, x]]);
    let slope = |[z, y, x]: [usize; 3]| (at([z, y, x]) - at([z, y, x.saturating_sub(1)])) / 7.0;
    let values = PixelValues::at(padded.voxels.as_ref().expect("values"), voxels.iter().map(place));
    (values, voxels.iter().map(|voxel| slope(place(voxel))).collect())
}

fn binarise() -> Binarise {
    let (bounds, threshold) = (Region::of_shape(SHAPE), Threshold::Above(100.0));
    Binarise { gaussian: None, threshold, bounds, dtype: Dtype::U8, fill: 0.0, keep: 0 }
}

/// The branches of an image, of which the whole is one chunk.
fn whole(image: &Array3<u8>) -> Branches {
    let region = Region::of_shape(SHAPE);
    let (grid, voxels) = (Grid::new(region, SHAPE), Voxels::U8(image.clone()));
    let masks = binarise().mask(Some(&voxels), &region, &region).map(|binary| (ChunkId::at([0; 3]), Some(binary.mask)));
    let thinned = Partition::new(grid, Method::Lee, false).thin(masks.into_iter().collect());
    let padded = Padded {
        chunk: ChunkId::at([0; 3]),
        own: region,
        region,
        voxels: Some(voxels),
        missing: 0,
        permit: Default::default(),
    };
    let skeleton = |mask: Mask| {
        let voxels = mask.own_voxels();
        Skeleton { values: Arc::new(known(&voxels, &padded)), voxels: voxels.into() }
    };
    let skeletons = thinned.into_iter().map(|(id, mask)| (id, skeleton(mask))).collect();
    Graph::new(&skeletons, grid, SPACING).branches.into_iter().map(|branch| (branch, 1)).collect()
}

/// The branches after each of some images, which follow each other, in chunks.
fn followed(images: &[Array3<u8>], chunk: [usize; 3], workers: usize) -> Vec<Branches> {
    let grid = Grid::new(Region::of_shape(SHAPE), chunk);
    let images = images.to_vec();
    let epochs = images.len();
    let guards = timely::execute(timely::Config::process(workers), move |worker| {
        let found = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let noted = std::rc::Rc::clone(&found);
        let (mut input, probe) = worker.dataflow::<u64, _, _>(|scope| {
            let (input, pieces) = scope.new_input::<Vec<Piece>>();
            let chunks = pieces.overlap_live(grid, [1; 3], Dtype::U8, 0.0);
            let masks = chunks.clone().binarise(binarise(), |_| {}).masks;
            let plan = ThinningPlan { grid, method: Method::Lee, keep: true };
            let thinned = masks.thin(plan, |_: &ThinningCounts| {}, Failure::default());
            let graph = thinned.measure(chunks, known).extract_branches(grid, SPACING);
            let branches = graph.changes().flat_map(|list| list.iter().collect::<Vec<_>>()).inspect(
                move |(branch, time, diff)| {
                    noted.borrow_mut().push((*time, branch.clone(), *diff));
                },
            );
            (input, branches.inner.probe().0)
        });
        let mut before: BTreeMap<ChunkId, Voxels> = BTreeMap::new();
        for image in &images {
            for chunk in grid.chunks() {
                let (region, image) = (grid.region(chunk), Voxels::U8(image.clone()));
                let now = image.part(&region);
                if worker.index() == 0 && before.insert(chunk, now.clone()).as_ref() != Some(&now) {
                    input.send(Piece { chunk, region, voxels: Some(now) });
                }
            }
            let next = input.time() + 1;
            input.advance_to(next);
            worker.step_while(|| probe.less_than(&next));
        }
        found.take()
    });
    let changes: Vec<_> = guards
        .expect("workers start")
        .join()
        .into_iter()
        .flat_map(|found| found.expect("a worker ends well"))
        .collect();
    let until = |epoch: usize| {
        let mut branches = Branches::new();
        for (_, branch, diff) in changes.iter().filter(|(time, ..)| *time <= epoch as u64) {
            *branches.entry(branch.clone()).or_default() += diff;
        }
        branches.retain(|_, count| *count != 0);
        branches
    };
    (0..epochs).map(until).collect()
}

fn images() -> impl Strategy<Value = Vec<Array3<u8>>> {
    let image = prop::collection::vec(any::<u8>(), SHAPE.iter().product::<usize>());
    let image = image.prop_map(|values| Array3::from_shape_vec(SHAPE, values).expect("as many as there are voxels"));
    // A box of another value, which may take the foreground of whole chunks away.
    let edit =
        (prop::array::uniform3(0usize..6), prop::array::uniform3(1usize..9), prop::sample::select(vec![0u8, 90, 180]));
    (image, prop::collection::vec(edit, 0..4)).prop_map(|(first, edits)| {
        let mut images = vec![first];
        for (from, shape, value) in edits {
            let mut image = images[images.len() - 1].clone();
            let to: [usize; 3] = std::array::from_fn(|a| (from[a] + shape[a]).min(SHAPE[a]));
            image.slice_mut(ndarray::s![from[0]..to[0], from[1]..to[1], from[2]..to[2]]).fill(value);
            images.push(image);
        }
        images
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn channels_of_ones_own_follow_edits_in_any_chunks(
        images in images(),
        chunk in prop::array::uniform3(2usize..9),
        workers in 1usize..3,
    ) {
        let expected: Vec<Branches> = images.iter().map(whole).collect();
        prop_assert_eq!(followed(&images, chunk, workers), expected);
    }
}
