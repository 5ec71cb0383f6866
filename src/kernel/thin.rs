//! Thinning of masks to skeletons, by chunks that send each other their deletions, and by planes that follow each
//! other.

pub mod neighbourhood;
pub mod lee;
pub mod zhang;
pub mod method;
pub mod seam;
pub mod seam_log;
pub mod message;
mod member;
pub mod recall;
pub mod change;
pub mod partition;
pub mod planes;
