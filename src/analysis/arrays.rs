//! The tables of an analysis as arrays.

use super::{Analysis, Results, Written};
use crate::error::Result;
use crate::table::arrays::{ColumnArrays, ColumnValues};
use crate::table::nodes::Nodes;
use crate::table::skeletons::Skeletons;

/// All tables of some results as arrays, with the columns and the rows of the files that [`Analysis::write`] writes, and their
/// summary.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TableArrays {
    /// `branches.csv`.
    pub branches: ColumnArrays,
    /// `nodes.csv`, unless the analysis has skan's columns only.
    pub nodes: Option<ColumnArrays>,
    /// `skeletons.csv`, likewise.
    pub skeletons: Option<ColumnArrays>,
    /// `objects.csv`, if it was asked for.
    pub objects: Option<ColumnArrays>,
    /// `atlas.csv`, if the image has an atlas.
    pub regions: Option<ColumnArrays>,
    /// What `summary.json` holds, with its totals.
    pub written: Written,
}

impl Results {
    /// All tables as arrays: one array of values for each column, so that no row is handled alone. Takes time linear in
    /// branches and voxels; for memory see [`Table::arrays`](crate::table::Table::arrays).
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use anabranch::analysis::{Analysis, Resources, Running};
    /// use anabranch::store::memory::MemorySource;
    /// use anabranch::table::arrays::ColumnValues;
    /// use anabranch::{Parameters, Voxels};
    ///
    /// let rod = ndarray::Array3::from_shape_fn((9, 9, 40), |(z, y, x)| u8::from(z == 4 && y == 4 && (2..38).contains(&x)));
    /// let source = Arc::new(MemorySource::of(Voxels::U8(rod), 3));
    /// let analysis = Analysis::of(source, &Parameters::default(), &Resources::default())?;
    /// let tables = analysis.run(Running::default())?.arrays(&analysis)?;
    /// assert_eq!(tables.branches.column("branch_distance").unwrap().values, ColumnValues::Number(vec![35.0]));
    /// assert_eq!(tables.nodes.unwrap().rows(), 2);
    /// # Ok::<(), anabranch::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Results::table`]; or if an atlas cannot be read.
    pub fn arrays(&self, analysis: &Analysis) -> Result<TableArrays> {
        let (frame, threads) = (analysis.frame(), analysis.workers());
        let plan = analysis.network_plan();
        let mut table = self.table(analysis, threads)?.with_columns(plan.columns);
        let (mut nodes, mut skeletons, mut unknown_longest_paths) = (None, None, 0);
        if analysis.settled.asked.columns.has_nodes() {
            let found = Nodes::new(&table, threads)?;
            let joined = Skeletons::new(&table, &found, plan.longest_path, threads)?;
            unknown_longest_paths = joined.unknown_longest_paths();
            nodes = Some(found.arrays(&frame, threads));
            skeletons = Some(joined.arrays(&frame, threads));
        }
        let found = analysis.regions(self)?;
        let regions = found.as_ref();
        if let Some(regions) = regions {
            table = table.with_regions(regions.branches());
        }
        let branches = table.arrays(&frame, threads);
        let provisional = match branches.column("provisional").map(|column| &column.values) {
            Some(ColumnValues::Flag(flags)) => flags.iter().filter(|&&flag| flag).count() as u64,
            _ => 0,
        };
        Ok(TableArrays {
            branches,
            nodes,
            skeletons,
            objects: self.objects_beside(Some(&table), analysis).map(|objects| objects.arrays(&frame, threads)),
            regions: regions.map(|regions| regions.arrays(&frame)),
            written: analysis.summed_up(self, &table, regions, (provisional, unknown_longest_paths))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use ndarray::Array3;

    use super::*;
    use crate::analysis::{Resources, Running};
    use crate::chunk::Voxels;
    use crate::parameters::Parameters;
    use crate::store::memory::MemorySource;
    use crate::store::{Atlas, CompanionSources, OpenOptions, Source, accompanied};

    /// The values of a column as the text of a table has them.
    fn texts(values: &ColumnValues) -> Vec<String> {
        let number = |value: &f64| if value.is_nan() { String::new() } else { format!("{value}") };
        match values {
            ColumnValues::Whole(values) => values.iter().map(i64::to_string).collect(),
            ColumnValues::Number(values) | ColumnValues::Optional(values) => values.iter().map(number).collect(),
            ColumnValues::Flag(values) => {
                values.iter().map(|&it| if it { "True" } else { "False" }.to_owned()).collect()
            }
            ColumnValues::Label(values) => values.iter().map(i128::to_string).collect(),
            ColumnValues::Text(values) => values.iter().map(ToString::to_string).collect(),
        }
    }

    fn assert_is_file(arrays: &ColumnArrays, file: &Path) {
        let text = std::fs::read_to_string(file).unwrap();
        let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
        let names: Vec<String> = arrays.columns().iter().map(|column| column.field.name.clone()).collect();
        assert_eq!(lines.next().unwrap(), names, "{}", file.display());
        let columns: Vec<Vec<String>> = arrays.columns().iter().map(|column| texts(&column.values)).collect();
        let rows = (0..arrays.rows()).map(|row| columns.iter().map(|column| column[row].clone()).collect::<Vec<_>>());
        assert!(lines.eq(rows), "{}", file.display());
        assert!(arrays.rows() > 1, "{}", file.display());
    }

    #[test]
    fn arrays_hold_what_files_hold() {
        // Rods in two layers, with an empty one in between.
        let inside = |[z, y, x]: [usize; 3]| (z * 7 + y * 5 + x * 11) % 13 < 4 && !(6..9).contains(&z);
        let image = Array3::from_shape_fn((14, 15, 16), |(z, y, x)| u8::from(inside([z, y, x])) * (1 + (x / 8) as u8));
        let names = [(1, "left"), (2, "right")].map(|(label, name)| (label, name.to_owned()));
        let atlas = || {
            let labels = Array3::from_shape_fn((14, 15, 16), |(_, y, _)| (y / 5) as u8);
            Atlas::new(Arc::new(MemorySource::of(Voxels::U8(labels), 3)), Some(names.clone().into_iter().collect()))
                .unwrap()
        };
        let mut plain = Parameters::default();
        (plain.objects, plain.provisional, plain.longest_path) = (true, true, true);
        let mut labels = Parameters::default();
        labels.image.labels = true;
        for parameters in [plain, labels] {
            let source = Box::new(MemorySource::of(Voxels::U8(image.clone()), 3));
            let with = CompanionSources { atlas: Some(atlas()), ..CompanionSources::default() };
            let source: Arc<dyn Source> = Arc::from(accompanied(source, with, &OpenOptions::default()).unwrap());
            let analysis = Analysis::of(source, &parameters, &Resources::default()).unwrap();
            let results = analysis.run(Running::default()).unwrap();
            let folder = tempfile::tempdir().unwrap();
            analysis.write(&results, folder.path(), false).unwrap();
            let arrays = results.arrays(&analysis).unwrap();
            let file = |name: &str| folder.path().join(name);
            assert_is_file(&arrays.branches, &file("branches.csv"));
            assert_is_file(&arrays.nodes.unwrap(), &file("nodes.csv"));
            assert_is_file(&arrays.skeletons.unwrap(), &file("skeletons.csv"));
            assert_is_file(&arrays.regions.unwrap(), &file("atlas.csv"));
            assert_eq!(arrays.objects.is_some(), parameters.objects);
            let summary = std::fs::read_to_string(file("summary.json")).unwrap();
            assert_eq!(arrays.written.summary.to_json().unwrap(), summary);
            if let Some(objects) = arrays.objects {
                assert_is_file(&objects, &file("objects.csv"));
            }
        }
    }
}
