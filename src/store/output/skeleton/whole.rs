//! A skeleton's image from all of its voxels at once, with unchanged chunks linked from the image of an earlier epoch.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use twox_hash::XxHash3_64;

use super::manifest::StoredChunk;
use super::{SkeletonForm, SkeletonImage, SkeletonManifest};
use crate::error::Result;
use crate::grid::{ChunkId, Grid};
use crate::space::Voxel;
use crate::store::StoredType;
use crate::store::file_states::FileState;
use crate::store::output::OutputFolder;
use crate::store::output::folder::SKELETON;
use crate::threads::each;

/// The result of writing a skeleton's image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenSkeleton {
    /// The manifest of the new image.
    pub manifest: SkeletonManifest,
    /// Number of chunks that were reused from the image in place.
    pub reused: usize,
    /// Number of chunks that were encoded.
    pub encoded: usize,
}

/// Voxels with their values, by chunk, in raster order.
type ByChunk<V> = BTreeMap<ChunkId, Vec<(Voxel, V)>>;

/// Writes a skeleton's image, staged in a folder of outputs. `voxels` are in any order, preferably chunk by chunk, each
/// voxel once. Chunks that are equal in the image in place, according to its manifest, are linked from there (copied if
/// the file system has no links); the others are encoded by up to `threads` threads. The bytes are those of
/// [`SkeletonImage::write_chunk`].
///
/// Takes time O(n log n) in the number of voxels, and time for encoding in proportion to the volume of the changed
/// chunks; some 12 bytes of memory for each voxel.
///
/// # Errors
/// Those of [`SkeletonImage::create`] and [`SkeletonImage::write_chunk`].
pub fn write_skeleton(
    folder: &OutputFolder,
    form: &SkeletonForm,
    voxels: impl IntoIterator<Item = Voxel>,
    earlier: Option<&SkeletonManifest>,
    threads: usize,
) -> Result<WrittenSkeleton> {
    let image = SkeletonImage::create(folder, form)?;
    let mut manifest = SkeletonManifest::new(form.shape, image.arrays.len());
    let earlier = earlier.filter(|earlier| earlier.encodes_as(&manifest));
    let (in_place, staged) = (folder.folder().join(SKELETON), folder.path(SKELETON));
    let (mut reused, mut encoded) = (0, 0);
    for_each_level(&image, voxels.into_iter().map(|voxel| (voxel, ())), |level, chunks| {
        let writer = &image.arrays[level];
        let file = |id| Path::new(&level.to_string()).join(writer.file(0, id));
        let mut changed = Vec::new();
        let mut hashes = Vec::new();
        for (&id, voxels) in chunks {
            let voxels: Vec<Voxel> = voxels.iter().map(|(voxel, ())| *voxel).collect();
            let hash = XxHash3_64::oneshot(bytemuck::cast_slice(&voxels));
            let known = earlier.and_then(|earlier| earlier.chunk(level, id)).filter(|known| known.voxels == hash);
            if !known.is_some_and(|known| take_over(&in_place.join(file(id)), &staged.join(file(id)), known.file)) {
                changed.push((id, voxels));
            }
            hashes.push((id, hash));
        }
        each(&changed, threads, |_, (id, voxels)| image.write_chunk(level, *id, voxels))?;
        let stored = hashes.into_iter().filter_map(|(id, voxels)| {
            FileState::of(&staged.join(file(id))).map(|file| (id, StoredChunk { voxels, file }))
        });
        manifest.stored[level] = stored.collect();
        reused += chunks.len() - changed.len();
        encoded += changed.len();
        Ok(())
    })?;
    Ok(WrittenSkeleton { manifest, reused, encoded })
}

/// Writes a skeleton's image of labels into a folder, which is made, on up to `threads` threads. `voxels` are in any
/// order, preferably chunk by chunk, each voxel once, with the bits of its label.
///
/// Takes what [`write_skeleton`] takes without a manifest, and twice the memory.
///
/// # Errors
/// Those of [`SkeletonImage::create_at`] and [`SkeletonImage::write_chunk`].
pub fn write_labelled(
    folder: &Path,
    form: &SkeletonForm,
    voxels: impl IntoIterator<Item = (Voxel, i64)>,
    threads: usize,
) -> Result<()> {
    let image = SkeletonImage::create_at(folder, form)?;
    // Labels of unsigned 64 bits beyond 2^63 have the bits of negative numbers: with the first bit turned, the order of
    // signed numbers is theirs.
    let turned = if form.dtype == StoredType::U64 { i64::MIN } else { 0 };
    let voxels = voxels.into_iter().map(|(voxel, bits)| (voxel, bits ^ turned));
    for_each_level(&image, voxels, |level, chunks| {
        let chunks: Vec<_> = chunks.iter().collect();
        each(&chunks, threads, |_, (id, voxels)| {
            image.write_values(level, **id, voxels.iter().map(|&(voxel, value)| (voxel, value ^ turned)))
        })
        .map(|_| ())
    })
}

/// Calls a function with the chunks of each resolution, the full one first: of voxels of a coarser one that are several of
/// a finer, the largest value.
fn for_each_level<V: Copy + Ord>(
    image: &SkeletonImage,
    voxels: impl Iterator<Item = (Voxel, V)>,
    mut write: impl FnMut(usize, &ByChunk<V>) -> Result<()>,
) -> Result<()> {
    let grids: Vec<Grid> = image.grids().collect();
    let mut chunks = by_chunk(&grids[0], voxels);
    write(0, &chunks)?;
    for (level, grid) in grids.iter().enumerate().skip(1) {
        let voxels = std::mem::take(&mut chunks).into_values().flatten();
        chunks = by_chunk(grid, voxels.map(|(voxel, value)| (image.levels().coarser(level, voxel), value)));
        write(level, &chunks)?;
    }
    Ok(())
}

/// The voxels of each chunk, in raster order, each once with its largest value.
fn by_chunk<V: Copy + Ord>(grid: &Grid, voxels: impl Iterator<Item = (Voxel, V)>) -> ByChunk<V> {
    let mut chunks: ByChunk<V> = BTreeMap::new();
    let mut voxels = voxels.peekable();
    while let Some((first, _)) = voxels.peek() {
        let id = grid.chunk_at(first.position());
        let region = grid.whole_region(id);
        let here = std::iter::from_fn(|| voxels.next_if(|(voxel, _)| region.contains(voxel.position())));
        chunks.entry(id).or_default().extend(here);
    }
    for voxels in chunks.values_mut() {
        // The lists are sorted runs, which a stable sort merges.
        voxels.sort();
        // Of those that are kept, the last is the largest.
        voxels.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                *kept = *next;
            }
            same
        });
    }
    chunks
}

/// Links or copies a file, if it has the expected state. If this fails, the chunk must be encoded.
fn take_over(from: &Path, to: &Path, expected: FileState) -> bool {
    FileState::of(from) == Some(expected)
        && to.parent().is_some_and(|folder| fs::create_dir_all(folder).is_ok())
        && (fs::hard_link(from, to).is_ok() || fs::copy(from, to).is_ok_and(|length| length == expected.length()))
}
