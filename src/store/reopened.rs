//! An image at a path that others write to.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use crate::chunk::Chunk;
use crate::error::Result;
use crate::space::Region;
use crate::store::{Description, Mark, Marked, OpenOptions, Source, open};

/// A stored image that can be opened anew while others hold it.
///
/// A source may keep what it has read: decoded blocks, indexes of shards, where the strips of a slice begin. After a
/// change of the files, [`ReopenedSource::reopen`] lets all of that go.
pub struct ReopenedSource {
    path: PathBuf,
    options: OpenOptions,
    description: Description,
    source: RwLock<Arc<dyn Source>>,
}

impl ReopenedSource {
    /// The image at a path.
    ///
    /// # Errors
    /// As [`open`].
    pub fn open(path: &Path, options: &OpenOptions) -> Result<Self> {
        let source: Arc<dyn Source> = Arc::from(open(path, options)?);
        let description = source.description().clone();
        Ok(ReopenedSource { path: path.to_owned(), options: options.clone(), description, source: RwLock::new(source) })
    }

    /// Opens the image anew: what is read from now on is what is stored now. Where the image has got another
    /// description, as one has that has grown, that comes out, and the source stays as it was.
    ///
    /// # Errors
    /// As [`open`]; the source stays as it was. An image may be unreadable while it is being written.
    pub fn reopen(&self) -> Result<Option<Description>> {
        let source: Arc<dyn Source> = Arc::from(open(&self.path, &self.options)?);
        if *source.description() != self.description {
            return Ok(Some(source.description().clone()));
        }
        *self.source.write().unwrap_or_else(PoisonError::into_inner) = source;
        Ok(None)
    }

    fn source(&self) -> Arc<dyn Source> {
        Arc::clone(&self.source.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Source for ReopenedSource {
    fn description(&self) -> &Description {
        &self.description
    }

    fn read(&self, region: &Region) -> Result<Option<Chunk>> {
        self.source().read(region)
    }

    fn mark(&self, region: &Region) -> Result<Option<Mark>> {
        self.source().mark(region)
    }

    fn marks(&self, regions: &[Region]) -> Result<Vec<Option<Marked>>> {
        self.source().marks(regions)
    }
}

impl std::fmt::Debug for ReopenedSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReopenedSource").field("description", &self.description).finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "zarr", feature = "tiff"))]
mod tests {
    use super::*;
    use crate::chunk::{Dtype, Voxels};
    use crate::store::fixtures::{SHAPE, assert_holds, copy, expected};

    #[test]
    fn what_was_kept_is_let_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = copy("v3_sharded.zarr", folder.path());
        let source = ReopenedSource::open(&path, &OpenOptions::default()).unwrap();
        let whole = Region::of_shape(SHAPE);
        let before = source.read(&whole).unwrap();
        // The shard's index has been read, and is that of another file now.
        std::fs::remove_file(path.join("c/0/0/0")).unwrap();
        assert_eq!(source.reopen().unwrap(), None);
        let after = source.read(&whole).unwrap();
        assert_ne!(before, after);
        let fresh = open(&path, &OpenOptions::default()).unwrap();
        assert_eq!(after, fresh.read(&whole).unwrap());
    }

    #[test]
    fn an_image_that_has_grown_is_told_and_the_old_one_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image.npy");
        let write = |planes: usize| {
            let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({planes}, 2, 2), }}\n");
            let mut bytes = b"\x93NUMPY\x01\0".to_vec();
            bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
            bytes.extend(header.bytes());
            bytes.extend((0..4 * planes).map(|n| u8::try_from(n).unwrap()));
            // As careful programs write: the old file stays what it was for those who have it open.
            std::fs::write(path.with_extension("new"), bytes).unwrap();
            std::fs::rename(path.with_extension("new"), &path).unwrap();
        };
        write(2);
        let source = ReopenedSource::open(&path, &OpenOptions::default()).unwrap();
        write(3);
        assert_eq!(source.reopen().unwrap().unwrap().shape, [3, 2, 2]);
        assert_eq!(source.description().shape, [2, 2, 2]);
        assert_eq!(source.read(&Region::of_shape([2, 2, 2])).unwrap().unwrap().voxels.shape(), [2, 2, 2]);
        std::fs::write(&path, b"\x93NUM").unwrap();
        assert!(source.reopen().is_err());
        assert!(source.read(&Region::of_shape([1, 2, 2])).is_ok());
    }

    #[test]
    fn it_holds_what_its_source_holds() {
        let path = crate::store::fixtures::fixture("v2_blosc.zarr");
        let source = ReopenedSource::open(&path, &OpenOptions::default()).unwrap();
        assert_holds(&source, &expected(SHAPE, Dtype::U16, 0));
        assert!(matches!(source.read(&Region::of_shape(SHAPE)).unwrap().unwrap().voxels, Voxels::U16(_)));
        let plain = open(&path, &OpenOptions::default()).unwrap();
        let regions = [Region::of_shape(SHAPE), Region::of_shape([1, 1, 1])];
        assert_eq!(source.marks(&regions).unwrap(), plain.marks(&regions).unwrap());
        assert_eq!(source.mark(&regions[1]).unwrap(), plain.mark(&regions[1]).unwrap());
    }
}
