//! Pure functions on chunks; nothing here knows of timely.

pub mod smooth;
pub mod threshold;
pub mod histogram;
pub mod otsu;
pub mod skeleton;
pub mod mask;
pub mod neighbourhood;
pub mod thin;
pub mod seam;
pub mod partition;
pub mod smooth;
pub mod threshold;
pub mod binarise;
