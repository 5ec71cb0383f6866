//! Pure functions on chunks; nothing here knows of timely.

pub mod skeleton;
