//! Notices changes of the atlas of an image that is followed.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::error::Result;
use crate::space::Region;
use crate::store::{Atlas, Mark, OpenOptions, RegionNames, Source, open};

/// The atlas of an image as it was seen last.
#[derive(Debug, Default)]
pub(super) struct SeenAtlas {
    known: Option<(Option<Mark>, Option<Arc<RegionNames>>)>,
    /// A mark that has not settled, and since when it has been the same.
    unsettled: Option<(Mark, SystemTime)>,
}

/// The result of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AtlasLook {
    /// There is none, or it is as before.
    Same,
    /// It has changed, and its files may still be being written.
    Unsettled,
    /// It has changed and settled.
    Changed,
}

impl SeenAtlas {
    /// The atlas that an image has now; nothing if it cannot be opened.
    pub(super) fn new(path: &Path, options: &OpenOptions) -> SeenAtlas {
        let source = options.atlas.is_some().then(|| open(path, options).ok()).flatten();
        let known = source.and_then(|source| source.atlas()).and_then(|atlas| {
            let marked = atlas.source.marks(&[bounds(&atlas)]).ok()?.pop().flatten();
            Some((marked.map(|marked| marked.mark), atlas.names))
        });
        SeenAtlas { known, unsettled: None }
    }

    /// Looks at the atlas of the image, opened again. A change counts once its files have not changed for the settle time.
    /// Of images on servers, which have no marks, only names are compared.
    ///
    /// # Errors
    /// If the operating system cannot read the metadata.
    pub(super) fn look(&mut self, source: &dyn Source, settle: Duration) -> Result<AtlasLook> {
        let Some(atlas) = source.atlas() else { return Ok(AtlasLook::Same) };
        let marked = atlas.source.marks(&[bounds(&atlas)])?.pop().flatten();
        let now = (marked.map(|marked| marked.mark), atlas.names);
        if self.known.as_ref() == Some(&now) {
            self.unsettled = None;
            return Ok(AtlasLook::Same);
        }
        if let Some(marked) = marked {
            let age = |since: SystemTime| SystemTime::now().duration_since(since).unwrap_or_default();
            let (mark, since) = *self.unsettled.get_or_insert((marked.mark, SystemTime::now()));
            if mark != marked.mark {
                self.unsettled = Some((marked.mark, SystemTime::now()));
            }
            let is_old = marked.youngest.is_some_and(|youngest| age(youngest) >= settle);
            if !is_old && (mark != marked.mark || age(since) < settle) {
                return Ok(AtlasLook::Unsettled);
            }
        }
        (self.known, self.unsettled) = (Some(now), None);
        Ok(AtlasLook::Changed)
    }
}

fn bounds(atlas: &Atlas) -> Region {
    Region::of_shape(atlas.source.description().shape)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::chunk::{Chunk, Voxels};
    use crate::store::memory::MemorySource;
    use crate::store::{Description, Marked};

    /// An image, whose atlas is itself, with the mark and the age that are set.
    #[derive(Clone)]
    struct Labelled {
        image: Arc<MemorySource>,
        marked: Arc<Mutex<Marked>>,
    }

    impl Source for Labelled {
        fn description(&self) -> &Description {
            self.image.description()
        }

        fn read(&self, region: &Region) -> Result<Option<Chunk>> {
            self.image.read(region)
        }

        fn marks(&self, regions: &[Region]) -> Result<Vec<Option<Marked>>> {
            Ok(vec![Some(*self.marked.lock().unwrap()); regions.len()])
        }

        fn atlas(&self) -> Option<Atlas> {
            Atlas::new(Arc::new(self.clone()), None).ok()
        }
    }

    #[test]
    fn an_atlas_has_changed_once_it_has_settled() {
        let settle = Duration::from_secs(100);
        let image = MemorySource::of(Voxels::U8(ndarray::Array3::ones((2, 2, 2))), 3);
        let numbered = |number: u8, age: u64| Marked {
            mark: mark_of(number),
            youngest: Some(SystemTime::now() - Duration::from_secs(age)),
        };
        let marked = Arc::new(Mutex::new(numbered(1, 200)));
        let source = Labelled { image: Arc::new(image), marked: Arc::clone(&marked) };
        let mut seen = SeenAtlas::default();
        let mut look = |new: Marked| {
            *marked.lock().unwrap() = new;
            seen.look(&source, settle).unwrap()
        };
        assert_eq!(look(numbered(1, 200)), AtlasLook::Changed);
        assert_eq!(look(numbered(1, 200)), AtlasLook::Same);
        assert_eq!(look(numbered(2, 5)), AtlasLook::Unsettled);
        assert_eq!(look(numbered(2, 5)), AtlasLook::Unsettled);
        assert_eq!(look(numbered(1, 200)), AtlasLook::Same);
        assert_eq!(look(numbered(3, 101)), AtlasLook::Changed);
    }

    /// A mark that is another for each number.
    fn mark_of(number: u8) -> Mark {
        serde_json::from_str(&number.to_string()).unwrap()
    }
}
