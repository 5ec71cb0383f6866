//! Statistics of the branch table, maintained while rows come and go: the last operator of an analysis.

use std::collections::BTreeMap;

use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::operator::Operator;
use timely::order::TotalOrder;
use timely::progress::Timestamp;

use crate::table::changes::RowChanges;
use crate::table::statistics::{Snapshot, Statistics};

/// Extension trait on streams of records that stand for rows of the table.
pub trait MaintainStatistics<'scope, T: Timestamp, D> {
    /// The statistics of all rows up to a time, once for each time that changes rows, at the first worker. `rows` adds the
    /// rows that a record brings or takes away.
    ///
    /// They depend on the rows only, to the last bit: sums are exact and forget without error, quartiles come from counts.
    /// A time costs in proportion to its changed rows, and a logarithm of all. Every worker adds up its own changes of a
    /// time before it sends them. Holds a number for every distinct value of the columns that are described.
    fn statistics(self, rows: impl FnMut(D, &mut RowChanges) + 'static) -> StreamVec<'scope, T, Snapshot>;
}

impl<'scope, T: Timestamp + TotalOrder, D: 'static> MaintainStatistics<'scope, T, D> for StreamVec<'scope, T, D> {
    fn statistics(self, mut rows: impl FnMut(D, &mut RowChanges) + 'static) -> StreamVec<'scope, T, Snapshot> {
        let added =
            self.unary_frontier::<CapacityContainerBuilder<Vec<_>>, _, _, _>(Pipeline, "AddUpRows", move |_, _| {
                let mut waiting = BTreeMap::new();
                move |(input, frontier), output| {
                    input.for_each(|capability, records| {
                        if let Some(capability) = capability.retain_least(output.output_index()) {
                            let time = capability.time().clone();
                            let (_, changes) =
                                waiting.entry(time).or_insert_with(|| (capability, RowChanges::default()));
                            records.drain(..).for_each(|record| rows(record, changes));
                        }
                    });
                    while let Some(entry) = waiting.first_entry() {
                        if frontier.less_equal(entry.key()) {
                            break;
                        }
                        let (capability, mut changes) = entry.remove();
                        changes.gather();
                        output.session(&capability).give(changes);
                    }
                }
            });
        let to_first = Exchange::new(|_: &RowChanges| 0);
        added.unary_frontier::<CapacityContainerBuilder<Vec<_>>, _, _, _>(to_first, "MaintainStatistics", |_, _| {
            let mut statistics = Statistics::default();
            let mut waiting = BTreeMap::new();
            move |(input, frontier), output| {
                input.for_each(|capability, changes| {
                    if let Some(capability) = capability.retain_least(output.output_index()) {
                        let time = capability.time().clone();
                        let (_, all) = waiting.entry(time).or_insert_with(|| (capability, Vec::new()));
                        all.append(changes);
                    }
                });
                while let Some(entry) = waiting.first_entry() {
                    if frontier.less_equal(entry.key()) {
                        break;
                    }
                    let (capability, all) = entry.remove();
                    all.iter().for_each(|changes| statistics.apply(changes));
                    output.session(&capability).give(statistics.snapshot());
                }
            }
        })
    }
}
