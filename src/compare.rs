//! Comparing samples: how the networks of several images differ, and which differences are more than chance.
//!
//! The unit is the sample: an image of an animal, an organ, a field of view. Branches of one image are not independent of
//! each other, and there are thousands of them: a test on branches finds every difference "significant". So what is compared
//! of a sample is one number for each [`Measure`], and tests need three samples a side.

mod bootstrap;
mod branches;
mod cliff;
mod comparable;
mod compared;
mod csv;
mod figures;
mod groups;
mod holm;
mod json;
mod measures;
mod names;
mod page;
mod permutation;
mod quantiles;
mod random;
mod resample;
mod sample;
mod tables;
mod text;
mod violins;
mod words;

pub use self::bootstrap::{Drawn, GroupIntervals, Interval, delta_interval, group_intervals};
pub use self::branches::PerBranch;
pub use self::cliff::cliffs_delta;
pub use self::compared::{ALPHA, CompareOptions, Comparison, Contrast, Level, Pair, Tested};
pub use self::groups::{GroupRule, Groups};
pub use self::holm::holm;
pub use self::json::COMPARISON;
pub use self::measures::{MEASURES, Measure};
pub use self::names::distinct_names;
pub use self::permutation::{PermutationTest, least_p, permutation_test};
pub use self::quantiles::{median, quantile};
pub use self::sample::Sample;
pub use self::tables::{append_branches, branch_header, sample_table};

/// The seed of all random numbers, so that the same results have the same intervals.
const SEED: u64 = 0x616e_6162_7261_6e63;
