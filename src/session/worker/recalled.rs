//! A worker's part of a digest: chunks whose records are read when they are first needed.

use std::sync::Arc;

use super::{Difference, Station};
use crate::grid::ChunkId;
use crate::kernel::mask::binarise::Foreground;
use crate::kernel::network::skeleton::Skeleton;
use crate::kernel::thin::change::Change;
use crate::operators::radii::MeasuredChunk;
use crate::session::chunk_digest::{ChunkDigest, ThinnedDigest};
use crate::space::Region;

impl Station<'_> {
    /// Begins with the chunks of a digest, of an image within bounds. Returns what the graph finds in them.
    pub(super) fn recall(&mut self, chunks: Vec<ChunkDigest>, bounds: Region) -> Vec<Difference> {
        let Some(records) = self.records.clone() else { return Vec::new() };
        let (thinning, masks) = records.borrow().recall();
        for ChunkDigest { chunk, fingerprint, thinned } in chunks {
            records.borrow_mut().know(chunk, fingerprint);
            let Some(ThinnedDigest { constant, objects, links, skeleton }) = thinned else { continue };
            let foreground = constant.map_or(Foreground::Varying, Foreground::Constant);
            self.foregrounds.insert(chunk, foreground);
            self.masks.send((chunk, Change::Stored(thinning.clone())));
            self.objects.restore(chunk, objects);
            if let Some(links) = links {
                self.plan.links.insert(chunk, links);
            }
            let mut radii = None;
            if let Some(skeleton) = skeleton {
                let Skeleton { voxels, values } = Arc::unwrap_or_clone(skeleton);
                let (values, of_voxels) = Arc::unwrap_or_clone(values);
                radii = Some(of_voxels);
                self.news.insert(chunk, Some(Arc::new(Skeleton { voxels, values: Arc::new(values) })));
            }
            if let Some(feeds) = &mut self.original_feeds {
                feeds.measured.send((chunk, MeasuredChunk { mask: masks.of(chunk), radii }));
            }
        }
        self.advance_masks();
        self.update_graph(bounds)
    }

    /// What a digest says of the chunks of this worker that have foreground, except for their skeletons.
    pub(super) fn digest(&self) -> Vec<(ChunkId, ThinnedDigest)> {
        let of_chunk = |(chunk, objects)| {
            let constant = match self.foregrounds.get(&chunk)? {
                Foreground::Constant(value) => Some(*value),
                _ => None,
            };
            Some((chunk, ThinnedDigest { constant, objects, links: self.plan.links.get(chunk), skeleton: None }))
        };
        self.objects.counted().filter_map(of_chunk).collect()
    }
}
