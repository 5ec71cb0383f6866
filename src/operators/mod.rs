//! The kernels as timely and differential operators.
