//! Planes that wait before a stage: in a deep volume nearly all, asleep.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use super::aside::Aside;
use super::{Plane, PlaneLayout};
use crate::kernel::shelf::Shelf;

/// Planes that wait, in order.
#[derive(Debug, Default)]
pub struct Gate {
    waiting: VecDeque<Waiting>,
    /// Bytes of those that sleep in memory.
    asleep: usize,
    shelf: Option<(Arc<dyn Shelf>, PlaneLayout)>,
}

/// A plane that waits. Of one that sleeps only what it is packed in, a tenth of what a plane takes beside it.
#[derive(Debug)]
enum Waiting {
    Asleep(Box<[u8]>),
    /// The same on the shelf: its place there, and the number of its bytes.
    Shelved(u64, u32),
    Awake(Box<Plane>),
    /// One that is awake, on the shelf.
    Aside(Aside),
}

impl Gate {
    /// Planes of a layout that sleep go to this shelf from now on.
    pub(super) fn set_shelf(&mut self, shelf: Option<&Arc<dyn Shelf>>, layout: &PlaneLayout) {
        self.shelf = shelf.map(|shelf| (Arc::clone(shelf), *layout));
    }

    /// Puts planes that are awake on the shelf, but for the first `kept`, until `bytes` have been put there. Returns how many
    /// planes these are.
    pub(super) fn put_aside(&mut self, kept: usize, bytes: usize, spare: &mut Vec<Vec<u8>>) -> u64 {
        let Some((shelf, layout)) = &self.shelf else { return 0 };
        let (mut put, mut freed) = (0, 0);
        for waiting in self.waiting.iter_mut().skip(kept).rev() {
            if freed >= bytes {
                break;
            }
            if let Waiting::Awake(plane) = waiting {
                let size = plane.bytes();
                if let Some(aside) = Aside::put(plane, layout, &**shelf, spare) {
                    *waiting = Waiting::Aside(aside);
                    (put, freed) = (put + 1, freed + size);
                }
            }
        }
        put
    }

    /// Number of planes.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Takes a plane after the others.
    pub(super) fn push_back(&mut self, mut plane: Plane) {
        let waiting = match plane.take_asleep() {
            Some(asleep) => self.shelved(&asleep).unwrap_or_else(|| {
                self.asleep += asleep.len();
                Waiting::Asleep(asleep)
            }),
            None => Waiting::Awake(Box::new(plane)),
        };
        self.waiting.push_back(waiting);
    }

    /// Puts a plane that sleeps on the shelf, if there is one, and enough others are near.
    fn shelved(&self, asleep: &[u8]) -> Option<Waiting> {
        let is_far = |shelf: &&Arc<dyn Shelf>| !asleep.is_empty() && self.asleep + asleep.len() > shelf.near();
        let shelf = self.shelf.as_ref().map(|(shelf, _)| shelf).filter(is_far)?;
        Some(Waiting::Shelved(shelf.put(asleep)?, u32::try_from(asleep.len()).ok()?))
    }

    /// Takes out the first plane.
    pub(super) fn pop_front(&mut self) -> Option<Plane> {
        let first = self.waiting.pop_front()?;
        if let Waiting::Asleep(asleep) = &first {
            self.asleep -= asleep.len();
        }
        Some(self.opened(first))
    }

    fn opened(&self, waiting: Waiting) -> Plane {
        match waiting {
            Waiting::Asleep(asleep) => Plane::of_asleep(asleep),
            Waiting::Shelved(place, length) => Plane::of_asleep(self.unshelved(place, length)),
            Waiting::Awake(plane) => *plane,
            Waiting::Aside(aside) => self.back(aside),
        }
    }

    fn back(&self, aside: Aside) -> Plane {
        self.shelf.as_ref().map(|(shelf, layout)| aside.plane(layout, &**shelf, &mut Vec::new())).unwrap_or_default()
    }

    fn unshelved(&self, place: u64, length: u32) -> Box<[u8]> {
        let bytes = self.shelf.as_ref().map(|(shelf, _)| shelf.get(place, length as usize));
        bytes.unwrap_or_default().into_boxed_slice()
    }

    /// The planes, of which those that sleep and those that were put aside are copied.
    pub(super) fn planes(&self) -> impl ExactSizeIterator<Item = Cow<'_, Plane>> {
        self.waiting.iter().map(|waiting| match waiting {
            Waiting::Asleep(asleep) => Cow::Owned(Plane::of_asleep(asleep.clone())),
            &Waiting::Shelved(place, length) => Cow::Owned(Plane::of_asleep(self.unshelved(place, length))),
            Waiting::Awake(plane) => Cow::Borrowed(&**plane),
            &Waiting::Aside(aside) => Cow::Owned(self.back(aside)),
        })
    }

    /// The planes in order. Many sleep.
    pub fn into_planes(mut self) -> impl Iterator<Item = Plane> {
        std::iter::from_fn(move || self.pop_front())
    }

    /// Number of planes that are awake, and bytes of all in memory.
    pub(super) fn held(&self) -> (usize, usize) {
        let bytes = self.asleep + size_of::<Waiting>() * self.waiting.len();
        self.waiting.iter().fold((0, bytes), |(awake, bytes), waiting| match waiting {
            Waiting::Asleep(_) | Waiting::Shelved(..) | Waiting::Aside(_) => (awake, bytes),
            Waiting::Awake(plane) => (awake + usize::from(plane.is_awake()), bytes + plane.bytes()),
        })
    }
}

impl Extend<Plane> for Gate {
    fn extend<I: IntoIterator<Item = Plane>>(&mut self, planes: I) {
        planes.into_iter().for_each(|plane| self.push_back(plane));
    }
}
