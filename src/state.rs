//! The results of earlier runs, kept in a folder: a later run computes only what has changed since.
//!
//! A [`StateFolder`] holds a record of each kind ([`Record`]) for every chunk. The [`MaskRecord`] is written as soon as
//! a chunk's mask is known, and is valid by itself: a run that is killed does not read again what it has read. The
//! [`ThinningRecord`] is put in place at the end of an epoch. It holds what the chunk and its neighbours saw of each
//! other ([`Seen`]), so that [`verify`] finds records of different epochs, which a killed run may leave.
//!
//! The bytes of a record are verified before they are decoded, and the decoded record before it is used. A record that
//! fails ([`Loaded::Unusable`]) counts as absent: the chunk is computed again. Records depend neither on the number of
//! workers nor on the release of the program, but on the [`Dependencies`] and the version of their kind: a release that
//! changes a kind of record, or adds one, goes on with the others.
//!
//! The [`Digest`] tells of all chunks what a run needs to know of those that it does not touch. With one, the records of
//! other chunks are not read.
//!
//! The [`Index`] says from which image and parameters the outputs in place were made. If all of that is as it was, they
//! stand, and no record is read.
//!
//! Files are written under another name and renamed. Only `state.json` is forced to the disk: after a power failure
//! some records may be torn, which is noticed like any other damage, and costs the time to compute them again. Syncing
//! thousands of records would cost more than the run.

mod changing;
mod counted;
mod digest;
mod encoding;
mod folder;
#[cfg(feature = "analysis")]
mod index;
mod kind;
mod locks;
mod manifest;
mod dependencies;
mod record;
mod seen;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod tests;

pub use self::counted::{Counted, PackedCount};
pub use self::dependencies::Dependencies;
pub(crate) use self::dependencies::fingerprint;
pub use self::digest::{Digest, PackedDigest};
pub use self::encoding::{Loaded, Reason};
pub(crate) use self::encoding::{pack, unpack};
pub use self::folder::StateFolder;
#[cfg(feature = "analysis")]
pub use self::index::{HeldIndex, Index};
pub use self::kind::{Record, RecordKind};
pub(crate) use self::record::hash_of_mask;
pub use self::record::{MaskRecord, ThinningRecord};
pub use self::seen::{Seen, verify};
