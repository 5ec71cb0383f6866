//! Follows a stored image that other programs write to: when it has changed, and which chunks to read again.
//!
//! [`Follower::wait`] waits for changes, by events of the operating system and by looking, and names the chunks for
//! [`Session::refresh`](crate::session::Session::refresh). It recognises files that are being written, damaged or gone.
//! `anabranch watch` is a loop over it.

mod follower;
mod monitor;
mod seen_atlas;
mod stop;

pub use self::follower::{FollowStep, Follower, PATIENCE};
pub use self::monitor::{FileMonitor, Pace, Wake};
pub use self::stop::Stop;
