//! Where the original masks of a process are held: in memory up to a limit, and beyond that in a file.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::kernel::mask::packed::PackedMask;
use crate::kernel::mask::recalled::RecalledMask;
use crate::kernel::mask::{Layout, Mask};
use crate::kernel::measure::distance::Original;
use crate::operators::attic::Attic;
use crate::wire::original::SentMask;

/// Room for the original masks of a process, for all of its workers. Masks that find no room in memory go to an [`Attic`].
pub struct MaskStore {
    /// Bytes of masks that are held in memory at most.
    most: usize,
    held: AtomicUsize,
    attic: Arc<Attic>,
}

impl fmt::Debug for MaskStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MaskStore").field("most", &self.most).field("attic", &self.attic).finish_non_exhaustive()
    }
}

impl MaskStore {
    /// Room for `most` bytes in memory, and for the rest in an attic. Where that fails, the mask counts as foreground.
    pub fn new(attic: Arc<Attic>, most: usize) -> Self {
        MaskStore { most, held: AtomicUsize::new(0), attic }
    }

    /// Where masks are that find no room.
    pub fn attic(&self) -> &Arc<Attic> {
        &self.attic
    }

    /// Room for these bytes in memory: without a store there is no limit. The store, if it is full.
    fn room(store: Option<&Arc<Self>>, bytes: usize) -> std::result::Result<Option<Room>, &Arc<Self>> {
        store.map(|store| store.reserve(bytes).ok_or(store)).transpose()
    }

    /// Takes room for these bytes in memory, if there is enough.
    fn reserve(self: &Arc<Self>, bytes: usize) -> Option<Room> {
        let within = |held: usize| Some(held + bytes).filter(|&held| held <= self.most);
        self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within).ok()?;
        Some(Room { store: Arc::clone(self), bytes })
    }
}

/// Room in memory, which is free again when this is dropped.
struct Room {
    store: Arc<MaskStore>,
    bytes: usize,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.store.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The mask of a chunk before thinning, in the form that takes least memory: packed if nobody else holds it, and in a file if
/// its store is full. A clone shares it.
#[derive(Clone, Debug)]
pub struct HeldMask(pub(super) Held);

impl HeldMask {
    /// Holds the way to a mask that is stored elsewhere.
    pub fn recalled(mask: RecalledMask) -> HeldMask {
        HeldMask(Held::Recalled(mask))
    }

    /// Holds a mask, in a store if there is one; `None` is a chunk without foreground. Takes time in proportion to the mask.
    pub fn new(mask: Option<Arc<Mask>>, store: Option<&Arc<MaskStore>>) -> HeldMask {
        HeldMask(Held::new(Original::new(mask), store))
    }

    /// The same of a mask that others hold, who let go of it soon: it is packed nevertheless.
    pub fn apart(mask: Arc<Mask>, store: Option<&Arc<MaskStore>>) -> HeldMask {
        HeldMask(Held::apart(Original::new(Some(mask)), store))
    }
}

/// An original mask as it is held. A clone shares it.
#[derive(Clone)]
pub(super) enum Held {
    /// All foreground or background, or a mask that somebody else holds too.
    Original(Original),
    InMemory(Arc<InMemory>),
    InFile(Arc<InFile>),
    /// On its way between processes.
    Sent(Arc<PackedMask>),
    /// Another process could not read it.
    Lost,
    /// Outside of the dataflow.
    Recalled(RecalledMask),
}

/// A mask of its own in memory.
pub(super) struct InMemory {
    form: Form,
    /// If it is in a store.
    _room: Option<Room>,
}

enum Form {
    Packed(Arc<PackedMask>),
    Whole(Original),
}

/// The place of a mask in the file.
pub(super) struct InFile {
    attic: Arc<Attic>,
    layout: Layout,
    at: u64,
    /// Number of words of its packed form.
    words: usize,
}

impl Held {
    /// A mask in the form that takes least memory: packed if nobody else holds it, and in the file if the store is full.
    pub(super) fn new(original: Original, store: Option<&Arc<MaskStore>>) -> Self {
        match &original {
            Original::Mixed(mixed) if Arc::strong_count(mixed.mask()) == 1 => Held::apart(original, store),
            _ => Held::Original(original),
        }
    }

    /// The same, also if somebody else holds it.
    fn apart(original: Original, store: Option<&Arc<MaskStore>>) -> Self {
        let Original::Mixed(mixed) = &original else { return Held::Original(original) };
        let mask = mixed.mask();
        let packed = PackedMask::new(mask);
        let bytes = packed.as_ref().map_or(mask.layout().bytes(), |packed| size_of_val(packed.words()));
        match MaskStore::room(store, bytes) {
            Ok(room) => {
                let form = packed.map_or_else(|| Form::Whole(original), |packed| Form::Packed(Arc::new(packed)));
                Held::InMemory(Arc::new(InMemory { form, _room: room }))
            }
            Err(store) => InFile::put(store, &packed.unwrap_or_else(|| PackedMask::always(mask))),
        }
    }

    /// One that another process has sent, in a store if there is one.
    pub(super) fn received(self, store: Option<&Arc<MaskStore>>) -> Self {
        if let Held::Lost = self {
            store.iter().for_each(|store| store.attic.report_lost());
        }
        let Held::Sent(packed) = self else { return self };
        match MaskStore::room(store, size_of_val(packed.words())) {
            Ok(room) => Held::InMemory(Arc::new(InMemory { form: Form::Packed(packed), _room: room })),
            Err(store) => InFile::put(store, &packed),
        }
    }

    /// One that goes to another process: packed.
    pub(super) fn to_send(&self) -> Self {
        Held::of_sent(self.sent())
    }

    /// The form in which it is sent.
    pub(super) fn sent(&self) -> SentMask {
        let of_original = |original: &Original| match original {
            Original::Background => SentMask::Background,
            Original::Foreground => SentMask::Foreground,
            Original::Mixed(mixed) => SentMask::Mixed(Arc::new(PackedMask::always(mixed.mask()))),
        };
        match self {
            Held::Sent(packed) => SentMask::Mixed(Arc::clone(packed)),
            Held::InMemory(held) => match &held.form {
                Form::Packed(packed) => SentMask::Mixed(Arc::clone(packed)),
                Form::Whole(original) => of_original(original),
            },
            Held::InFile(held) => held.read().map_or(SentMask::Lost, |packed| SentMask::Mixed(Arc::new(packed))),
            Held::Original(original) => of_original(original),
            Held::Recalled(recalled) => {
                recalled.load().map_or(SentMask::Lost, |mask| of_original(&Original::new(Some(mask))))
            }
            Held::Lost => SentMask::Lost,
        }
    }

    /// One that was sent.
    pub(super) fn of_sent(mask: SentMask) -> Self {
        match mask {
            SentMask::Background => Held::Original(Original::Background),
            SentMask::Foreground => Held::Original(Original::Foreground),
            SentMask::Mixed(packed) => Held::Sent(packed),
            SentMask::Lost => Held::Lost,
        }
    }

    /// The mask.
    pub(super) fn opened(&self) -> Original {
        match self {
            Held::Original(original) => original.clone(),
            Held::InMemory(held) => match &held.form {
                Form::Packed(packed) => Original::mixed(Arc::new(packed.unpacked())),
                Form::Whole(original) => original.clone(),
            },
            // One that cannot be loaded may hold a skeleton, so it is not background.
            Held::InFile(held) => {
                held.read().map_or(Original::Foreground, |packed| Original::mixed(Arc::new(packed.unpacked())))
            }
            Held::Sent(packed) => Original::mixed(Arc::new(packed.unpacked())),
            Held::Recalled(recalled) => recalled.load().map_or(Original::Foreground, |mask| Original::new(Some(mask))),
            Held::Lost => Original::Foreground,
        }
    }

    /// Whether opening it takes time and memory.
    pub(super) fn is_packed(&self) -> bool {
        match self {
            Held::Original(_) | Held::Lost => false,
            Held::InMemory(held) => matches!(held.form, Form::Packed(_)),
            Held::InFile(_) | Held::Sent(_) | Held::Recalled(_) => true,
        }
    }
}

impl InFile {
    /// Puts a mask into the file of a store.
    fn put(store: &Arc<MaskStore>, packed: &PackedMask) -> Held {
        let words = packed.words();
        let Some(at) = store.attic.append(bytemuck::cast_slice(words)) else {
            return Held::Lost;
        };
        let (attic, layout) = (Arc::clone(&store.attic), *packed.layout());
        Held::InFile(Arc::new(InFile { attic, layout, at, words: words.len() }))
    }

    /// `None` if that fails, which was reported.
    fn read(&self) -> Option<PackedMask> {
        let mut words = vec![0u64; self.words];
        let is_read = self.attic.read(self.at, bytemuck::cast_slice_mut(&mut words));
        is_read.then(|| PackedMask::from_words(self.layout, words))
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.opened().fmt(f)
    }
}

/// Masks are equal if their own voxels are.
impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.opened() == other.opened()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::error::Kind;
    use crate::grid::ChunkId;
    use crate::kernel::mask::recalled::RecallMasks;
    use crate::operators::failure::Failure;
    use crate::space::Region;

    fn mask(voxels: usize) -> Mask {
        let mut mask = Mask::new(Layout::new(Region::of_shape([8, 8, 256])));
        (0..voxels).for_each(|n| mask.set(mask.layout().bit([1 + n % 8, 1 + n / 8 % 8, 1 + n * 37 % 256])));
        mask
    }

    fn store(folder: &Path, most: usize, failure: &Failure) -> Arc<MaskStore> {
        Arc::new(MaskStore::new(Arc::new(Attic::new(folder.to_owned(), failure.clone())), most))
    }

    fn original(voxels: usize) -> Original {
        Original::new(Some(Arc::new(mask(voxels))))
    }

    #[test]
    fn what_finds_no_room_goes_to_a_file_and_room_that_is_let_go_is_used_again() {
        let folder = tempfile::tempdir().unwrap();
        let failure = Failure::default();
        let least = size_of_val(PackedMask::new(&mask(5)).unwrap().words());
        let store = store(folder.path(), 2 * least, &failure);
        // One that is not packed takes more than there is.
        let counts = [5, 5, 5, 900, 5];
        let mut held: Vec<Held> = counts.iter().map(|&n| Held::new(original(n), Some(&store))).collect();
        let in_file = |held: &[Held]| held.iter().map(|held| matches!(held, Held::InFile(_))).collect::<Vec<_>>();
        assert_eq!(in_file(&held), [false, false, true, true, true]);
        for (held, count) in held.iter().zip(counts) {
            assert!(held.opened() == original(count) && held.is_packed());
        }
        let lent = held[0].clone();
        held[0] = Held::Original(Original::Background);
        held[1] = Held::new(original(5), Some(&store));
        assert_eq!(in_file(&held[1..2]), [true], "the first is still lent");
        drop(lent);
        held[0] = Held::new(original(5), Some(&store));
        held[1] = Held::new(original(5), Some(&store));
        assert_eq!(in_file(&held), [false, false, true, true, true]);
        assert!(!failure.happened() && std::fs::read_dir(folder.path()).unwrap().count() == 0);
    }

    #[test]
    fn masks_are_sent_packed_and_find_room_where_they_come() {
        let folder = tempfile::tempdir().unwrap();
        let failure = Failure::default();
        let full = store(folder.path(), 0, &failure);
        let roomy = store(folder.path(), 1 << 20, &failure);
        for original in [Original::Background, Original::Foreground, original(5), original(2000), original(900)] {
            let apart = [None, Some(&full)].map(|store| Held::apart(original.clone(), store));
            for held in apart.into_iter().chain([Held::new(original.clone(), None)]) {
                let sent = Held::of_sent(held.to_send().sent());
                let is_mixed = matches!(original, Original::Mixed(_));
                assert!(matches!(sent, Held::Sent(_)) == is_mixed && sent.opened() == original);
                let [without, within, beyond] = [None, Some(&roomy), Some(&full)].map(|to| sent.clone().received(to));
                assert!([&without, &within, &beyond].into_iter().all(|held| held.opened() == original));
                assert_eq!(matches!(beyond, Held::InFile(_)), is_mixed);
                assert!(!is_mixed || matches!((without, within), (Held::InMemory(_), Held::InMemory(_))));
            }
        }
        assert!(roomy.held.load(Ordering::Relaxed) == 0 && !failure.happened());
        let lost = RecallMasks::new(|_| None).of(ChunkId::at([0; 3]));
        let sent = Held::of_sent(Held::Recalled(lost).to_send().sent());
        assert!(matches!(sent.received(Some(&roomy)), Held::Lost) && failure.happened());
    }

    #[test]
    fn without_a_store_masks_are_held_in_memory_and_shared_ones_as_they_are() {
        assert!(matches!(Held::new(original(5), None), Held::InMemory(_)));
        assert!(!Held::new(original(2000), None).is_packed());
        let shared = Arc::new(mask(5));
        assert!(matches!(Held::new(Original::new(Some(Arc::clone(&shared))), None), Held::Original(_)));
        assert!(matches!(HeldMask::apart(Arc::clone(&shared), None).0, Held::InMemory(_)));
        assert!(matches!(Held::new(Original::Foreground, None), Held::Original(Original::Foreground)));
    }

    #[test]
    fn a_file_that_cannot_be_made_is_an_error_of_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let failure = Failure::default();
        let store = store(&folder.path().join("gone"), 0, &failure);
        let held = Held::new(original(5), Some(&store));
        assert_eq!(held.opened(), Original::Foreground);
        let error = failure.take().expect("an error");
        assert!(error.kind() == Kind::Io && error.to_string().contains("gone"), "{error}");
    }
}
