//! An image of labels: each voxel holds the number of its object, 0 where there is none.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::grid::{ChunkId, Grid};
use crate::kernel::network::forest::DisjointSets;
use crate::kernel::objects::local::Local;
use crate::kernel::objects::parts::{Link, Part};
use crate::kernel::objects::places::Places;
use crate::kernel::objects::sums::Sums;
use crate::space::{Region, Voxel};

/// What an image of labels needs of a chunk.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LabelledChunk {
    own: Region,
    /// The first voxel of each of the chunk's objects, and where it goes on.
    objects: Vec<(Voxel, Vec<Link>)>,
    places: Arc<Places>,
}

impl LabelledChunk {
    /// Of a chunk's objects, whose runs were kept, and their parts.
    pub fn new<S: Sums>(local: &Local<S>, parts: &[Part<S>]) -> Self {
        let objects = parts.iter().map(|part| (part.object.first, part.links.clone())).collect();
        LabelledChunk { own: local.own, objects, places: Arc::clone(&local.places) }
    }
}

/// The objects of a volume, by chunks, with their labels: numbers from 1 in the order of their first voxels.
#[derive(Debug)]
pub struct ObjectLabels {
    grid: Grid,
    /// For each chunk, the labels of its objects.
    chunks: BTreeMap<ChunkId, (Arc<LabelledChunk>, Vec<u32>)>,
    objects: usize,
}

impl ObjectLabels {
    /// The labels of all chunks that have objects, each given once. Takes time O(n log n) in parts and links, and holds what is given.
    pub fn new(chunks: impl IntoIterator<Item = (ChunkId, Arc<LabelledChunk>)>, grid: Grid) -> Self {
        let chunks: Vec<(ChunkId, Arc<LabelledChunk>)> = chunks.into_iter().collect();
        let firsts: Vec<Voxel> =
            chunks.iter().flat_map(|(_, chunk)| chunk.objects.iter().map(|object| object.0)).collect();
        let links = chunks.iter().flat_map(|(_, chunk)| chunk.objects.iter().map(|object| &object.1));
        let mut sets = DisjointSets::new(firsts.len());
        let mut seen: BTreeMap<Link, u32> = BTreeMap::new();
        for (part, link) in (0..).zip(links).flat_map(|(part, links)| links.iter().map(move |&link| (part, link))) {
            let other = *seen.entry(link).or_insert(part);
            sets.unite(part, other);
        }
        let mut first_of: BTreeMap<u32, Voxel> = BTreeMap::new();
        for (part, &first) in (0..).zip(&firsts) {
            let known = first_of.entry(sets.find(part)).or_insert(first);
            *known = first.min(*known);
        }
        let mut roots: Vec<(Voxel, u32)> = first_of.into_iter().map(|(root, first)| (first, root)).collect();
        roots.sort_unstable();
        let label_of: BTreeMap<u32, u32> = roots.iter().zip(1..).map(|(&(_, root), label)| (root, label)).collect();
        let mut parts = 0..;
        let labelled = chunks.into_iter().map(|(id, chunk)| {
            let labels = chunk.objects.iter().zip(&mut parts).map(|(_, part)| label_of[&sets.find(part)]).collect();
            (id, (chunk, labels))
        });
        ObjectLabels { grid, chunks: labelled.collect(), objects: roots.len() }
    }

    /// Number of objects.
    pub fn objects(&self) -> usize {
        self.objects
    }

    /// The labels in a box, in raster order; `None` if there are none. Takes time in proportion to the box, and to the runs of
    /// the chunks that it meets.
    pub fn read(&self, region: &Region) -> Option<Vec<u32>> {
        let mut labels: Option<Vec<u32>> = None;
        let [_, height, width] = region.shape();
        for (chunk, numbers) in self.grid.chunks_in(region).filter_map(|id| self.chunks.get(&id)) {
            chunk.places.for_each_run(&chunk.own, |run, object| {
                let inside = |axis: usize, at: i64| (region.min[axis]..region.max[axis]).contains(&at);
                let (from, to) = (run.x[0].max(region.min[2]), run.x[1].min(region.max[2]));
                if inside(0, run.z) && inside(1, run.y) && from < to {
                    let [z, y, x] =
                        [run.z - region.min[0], run.y - region.min[1], from - region.min[2]].map(|p| p as usize);
                    let first = (z * height + y) * width + x;
                    let labels = labels.get_or_insert_with(|| vec![0; region.volume()]);
                    labels[first..first + (to - from) as usize].fill(numbers[object]);
                }
            });
        }
        labels
    }
}
