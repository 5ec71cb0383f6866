//! The branch table: rows, ranks, summary.
