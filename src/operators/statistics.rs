//! Statistics of the branch table, maintained while rows come and go: the last operator of an analysis.

use std::collections::BTreeMap;

use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::operator::Operator;
use timely::order::TotalOrder;
use timely::progress::Timestamp;

use crate::kernel::measure::channel::Measured;
use crate::table::branch_columns::Columns;
use crate::table::changes::{AddedUp, RowChanges};
use crate::table::statistics::{Snapshot, Statistics};

/// Extension trait on streams of records that stand for rows of the table.
pub trait MaintainStatistics<'scope, T: Timestamp + TotalOrder, D> {
    /// The statistics of the described columns of all rows up to a time, once for each time that changes rows, at the
    /// first worker. `rows` adds or removes the rows of a record.
    ///
    /// They depend on the rows only, to the last bit: sums are exact, also after removals, and quartiles come from
    /// counts. A time costs in proportion to its changed rows and the logarithm of all. Every worker adds up its own
    /// changes of a time before it sends them. Holds a number for every distinct value of the described columns.
    fn statistics<M: Measured>(
        self,
        columns: &Columns<M>,
        rows: impl FnMut(D, &mut RowChanges<M>) + 'static,
    ) -> StreamVec<'scope, T, Snapshot>;
}

impl<'scope, T: Timestamp + TotalOrder, D: 'static> MaintainStatistics<'scope, T, D> for StreamVec<'scope, T, D> {
    fn statistics<M: Measured>(
        self,
        columns: &Columns<M>,
        mut rows: impl FnMut(D, &mut RowChanges<M>) + 'static,
    ) -> StreamVec<'scope, T, Snapshot> {
        let (none, mut statistics) = (RowChanges::new(columns), Statistics::new(columns));
        let added =
            self.unary_frontier::<CapacityContainerBuilder<Vec<_>>, _, _, _>(Pipeline, "AddUpRows", move |_, _| {
                let mut waiting = BTreeMap::new();
                move |(input, frontier), output| {
                    input.for_each(|capability, records| {
                        if let Some(capability) = capability.retain_least(output.output_index()) {
                            let time = capability.time().clone();
                            let (_, changes) = waiting.entry(time).or_insert_with(|| (capability, none.clone()));
                            records.drain(..).for_each(|record| rows(record, changes));
                        }
                    });
                    while let Some(entry) = waiting.first_entry() {
                        if frontier.less_equal(entry.key()) {
                            break;
                        }
                        let (capability, changes) = entry.remove();
                        output.session(&capability).give(changes.add_up());
                    }
                }
            });
        let to_first = Exchange::new(|_: &AddedUp| 0);
        added.unary_frontier::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
            to_first,
            "MaintainStatistics",
            move |_, _| {
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
            },
        )
    }
}
