//! The skeleton as an array of 0 and 1, or of labels, with unchanged chunks linked from the array of an earlier epoch.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;
use zstd::bulk::Compressor;

use crate::error::{Error, Kind, Result};
use crate::grid::{ChunkId, Grid};
use crate::space::Voxel;
use crate::store::disk::read_if_there;
use crate::store::file::{read_failed, replace};
use crate::store::output::array::LEVEL;
use crate::store::output::folder::SKELETON;
use crate::store::output::{ArrayForm, ArrayWriter, OutputFolder};
use crate::threads::each;

/// A skeleton's array that several threads write at once, each its own chunks.
#[derive(Debug)]
pub struct SkeletonArray {
    writer: ArrayWriter,
    /// Encoders that no thread is using.
    encoders: Mutex<Vec<Encoder>>,
}

/// The buffers for encoding a chunk. A chunk is mebibytes of zeros: allocating it anew, with a compressor's tables,
/// would take several times as long as compressing it.
struct Encoder {
    compressor: Compressor<'static>,
    /// The bytes of a chunk of zeros, except while one is being encoded.
    values: Vec<u8>,
    encoded: Vec<u8>,
}

impl SkeletonArray {
    /// Creates an array, staged in a folder of outputs. The form must be one of whole numbers, compressed by Zstandard.
    ///
    /// # Errors
    /// Those of [`ArrayWriter::create`].
    pub fn create(folder: &OutputFolder, form: ArrayForm) -> Result<Self> {
        ArrayWriter::create(folder.path(SKELETON), form).map(Self::new)
    }

    /// Opens the array that another process has created and writes together with this one. `folder` is the path of its
    /// folder of outputs, and `run` is [`OutputFolder::run`] in that process; arrays of other runs are ignored.
    ///
    /// # Errors
    /// `Output` if that run is not writing there, even after some seconds: the processes do not share the folder.
    pub fn join(folder: impl AsRef<Path>, run: &str, form: ArrayForm) -> Result<Self> {
        let folder = folder.as_ref();
        let writer = ArrayWriter::join(OutputFolder::staged(folder, run, SKELETON), form);
        writer.map(Self::new).map_err(|error| error.at(folder))
    }

    fn new(writer: ArrayWriter) -> Self {
        SkeletonArray { writer, encoders: Mutex::default() }
    }

    /// The grid of its chunks.
    pub fn grid(&self) -> Grid {
        self.writer.grid()
    }

    /// Writes a chunk: 1 at voxels, in any order, 0 elsewhere. Without voxels it is not stored.
    ///
    /// # Errors
    /// Those of [`ArrayWriter::write_chunk`].
    ///
    /// # Panics
    /// If a voxel lies outside of the chunk.
    pub fn write_chunk(&self, chunk: ChunkId, voxels: &[Voxel]) -> Result<()> {
        self.write_values(chunk, voxels.iter().map(|&voxel| (voxel, 1)))
    }

    /// Writes a chunk: the values at voxels, in any order, 0 elsewhere. Without voxels it is not stored. Of a value, as many
    /// of its lowest bytes count as the array's type has.
    ///
    /// # Errors
    /// Those of [`ArrayWriter::write_chunk`].
    ///
    /// # Panics
    /// If a voxel lies outside of the chunk.
    pub fn write_values(&self, chunk: ChunkId, voxels: impl Iterator<Item = (Voxel, i64)> + Clone) -> Result<()> {
        if voxels.clone().next().is_none() {
            return self.writer.remove_chunk(chunk);
        }
        let size = self.writer.form().dtype.size();
        let free = self.encoders.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut encoder = free.map_or_else(|| Encoder::new(&self.writer.form().chunk, size), Ok)?;
        let (region, shape) = (self.grid().region(chunk), self.writer.form().chunk);
        let place = |voxel: Voxel| {
            let p = voxel.position();
            assert!(region.contains(p), "a voxel of the chunk");
            let [z, y, x]: [usize; 3] = std::array::from_fn(|a| (p[a] - region.min[a]) as usize);
            let first = ((z * shape[1] + y) * shape[2] + x) * size;
            first..first + size
        };
        for (voxel, value) in voxels.clone() {
            encoder.values[place(voxel)].copy_from_slice(&value.to_le_bytes()[..size]);
        }
        encoder.compress()?;
        voxels.for_each(|(voxel, _)| encoder.values[place(voxel)].fill(0));
        self.writer.write_encoded(chunk, &encoder.encoded)?;
        self.encoders.lock().unwrap_or_else(PoisonError::into_inner).push(encoder);
        Ok(())
    }
}

impl Encoder {
    fn new(chunk: &[usize; 3], size: usize) -> Result<Self> {
        let compressor = Compressor::new(i32::from(LEVEL)).map_err(unencoded)?;
        let values = vec![0; chunk.iter().product::<usize>() * size];
        let encoded = Vec::with_capacity(zstd::zstd_safe::compress_bound(values.len()));
        Ok(Encoder { compressor, values, encoded })
    }

    fn compress(&mut self) -> Result<()> {
        self.encoded.clear();
        self.compressor.compress_to_buffer(&self.values, &mut self.encoded).map(|_| ()).map_err(unencoded)
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder").field("values", &self.values.len()).finish_non_exhaustive()
    }
}

fn unencoded(error: std::io::Error) -> Error {
    Error::new(Kind::Io, "a chunk cannot be encoded; give the program more memory").because(error)
}

/// A list of a skeleton array's stored chunks: a hash of the voxels of each, and the length and the modification time
/// of its file.
///
/// A manifest that does not match a folder is harmless: a chunk is reused only if its file is the one that was written
/// for these voxels. So it can be saved before or after outputs are put in place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkeletonManifest {
    /// The version of this crate that encoded the chunks: other versions may write other bytes.
    version: String,
    shape: [usize; 3],
    chunk: [usize; 3],
    stored: BTreeMap<ChunkId, StoredChunk>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct StoredChunk {
    /// Hash of the voxels in raster order.
    voxels: u64,
    file: FileState,
}

/// Length of a file, and its modification time, in seconds and nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct FileState {
    length: u64,
    changed: (u64, u32),
}

impl FileState {
    /// The state of a file; `None` if it does not exist or the system does not support this.
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file)?;
        let changed = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(FileState { length: metadata.len(), changed: (changed.as_secs(), changed.subsec_nanos()) })
    }
}

impl SkeletonManifest {
    /// Loads the manifest from a file; `None` if it does not exist.
    ///
    /// # Errors
    /// `Data` if the file is damaged, `Io` if it cannot be read. Either way the caller can continue without a manifest:
    /// all chunks are encoded then.
    pub fn load(path: &Path) -> Result<Option<Self>> {
        let bytes = read_if_there(path).map_err(|error| read_failed(&error).at(path))?;
        let parsed = bytes.map(|bytes| serde_json::from_slice(&bytes)).transpose();
        parsed.map_err(|error| {
            Error::data("is no list of skeleton chunks; all of them are written again").because(error).at(path)
        })
    }

    /// Saves the manifest to a file, which is replaced as a whole.
    ///
    /// # Errors
    /// `Io` or `Output` if it cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let bytes = serde_json::to_vec(self)
            .map_err(|error| Error::internal("a list of chunks cannot be written as JSON").because(error))?;
        replace(path, &bytes)
    }

    /// An empty manifest.
    fn new(form: &ArrayForm) -> Self {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        SkeletonManifest { version, shape: form.shape, chunk: form.chunk, stored: BTreeMap::new() }
    }

    /// Whether chunks of arrays of both forms are encoded in the same way.
    fn encodes_as(&self, other: &Self) -> bool {
        (&self.version, self.shape, self.chunk) == (&other.version, other.shape, other.chunk)
    }
}

/// The result of writing a skeleton's array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenSkeleton {
    /// The manifest of the new array.
    pub manifest: SkeletonManifest,
    /// Number of chunks that were reused from the array in place.
    pub reused: usize,
    /// Number of chunks that were encoded.
    pub encoded: usize,
}

/// Writes a skeleton's array, staged in a folder of outputs. `voxels` are in any order, preferably chunk by chunk, each
/// voxel once. Chunks that are equal in the array in place, according to its manifest, are linked from there (copied if
/// the file system has no links); the others are encoded by up to `threads` threads. The bytes are those of
/// [`SkeletonArray::write_chunk`].
///
/// Takes time O(n log n) in the number of voxels, and time for encoding in proportion to the volume of the changed
/// chunks; 8 bytes of memory for each voxel.
///
/// # Errors
/// Those of [`ArrayWriter::create`] and [`ArrayWriter::write_chunk`].
pub fn write_skeleton(
    folder: &OutputFolder,
    form: ArrayForm,
    voxels: impl IntoIterator<Item = Voxel>,
    earlier: Option<&SkeletonManifest>,
    threads: usize,
) -> Result<WrittenSkeleton> {
    let mut manifest = SkeletonManifest::new(&form);
    let earlier = earlier.filter(|earlier| earlier.encodes_as(&manifest));
    let array = SkeletonArray::create(folder, form)?;
    let (in_place, staged) = (folder.folder().join(SKELETON), folder.path(SKELETON));
    let chunks = by_chunk(&array.grid(), voxels);
    let mut changed: Vec<(ChunkId, &[Voxel])> = Vec::new();
    for (&id, voxels) in &chunks {
        let file = array.writer.file(0, id);
        let known = earlier.and_then(|earlier| earlier.stored.get(&id));
        let same = known.filter(|known| known.voxels == hash(voxels));
        if !same.is_some_and(|known| take_over(&in_place.join(&file), &staged.join(&file), known.file)) {
            changed.push((id, voxels));
        }
    }
    encode(&array, &changed, threads)?;
    for (&id, voxels) in &chunks {
        if let Some(file) = FileState::of(&staged.join(array.writer.file(0, id))) {
            manifest.stored.insert(id, StoredChunk { voxels: hash(voxels), file });
        }
    }
    Ok(WrittenSkeleton { manifest, reused: chunks.len() - changed.len(), encoded: changed.len() })
}

/// Writes a skeleton's array of labels, staged in a folder of outputs, on up to `threads` threads. `voxels` are in any
/// order, preferably chunk by chunk, each voxel once, with its label.
///
/// Takes what [`write_skeleton`] takes without a manifest, and twice the memory.
///
/// # Errors
/// Those of [`ArrayWriter::create`] and [`ArrayWriter::write_chunk`].
pub fn write_labelled(
    folder: &OutputFolder,
    form: ArrayForm,
    voxels: impl IntoIterator<Item = (Voxel, i64)>,
    threads: usize,
) -> Result<()> {
    let array = SkeletonArray::create(folder, form)?;
    let grid = array.grid();
    let mut chunks: BTreeMap<ChunkId, Vec<(Voxel, i64)>> = BTreeMap::new();
    let mut voxels = voxels.into_iter().peekable();
    while let Some((first, _)) = voxels.peek() {
        let id = grid.chunk_at(first.position());
        let region = grid.whole_region(id);
        let here = std::iter::from_fn(|| voxels.next_if(|(voxel, _)| region.contains(voxel.position())));
        chunks.entry(id).or_default().extend(here);
    }
    let chunks: Vec<_> = chunks.into_iter().collect();
    each(&chunks, threads, |_, (id, voxels)| array.write_values(*id, voxels.iter().copied())).map(|_| ())
}

/// The voxels of each chunk, in raster order.
fn by_chunk(grid: &Grid, voxels: impl IntoIterator<Item = Voxel>) -> BTreeMap<ChunkId, Vec<Voxel>> {
    let mut chunks: BTreeMap<ChunkId, Vec<Voxel>> = BTreeMap::new();
    let mut voxels = voxels.into_iter().peekable();
    while let Some(first) = voxels.peek() {
        let id = grid.chunk_at(first.position());
        let region = grid.whole_region(id);
        let here = std::iter::from_fn(|| voxels.next_if(|voxel| region.contains(voxel.position())));
        chunks.entry(id).or_default().extend(here);
    }
    // The lists are sorted runs, which a stable sort merges.
    chunks.values_mut().for_each(|voxels| voxels.sort());
    chunks
}

fn hash(voxels: &[Voxel]) -> u64 {
    XxHash3_64::oneshot(bytemuck::cast_slice(voxels))
}

/// Links or copies a file, if it has the expected state. If this fails, the chunk must be encoded.
fn take_over(from: &Path, to: &Path, expected: FileState) -> bool {
    FileState::of(from) == Some(expected)
        && to.parent().is_some_and(|folder| fs::create_dir_all(folder).is_ok())
        && (fs::hard_link(from, to).is_ok() || fs::copy(from, to).is_ok_and(|length| length == expected.length))
}

/// Encodes and writes chunks, with several threads if there are several chunks.
fn encode(array: &SkeletonArray, chunks: &[(ChunkId, &[Voxel])], threads: usize) -> Result<()> {
    each(chunks, threads, |_, (id, voxels)| array.write_chunk(*id, voxels)).map(|_| ())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::chunk::{Dtype, Voxels};
    use crate::error::Kind;
    use crate::space::Region;
    use crate::store::output::Compression;

    const SHAPE: [usize; 3] = [5, 9, 16];

    fn form() -> ArrayForm {
        let (dtype, compression) = (Dtype::U8.into(), Compression::Zstd);
        let chunk = [4, 4, 8];
        ArrayForm { shape: SHAPE, dimensions: 3, channels: None, dtype, chunk, compression, spacing: None, unit: None }
    }

    fn voxels(seed: i64) -> Vec<Voxel> {
        let region = Region::of_shape(SHAPE);
        let all = Grid::new(region, [1; 3]).chunks().map(ChunkId::place);
        all.filter(|[z, y, x]| (7 * z + 5 * y + 3 * x + seed * z) % 11 == 0 && *y < 8).map(Voxel::new).collect()
    }

    /// Every file of an array, by its path in it.
    fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let (mut found, mut open) = (BTreeMap::new(), vec![folder.to_path_buf()]);
        while let Some(next) = open.pop() {
            for path in fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    open.push(path);
                } else {
                    found.insert(path.strip_prefix(folder).unwrap().to_path_buf(), fs::read(&path).unwrap());
                }
            }
        }
        found
    }

    /// The files of the array, written without a manifest.
    fn plainly(voxels: &[Voxel]) -> BTreeMap<PathBuf, Vec<u8>> {
        let root = tempfile::tempdir().unwrap();
        let folder = OutputFolder::create(root.path(), false).unwrap();
        let array = ArrayWriter::create(folder.path(SKELETON), form()).unwrap();
        for id in array.grid().chunks() {
            let region = array.grid().region(id);
            let mut values = ndarray::Array3::zeros(region.shape());
            for p in voxels.iter().map(|voxel| voxel.position()).filter(|&p| region.contains(p)) {
                values[std::array::from_fn(|a| (p[a] - region.min[a]) as usize)] = 1;
            }
            array.write_chunk(id, &Voxels::U8(values)).unwrap();
        }
        files(&folder.path(SKELETON))
    }

    /// Writes the voxels in the order of the chunks of another grid, compares the bytes and puts them in place.
    fn write(root: &Path, voxels: &[Voxel], earlier: Option<&SkeletonManifest>, threads: usize) -> WrittenSkeleton {
        let folder = OutputFolder::create(root, true).unwrap();
        let grid = Grid::new(Region::of_shape(SHAPE), [3, 5, 6]);
        let parts = by_chunk(&grid, voxels.iter().copied());
        let lists = parts.values().rev().flatten().copied();
        let written = write_skeleton(&folder, form(), lists, earlier, threads).unwrap();
        assert_eq!(files(&folder.path(SKELETON)), plainly(voxels));
        let run = r#"{"program": "anabranch", "version": "1"}"#;
        folder.write("run.json", run).unwrap();
        folder.commit().unwrap();
        written
    }

    #[test]
    fn chunks_without_change_are_taken_over_and_the_bytes_are_the_same() {
        let root = tempfile::tempdir().unwrap();
        let first = write(root.path(), &voxels(0), None, 3);
        // Of 12 chunks those with y = 8 hold no voxels.
        assert_eq!((first.reused, first.encoded), (0, 8));
        let again = write(root.path(), &voxels(0), Some(&first.manifest), 1);
        assert_eq!((again.reused, again.encoded), (8, 0));
        assert_eq!(again.manifest, first.manifest);
        // The first layer of chunks stays, except for one voxel that is removed and a chunk that is added.
        let mut next: Vec<Voxel> = voxels(0).into_iter().filter(|voxel| voxel.position()[0] < 4).collect();
        next.remove(3);
        next.push(Voxel::new([1, 8, 15]));
        let changed = write(root.path(), &next, Some(&again.manifest), 2);
        assert_eq!((changed.reused, changed.encoded), (3, 2));
        let back = write(root.path(), &voxels(0), Some(&changed.manifest), 2);
        assert_eq!((back.reused, back.encoded), (3, 5));
    }

    #[test]
    fn a_file_that_is_not_the_one_that_was_written_is_not_taken_over() {
        let root = tempfile::tempdir().unwrap();
        let first = write(root.path(), &voxels(0), None, 2);
        let chunk = |name: &str| root.path().join(SKELETON).join(name);
        let (mut bytes, late) = (fs::read(chunk("c/0/0/0")).unwrap(), SystemTime::now() + Duration::from_secs(9));
        bytes[7] ^= 1;
        fs::write(chunk("c/0/0/0"), &bytes).unwrap();
        fs::File::options().write(true).open(chunk("c/0/0/0")).unwrap().set_modified(late).unwrap();
        let changed = fs::metadata(chunk("c/0/0/1")).unwrap().modified().unwrap();
        fs::write(chunk("c/0/0/1"), [&bytes[..], b"more"].concat()).unwrap();
        fs::File::options().write(true).open(chunk("c/0/0/1")).unwrap().set_modified(changed).unwrap();
        fs::remove_file(chunk("c/0/1/0")).unwrap();
        let mended = write(root.path(), &voxels(0), Some(&first.manifest), 2);
        assert_eq!((mended.reused, mended.encoded), (5, 3));
        // A manifest of other contents, of other files, and of another version.
        let other = write(root.path(), &voxels(1), Some(&mended.manifest), 2);
        assert_eq!(write(root.path(), &voxels(1), Some(&mended.manifest), 2).reused, other.reused);
        let foreign = SkeletonManifest { version: "0.0.1".to_owned(), ..other.manifest };
        assert_eq!(write(root.path(), &voxels(1), Some(&foreign), 2).reused, 0);
    }

    #[test]
    fn a_manifest_is_read_back_and_a_damaged_one_is_said() {
        let root = tempfile::tempdir().unwrap();
        let manifest = write(&root.path().join("out"), &voxels(0), None, 1).manifest;
        let path = root.path().join("outputs");
        assert_eq!(SkeletonManifest::load(&path).unwrap(), None);
        manifest.save(&path).unwrap();
        assert_eq!(SkeletonManifest::load(&path).unwrap(), Some(manifest));
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let error = SkeletonManifest::load(&path).unwrap_err();
        assert_eq!(error.kind(), Kind::Data);
        assert!(error.to_string().contains("outputs: is no list of skeleton chunks"), "{error}");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2);
    }
}
