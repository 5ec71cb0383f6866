//! A place outside of memory for what waits.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Keeps bytes for as long as it exists.
pub trait Shelf: Debug + Send + Sync {
    /// Bytes that may wait in memory, before others come here.
    fn near(&self) -> usize;

    /// Puts bytes on the shelf. Returns their place, or `None` if they must stay where they are.
    fn put(&self, bytes: &[u8]) -> Option<u64>;

    /// The bytes of this number at a place. If they cannot be read, any: the shelf has to tell its maker, because what follows
    /// from them is of no use then.
    fn get(&self, place: u64, length: usize) -> Vec<u8>;
}

/// Bytes in memory or on a shelf. Equal and in order by what they are, wherever that is.
#[derive(Clone, Debug)]
pub(in crate::kernel) struct ShelvedBytes(Held);

#[derive(Clone, Debug)]
enum Held {
    Near(Vec<u8>),
    Far { shelf: Arc<dyn Shelf>, place: u64, length: usize },
}

impl ShelvedBytes {
    /// Puts the bytes on a shelf, unless it has them stay, or they are on one.
    pub(in crate::kernel) fn shelve(&mut self, shelf: &Arc<dyn Shelf>) {
        if let Held::Near(bytes) = &self.0
            && let Some(place) = shelf.put(bytes)
        {
            self.0 = Held::Far { shelf: Arc::clone(shelf), place, length: bytes.len() };
        }
    }

    /// Number of bytes.
    pub(in crate::kernel) fn len(&self) -> usize {
        match &self.0 {
            Held::Near(bytes) => bytes.len(),
            Held::Far { length, .. } => *length,
        }
    }

    /// The bytes in a range, as far as there are any.
    ///
    /// # Panics
    /// If the shelf does not have them any more.
    pub(in crate::kernel) fn get(&self, range: Range<usize>) -> Cow<'_, [u8]> {
        let end = range.end.min(self.len());
        let range = range.start.min(end)..end;
        match &self.0 {
            Held::Near(bytes) => Cow::Borrowed(&bytes[range]),
            Held::Far { shelf, place, .. } => {
                let bytes = shelf.get(place + range.start as u64, range.len());
                assert_eq!(bytes.len(), range.len(), "what was put aside cannot be read again");
                Cow::Owned(bytes)
            }
        }
    }

    fn all(&self) -> Cow<'_, [u8]> {
        self.get(0..self.len())
    }
}

impl From<Vec<u8>> for ShelvedBytes {
    fn from(bytes: Vec<u8>) -> Self {
        ShelvedBytes(Held::Near(bytes))
    }
}

impl PartialEq for ShelvedBytes {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.all() == other.all()
    }
}

impl Eq for ShelvedBytes {}

impl Ord for ShelvedBytes {
    fn cmp(&self, other: &Self) -> Ordering {
        self.all().cmp(&other.all())
    }
}

impl PartialOrd for ShelvedBytes {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for ShelvedBytes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.all().hash(state);
    }
}

impl Serialize for ShelvedBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_bytes::serialize(&*self.all(), serializer)
    }
}

impl<'de> Deserialize<'de> for ShelvedBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_bytes::deserialize::<Vec<u8>, D>(deserializer).map(Self::from)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Mutex;

    use proptest::prelude::*;

    use super::*;

    /// A shelf in memory.
    #[derive(Debug, Default)]
    pub(crate) struct ListShelf(Mutex<Vec<u8>>);

    impl Shelf for ListShelf {
        fn near(&self) -> usize {
            0
        }

        fn put(&self, bytes: &[u8]) -> Option<u64> {
            let mut all = self.0.lock().unwrap();
            all.extend_from_slice(bytes);
            Some((all.len() - bytes.len()) as u64)
        }

        fn get(&self, place: u64, length: usize) -> Vec<u8> {
            self.0.lock().unwrap().get(place as usize..).unwrap_or_default().iter().copied().take(length).collect()
        }
    }

    proptest! {
        #[test]
        fn bytes_on_a_shelf_are_those_that_were_put_there(
            all in prop::collection::vec(prop::collection::vec(0u8..3, 0..9), 1..9), [from, to] in [0usize..12, 0usize..12],
        ) {
            let shelf: Arc<dyn Shelf> = Arc::new(ListShelf::default());
            let near: Vec<ShelvedBytes> = all.iter().cloned().map(ShelvedBytes::from).collect();
            let mut far = near.clone();
            far.iter_mut().for_each(|bytes| bytes.shelve(&shelf));
            for (bytes, far) in all.iter().zip(&far) {
                prop_assert_eq!(far.len(), bytes.len());
                let end = to.min(bytes.len());
                prop_assert_eq!(&*far.get(from..to), &bytes[from.min(end)..end]);
            }
            for (a, far_a) in all.iter().zip(&far) {
                for ((b, near_b), far_b) in all.iter().zip(&near).zip(&far) {
                    prop_assert_eq!((far_a.cmp(near_b), far_a.cmp(far_b)), (a.cmp(b), a.cmp(b)));
                    prop_assert_eq!((far_a == near_b, far_a == far_b), (a == b, a == b));
                }
            }
        }
    }

    #[test]
    #[should_panic = "what was put aside cannot be read again"]
    fn bytes_that_a_shelf_has_lost_are_not_taken_for_others() {
        let lost = Held::Far { shelf: Arc::new(ListShelf::default()), place: 0, length: 3 };
        ShelvedBytes(lost).get(0..2);
    }
}
