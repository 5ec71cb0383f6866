//! A custom kernel on overlapping chunks: bright spots in an image, each found once.
//!
//! Chunks exchange an overlap of two voxels, and every chunk returns any number of records: all local maxima in it,
//! including those of its neighbours in the overlap. `extract` removes duplicates with differential's `distinct`.
//!
//!     cargo run --release --example bright_spots

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use anabranch::chunk::Voxels;
use anabranch::grid::Grid;
use anabranch::operators::extract::ExtractRecords;
use anabranch::operators::failure::Failure;
use anabranch::operators::overlap::{OverlapChunks, Padded};
use anabranch::operators::read::{ReadChunks, Selection};
use anabranch::operators::window::Window;
use anabranch::space::{Region, Voxel};
use anabranch::store::Source;
use anabranch::store::memory::MemorySource;
use ndarray::Array3;

const SHAPE: [usize; 3] = [40, 60, 80];
const OVERLAP: [usize; 3] = [2; 3];

/// An image of blurred spots on a grid of 10 voxels, some of them on the seams of the chunks.
fn image() -> Array3<u16> {
    Array3::from_shape_fn(SHAPE, |(z, y, x)| {
        let far = [z, y, x].iter().map(|&p| (p % 10).abs_diff(5).pow(2)).sum::<usize>();
        1000 / (1 + far as u16)
    })
}

/// The voxels of a padded chunk that are brighter than all their neighbours, without its outermost layer.
fn maxima(padded: &Padded) -> Vec<Voxel> {
    let Some(Voxels::U16(values)) = &padded.voxels else { return Vec::new() };
    let brighter = |window: &ndarray::ArrayView3<'_, u16>| {
        let centre = window[[1, 1, 1]];
        window.indexed_iter().all(|(at, &v)| at == (1, 1, 1) || v < centre)
    };
    let corner = padded.region.min.map(|m| m + 1);
    let windows = values.windows([3, 3, 3]);
    let shape = values.dim();
    ndarray::indices((shape.0 - 2, shape.1 - 2, shape.2 - 2))
        .into_iter()
        .zip(windows)
        .filter(|(_, window)| brighter(window))
        .map(|((z, y, x), _)| Voxel::new(corner).offset([z as i64, y as i64, x as i64]))
        .collect()
}

fn main() {
    let spots = Arc::new(Mutex::new(BTreeSet::new()));
    let found = Arc::clone(&spots);
    let source: Arc<dyn Source> = Arc::new(MemorySource::of(Voxels::U16(image()), 3));
    let grid = Grid::new(Region::of_shape(SHAPE), [20, 25, 25]);
    let window = Window::new(grid.chunks().count());
    let workers = timely::execute(timely::Config::process(2), move |worker| {
        let found = Arc::clone(&found);
        worker.dataflow::<u64, _, _>(|scope| {
            let description = source.description();
            scope
                .read_chunks(Arc::clone(&source), grid, OVERLAP, Selection::All, window.clone(), Failure::default())
                .overlap(grid, OVERLAP, Selection::All, description.dtype, description.fill, &window)
                .extract(maxima)
                .inspect(move |(spot, _, diff)| {
                    assert_eq!(*diff, 1, "every spot is reported once");
                    found.lock().expect("no worker has stopped").insert(*spot);
                });
        });
    });
    workers.expect("the workers start").join();
    let spots = spots.lock().expect("no worker has stopped");
    assert_eq!(spots.len(), 4 * 6 * 8);
    println!("{} spots, the first at {:?}", spots.len(), spots.first());
}
