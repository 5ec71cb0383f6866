//! The layers of chunks that a worker keeps: their masks become planes, and thinned planes become voxels of chunks.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::grid::{ChunkId, Grid};
use crate::kernel::mask::{Layout, Mask};
use crate::kernel::thin::planes::{PackedPlane, Plane, PlaneLayout};
use crate::operators::read::Selection;

/// The layers of chunks of a volume: those at one place along z.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layering {
    grid: Grid,
    peers: usize,
}

impl Layering {
    pub(super) fn new(grid: Grid, peers: usize) -> Layering {
        Layering { grid, peers }
    }

    /// The worker that keeps a layer.
    pub(super) fn keeper(&self, layer: i64) -> usize {
        (layer - self.first()) as usize % self.peers
    }

    /// The first layer.
    pub(super) fn first(&self) -> i64 {
        self.grid.chunk_at(self.grid.bounds().min).place()[0]
    }

    /// All layers.
    pub(super) fn all(&self) -> Range<i64> {
        self.first()..self.first() + self.grid.shape()[0] as i64
    }

    /// Numbers of the planes of a layer.
    pub(super) fn planes(&self, layer: i64) -> Range<usize> {
        let [_, y, x] = self.grid.chunk_at(self.grid.bounds().min).place();
        let region = self.grid.region(ChunkId::at([layer, y, x]));
        let [from, to] = [region.min[0], region.max[0]].map(|z| (z - self.grid.bounds().min[0]) as usize);
        from..to
    }

    /// The layer of a plane.
    pub(super) fn of_plane(&self, number: usize) -> i64 {
        let [z, y, x] = self.grid.bounds().min;
        self.grid.chunk_at([z + number as i64, y, x]).place()[0]
    }
}

/// A layer.
#[derive(Debug, Default)]
struct Layer {
    /// The chunks that have a mask.
    chunks: Vec<ChunkId>,
    /// Its planes until they are complete.
    planes: Vec<Plane>,
    /// Masks of which no planes are made yet.
    masks: Vec<(ChunkId, Arc<Mask>)>,
    /// Number of chunks that have not come, if it is known how many come.
    missing: Option<usize>,
    is_complete: bool,
}

impl Layer {
    /// Makes planes of the masks, of a layer of this depth.
    fn paste(&mut self, grid: &Grid, layout: &PlaneLayout, depth: usize) {
        self.planes.resize_with(depth, Plane::default);
        for (id, mask) in std::mem::take(&mut self.masks) {
            let (first, from) = (grid.bounds().min, grid.region(id).min);
            let corner = [1, 2].map(|a| (from[a] - first[a]) as usize);
            for (number, plane) in self.planes.iter_mut().enumerate() {
                plane.paste(layout, &mask, number, corner);
            }
        }
    }
}

/// The layers that one worker keeps.
#[derive(Debug)]
pub(super) struct Layers {
    grid: Grid,
    layering: Layering,
    layout: PlaneLayout,
    /// The first plane that is wanted.
    first: usize,
    /// The last layer of which planes are made, where masks wait for that.
    asked: Option<i64>,
    layers: BTreeMap<i64, Layer>,
}

/// A plane that has come to the first worker, as it came.
#[derive(Debug)]
pub(super) enum Arrived {
    Plane(Plane),
    /// From another process.
    Packed(PackedPlane),
}

/// Planes that follow each other, and the number of the first.
pub(super) type Planes = (usize, Vec<Plane>);

impl Layers {
    /// The layers of worker `index`. `chunks` are those that will come, if that is known. Planes before number `first` are
    /// not wanted.
    pub(super) fn new(grid: Grid, index: usize, peers: usize, chunks: Option<&Selection>, first: usize) -> Layers {
        let layering = Layering::new(grid, peers);
        let [_, height, width] = grid.shape();
        let mut layers = BTreeMap::new();
        for layer in layering.all().filter(|&layer| layering.keeper(layer) == index) {
            let missing = chunks.map(|chunks| if let Selection::All = chunks { height * width } else { 0 });
            layers.insert(layer, Layer { missing, ..Layer::default() });
        }
        if let Some(Selection::Some(chunks)) = chunks {
            for chunk in chunks.iter() {
                let missing = layers.get_mut(&chunk.place()[0]).and_then(|layer| layer.missing.as_mut());
                missing.into_iter().for_each(|missing| *missing += 1);
            }
        }
        Layers { grid, layering, layout: PlaneLayout::new(grid.bounds().shape()), first, asked: None, layers }
    }

    /// The same, where planes are made when they are asked for: their masks are held anyway.
    #[must_use]
    pub(super) fn on_request(self) -> Layers {
        Layers { asked: Some(i64::MIN), ..self }
    }

    /// Asks for the planes of all layers up to one.
    pub(super) fn ask(&mut self, last: i64) {
        self.asked = self.asked.map(|asked| asked.max(last));
    }

    /// Whether planes of a layer are wanted.
    pub(super) fn wants(&self, layer: i64) -> bool {
        self.layering.planes(layer).end > self.first
    }

    /// Takes a chunk of one of the layers, with its mask if it has foreground.
    pub(super) fn take(&mut self, id: ChunkId, mask: Option<Arc<Mask>>) {
        let (depth, wanted) = (self.layering.planes(id.place()[0]).len(), self.wants(id.place()[0]));
        let (grid, layout, at_once) = (self.grid, self.layout, self.asked.is_none());
        let Some(layer) = self.come(id, mask.is_some()) else { return };
        let Some(mask) = mask.filter(|_| wanted) else { return };
        layer.masks.push((id, mask));
        if at_once {
            layer.paste(&grid, &layout, depth);
        }
    }

    /// Takes a chunk with foreground of one of the layers, whose planes are not wanted.
    pub(super) fn take_entered(&mut self, id: ChunkId) {
        self.come(id, true);
    }

    /// Notes that a chunk of one of the layers has come, and whether it has foreground.
    fn come(&mut self, id: ChunkId, has_foreground: bool) -> Option<&mut Layer> {
        let layer = self.layers.get_mut(&id.place()[0])?;
        if let Some(missing) = &mut layer.missing {
            *missing = missing.saturating_sub(1);
        }
        if has_foreground {
            layer.chunks.push(id);
        }
        Some(layer)
    }

    /// The planes of the layers whose chunks have all come since the last call, or all that are left if no more chunks come;
    /// where planes come on request, of those of them that were asked for.
    pub(super) fn complete(&mut self, all_have_come: bool) -> Vec<Planes> {
        let mut complete = Vec::new();
        for (&at, layer) in &mut self.layers {
            let is_asked = self.asked.is_none_or(|last| at <= last);
            if is_asked && !layer.is_complete && (all_have_come || layer.missing == Some(0)) {
                layer.is_complete = true;
                let numbers = self.layering.planes(at);
                layer.paste(&self.grid, &self.layout, numbers.len());
                complete.push((numbers.start, std::mem::take(&mut layer.planes)));
            }
        }
        complete
    }

    /// Planes of a layer for another process.
    pub(super) fn packed(&self, planes: Vec<Plane>) -> Vec<PackedPlane> {
        planes.into_iter().map(|plane| PackedPlane::new(plane, &self.layout).0).collect()
    }

    /// A plane that has come.
    pub(super) fn opened(&self, arrived: Arrived) -> Plane {
        match arrived {
            Arrived::Plane(plane) => plane,
            Arrived::Packed(packed) => packed.unpacked(&self.layout, &mut Vec::new()).expect("a plane of this volume"),
        }
    }

    /// The voxels of the thinned planes of a layer by chunk, for each that has a mask, as bit indices of its layout.
    pub(super) fn cut(&self, (first, planes): Planes) -> BTreeMap<ChunkId, Vec<u32>> {
        let chunks = self.layers.get(&self.layering.of_plane(first)).map(|layer| layer.chunks.clone());
        let mut found: BTreeMap<ChunkId, (Layout, Vec<u32>)> = BTreeMap::new();
        for id in chunks.unwrap_or_default() {
            found.insert(id, (Layout::new(self.grid.region(id)), Vec::new()));
        }
        let min = self.grid.bounds().min;
        for (number, plane) in (first..).zip(planes) {
            plane.voxels(&self.layout, |[y, x]| {
                let p = [min[0] + number as i64, min[1] + y as i64, min[2] + x as i64];
                if let Some((layout, bits)) = found.get_mut(&self.grid.chunk_at(p)) {
                    bits.push(layout.bit_at(p) as u32);
                }
            });
        }
        found.into_iter().map(|(id, (_, bits))| (id, bits)).collect()
    }
}
