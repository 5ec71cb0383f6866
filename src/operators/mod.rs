//! The kernels as timely and differential operators.

pub mod shared;
pub mod link;
pub mod span;
pub mod walk;
pub mod stitch;
pub mod components;
pub mod branches;
#[cfg(test)]
mod tests;
