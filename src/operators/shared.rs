//! Records that are held in many places without copies.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A value behind a counted pointer, compared by value. Comparing a value with itself takes no time, which differential
/// does when it cancels a record against its retraction.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Shared<D>(Arc<D>);

impl<D> Shared<D> {
    /// The value behind a new pointer.
    pub fn new(value: D) -> Self {
        Shared(Arc::new(value))
    }

    /// The pointer.
    pub fn into_inner(self) -> Arc<D> {
        self.0
    }
}

impl<D> From<Arc<D>> for Shared<D> {
    fn from(value: Arc<D>) -> Self {
        Shared(value)
    }
}

impl<D> Clone for Shared<D> {
    fn clone(&self) -> Self {
        Shared(Arc::clone(&self.0))
    }
}

impl<D> Deref for Shared<D> {
    type Target = D;

    fn deref(&self) -> &D {
        &self.0
    }
}

impl<D: Eq> PartialEq for Shared<D> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl<D: Eq> Eq for Shared<D> {}

impl<D: Ord> PartialOrd for Shared<D> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<D: Ord> Ord for Shared<D> {
    fn cmp(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.0, &other.0) { Ordering::Equal } else { self.0.cmp(&other.0) }
    }
}

impl<D: Hash> Hash for Shared<D> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
