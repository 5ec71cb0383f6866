//! Pure functions on chunks; nothing here knows of timely.

pub mod phantom;
mod growth;
pub mod smooth;
pub mod threshold;
pub mod histogram;
pub mod otsu;
pub mod zhang;
pub mod skeleton;
pub mod project;
