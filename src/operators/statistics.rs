//! Statistics of the branch table, maintained while rows come and go: the last operator of an analysis.

use std::collections::BTreeMap;

use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::generic::operator::Operator;
use timely::order::TotalOrder;
use timely::progress::Timestamp;

use crate::table::row::Measures;
use crate::table::statistics::{Snapshot, Statistics};

/// Extension trait on streams of rows with their differences.
pub trait MaintainStatistics<'scope, T: Timestamp> {
    /// The statistics of all rows up to a time, once for each time that changes rows, at the first worker.
    ///
    /// They depend on the rows only, to the last bit: sums are exact and forget without error, quartiles come from counts.
    /// A time costs in proportion to its changed rows, and a logarithm of all. Holds a number for every distinct value of
    /// the columns that are described.
    fn statistics(self) -> StreamVec<'scope, T, Snapshot>;
}

impl<'scope, T: Timestamp + TotalOrder> MaintainStatistics<'scope, T> for StreamVec<'scope, T, (Measures, isize)> {
    fn statistics(self) -> StreamVec<'scope, T, Snapshot> {
        let to_first = Exchange::new(|_: &(Measures, isize)| 0);
        self.unary_frontier::<CapacityContainerBuilder<Vec<_>>, _, _, _>(to_first, "MaintainStatistics", |_, _| {
            let mut statistics = Statistics::default();
            let mut waiting = BTreeMap::new();
            move |(input, frontier), output| {
                input.for_each(|capability, rows| {
                    if let Some(capability) = capability.retain_least(output.output_index()) {
                        let time = capability.time().clone();
                        let (_, changes) = waiting.entry(time).or_insert_with(|| (capability, Vec::new()));
                        changes.append(rows);
                    }
                });
                while let Some(entry) = waiting.first_entry() {
                    if frontier.less_equal(entry.key()) {
                        break;
                    }
                    let (capability, changes) = entry.remove();
                    for (row, diff) in &changes {
                        statistics.change(row, *diff as i64);
                    }
                    output.session(&capability).give(statistics.snapshot());
                }
            }
        })
    }
}
