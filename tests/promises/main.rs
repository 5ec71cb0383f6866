//! What the program promises, one module a promise, tested through the built program.

#[allow(dead_code, reason = "tests that run the program use the rest")]
mod draw;
#[allow(dead_code, reason = "tests that run the program use the rest")]
mod fixtures;
mod sequential;
#[allow(dead_code, reason = "tests that run the program use it")]
mod support;

mod reference;
mod topology;
