//! The tables of a session as arrays.

use super::results::EpochResults;
use crate::error::Result;
use crate::parameters::ColumnSet;
use crate::table::arrays::ColumnArrays;
use crate::table::nodes::Nodes;
use crate::table::skeletons::Skeletons;

/// The tables of a session after an epoch as arrays: one array of values for each column.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EpochArrays {
    /// The branches, provisional ones marked if arrival is tracked.
    pub branches: ColumnArrays,
    /// The nodes, unless there are skan's columns only.
    pub nodes: Option<ColumnArrays>,
    /// The skeletons, likewise.
    pub skeletons: Option<ColumnArrays>,
    /// The objects, if the session's parameters ask for a table of them.
    pub objects: Option<ColumnArrays>,
}

impl EpochResults {
    /// All tables as arrays, with the columns of the session's parameters, made on `threads` threads: what
    /// [`EpochResults::rows`] and its like return, without a row that is handled alone. Takes time in proportion to the
    /// skeleton.
    ///
    /// # Errors
    /// As [`Table::new`](crate::table::Table::new).
    pub fn arrays(&self, columns: ColumnSet, threads: usize) -> Result<EpochArrays> {
        let frame = self.frame();
        self.of_table(|table| {
            let table = table.with_columns(columns.columns());
            let (mut nodes, mut skeletons) = (None, None);
            if columns.has_nodes() {
                let found = Nodes::new(&table, threads)?;
                skeletons =
                    Some(Skeletons::new(&table, &found, self.has_longest_paths(), threads)?.arrays(&frame, threads));
                nodes = Some(found.arrays(&frame, threads));
            }
            let arrival = self.arrival();
            let table = match &arrival {
                Some(arrival) => table.with_arrival(arrival),
                None => table,
            };
            let objects = self.object_table().map(|objects| objects.arrays(&frame, threads));
            Ok(EpochArrays { branches: table.arrays(&frame, threads), nodes, skeletons, objects })
        })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;
    use crate::chunk::{Dtype, Voxels};
    use crate::grid::ChunkId;
    use crate::parameters::Parameters;
    use crate::session::SessionBuilder;
    use crate::table::arrays::ColumnValues;

    #[test]
    fn arrays_hold_what_rows_hold() {
        let mut parameters = Parameters::default();
        (parameters.objects, parameters.longest_path) = (true, true);
        let builder = SessionBuilder::new([12, 12, 24], [12; 3], Dtype::U8).parameters(&parameters).track_arrival();
        let session = builder.build().unwrap();
        let inside = |[z, y, x]: [usize; 3]| u8::from((z * 7 + y * 5 + x * 11) % 13 < 4);
        let values = Array3::from_shape_fn((12, 12, 12), |(z, y, x)| inside([z, y, x]));
        session.insert(ChunkId::new([0; 3]).unwrap(), Voxels::U8(values)).unwrap();
        session.advance().unwrap();
        let results = session.results();
        let arrays = results.arrays(ColumnSet::All, 2).unwrap();
        let whole = |table: &ColumnArrays, name: &str| match &table.column(name).unwrap().values {
            ColumnValues::Whole(values) => values.clone(),
            other => panic!("{other:?}"),
        };
        let (rows, nodes) = (results.rows().unwrap(), results.node_rows().unwrap());
        let (skeletons, objects) = (results.skeleton_rows().unwrap(), results.object_rows().unwrap());
        assert!(rows.len() > 2);
        let ends: Vec<i64> = rows.iter().map(|row| row.node_id_dst as i64).collect();
        assert_eq!(whole(&arrays.branches, "node_id_dst"), ends);
        let provisional = rows.iter().map(|row| row.provisional == Some(true)).collect();
        assert_eq!(arrays.branches.column("provisional").unwrap().values, ColumnValues::Flag(provisional));
        let degrees: Vec<i64> = nodes.iter().map(|row| i64::from(row.degree)).collect();
        assert_eq!(whole(&arrays.nodes.unwrap(), "degree"), degrees);
        let voxels: Vec<i64> = skeletons.iter().map(|row| row.voxels as i64).collect();
        let table = arrays.skeletons.unwrap();
        assert_eq!(whole(&table, "voxels"), voxels);
        assert!(table.column("longest_path").is_some());
        let pixels: Vec<i64> = objects.iter().map(|row| row.num_pixels as i64).collect();
        assert_eq!(whole(&arrays.objects.unwrap(), "num_pixels"), pixels);
        let few = results.arrays(ColumnSet::Skan, 1).unwrap();
        assert!(few.nodes.is_none() && few.branches.column("mean_radius").is_none());
        session.close().unwrap();
    }
}
