//! Planes that wait before a stage: in a deep volume nearly all, asleep.

use std::borrow::Cow;
use std::collections::VecDeque;

use super::Plane;

/// Planes that wait, in order.
#[derive(Debug, Default)]
pub struct Gate(VecDeque<Waiting>);

/// A plane that waits. Of one that sleeps only what it is packed in, a tenth of what a plane takes beside it.
#[derive(Debug)]
enum Waiting {
    Asleep(Box<[u8]>),
    Awake(Box<Plane>),
}

impl Gate {
    /// Number of planes.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes a plane after the others.
    pub(super) fn push_back(&mut self, mut plane: Plane) {
        self.0.push_back(match plane.take_asleep() {
            Some(asleep) => Waiting::Asleep(asleep),
            None => Waiting::Awake(Box::new(plane)),
        });
    }

    /// Takes out the first plane.
    pub(super) fn pop_front(&mut self) -> Option<Plane> {
        self.0.pop_front().map(plane)
    }

    /// The planes, of which those that sleep are copied.
    pub(super) fn planes(&self) -> impl ExactSizeIterator<Item = Cow<'_, Plane>> {
        self.0.iter().map(|waiting| match waiting {
            Waiting::Asleep(asleep) => Cow::Owned(Plane::of_asleep(asleep.clone())),
            Waiting::Awake(plane) => Cow::Borrowed(&**plane),
        })
    }

    /// The planes in order. Many sleep.
    pub fn into_planes(self) -> impl Iterator<Item = Plane> {
        self.0.into_iter().map(plane)
    }

    /// Number of planes that are awake, and bytes of all.
    pub(super) fn held(&self) -> (usize, usize) {
        self.0.iter().fold((0, size_of::<Waiting>() * self.0.len()), |(awake, bytes), waiting| match waiting {
            Waiting::Asleep(asleep) => (awake, bytes + asleep.len()),
            Waiting::Awake(plane) => (awake + usize::from(plane.is_awake()), bytes + plane.bytes()),
        })
    }
}

impl Extend<Plane> for Gate {
    fn extend<I: IntoIterator<Item = Plane>>(&mut self, planes: I) {
        planes.into_iter().for_each(|plane| self.push_back(plane));
    }
}

fn plane(waiting: Waiting) -> Plane {
    match waiting {
        Waiting::Asleep(asleep) => Plane::of_asleep(asleep),
        Waiting::Awake(plane) => *plane,
    }
}
