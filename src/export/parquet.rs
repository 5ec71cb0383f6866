//! `branches.parquet`, `nodes.parquet`, `skeletons.parquet` and `paths.parquet`: the tables with types, compressed by
//! Zstandard.
//!
//! The format is <https://parquet.apache.org/docs/file-format/>; lists have the three levels of its `LIST`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;
use serde_json::json;

use super::Network;
use super::attributes::{branch_fields, node_fields, skeleton_fields};
use crate::error::{Error, Result};
use crate::kernel::network::branch::BranchKind;
use crate::store::file::write_failed;
use crate::table::columns::{Field, Form};
use crate::table::read::TableText;

/// Rows that are written together.
const GROUP: usize = 1 << 17;

/// The key of the metadata that is this program's.
const KEY: &str = "anabranch";

/// A column with its values.
struct Column {
    name: String,
    values: Values,
}

enum Values {
    Whole(Vec<i64>),
    /// The same, whose bits are unsigned numbers.
    Unsigned(Vec<i64>),
    Number(Vec<f64>),
    /// NaN for nothing.
    Optional(Vec<f64>),
    Flag(Vec<bool>),
    Text(Vec<ByteArray>),
    /// A list for each row, none of them empty: how long each is, and the numbers of all.
    Lists(Arc<[usize]>, Vec<f64>),
}

/// Writes the tables of branches, nodes and skeletons with the columns of their text, and branches besides with
/// `branch_kind`, what they join, in words; and the table of paths: for each branch lists of the coordinates of its voxels
/// in the unit, of their radii and of the image's values, as far as these are known. The metadata of each file have the
/// image, the unit and the parameters as JSON under the key `anabranch`.
pub(super) fn write(network: &Network, folder: &Path, _: usize) -> Result<Vec<String>> {
    let labels = Labels::new(network);
    let mut branches = columns(&network.branches, &branch_fields(), labels.as_ref().map(|labels| labels.of_branches()));
    let kinds = network.branches.column("branch_type").unwrap_or_default();
    let words = kinds.iter().map(|&kind| {
        let kind = BranchKind::ALL.get(kind as usize);
        ByteArray::from(kind.map_or("", |kind| kind.words()))
    });
    branches.push(Column { name: "branch_kind".to_owned(), values: Values::Text(words.collect()) });
    file(network, folder, "branches.parquet", branches)?;
    if let Some(nodes) = &network.nodes {
        let labels = labels.as_ref().map(|labels| labels.of_nodes(nodes));
        file(network, folder, "nodes.parquet", columns(nodes, &node_fields(), labels))?;
    }
    if let Some(skeletons) = &network.skeletons {
        let labels = labels.as_ref().map(|labels| labels.of_skeletons(skeletons));
        file(network, folder, "skeletons.parquet", columns(skeletons, &skeleton_fields(), labels))?;
    }
    file(network, folder, "paths.parquet", paths(network))?;
    Ok(Vec::new())
}

/// Labels of rows, exact where text as numbers is not.
struct Labels<'n> {
    network: &'n Network,
    all: &'n [i64],
}

impl<'n> Labels<'n> {
    fn new(network: &'n Network) -> Option<Self> {
        let all = network.labels.as_deref()?;
        Some(Labels { network, all })
    }

    fn values(&self, labels: Vec<i64>) -> Values {
        if self.network.unsigned_labels { Values::Unsigned(labels) } else { Values::Whole(labels) }
    }

    fn of_branches(&self) -> Values {
        self.values(self.network.paths.iter().map(|path| self.all[path[0] as usize]).collect())
    }

    fn of_nodes(&self, nodes: &TableText) -> Values {
        let ids = nodes.column("node_id").unwrap_or_default();
        self.values(ids.iter().map(|&id| self.all[id as usize]).collect())
    }

    fn of_skeletons(&self, skeletons: &TableText) -> Values {
        let of_voxels = self.network.skeletons_of_voxels();
        let labels: BTreeMap<u32, i64> =
            of_voxels.into_iter().zip(self.all).filter_map(|(skeleton, &label)| Some((skeleton?, label))).collect();
        let ids = skeletons.column("skeleton_id").unwrap_or_default();
        self.values(ids.iter().map(|&id| labels.get(&(id as u32)).copied().unwrap_or_default()).collect())
    }
}

/// The columns of a table, in the forms of these fields; numbers, if one is not among them.
fn columns(table: &TableText, fields: &[Field], mut labels: Option<Values>) -> Vec<Column> {
    let form = |name: &str| fields.iter().find(|field| field.name == name).map_or(Form::Optional, |field| field.form);
    let column = |(name, values): (&String, &Vec<f64>)| {
        let whole = || values.iter().map(|&value| value as i64).collect();
        let values = match form(name) {
            _ if name == "label" => labels.take().unwrap_or_else(|| Values::Whole(whole())),
            Form::Whole => table.labels_of(name).map_or_else(|| Values::Whole(whole()), exact),
            Form::Number => Values::Number(values.clone()),
            Form::Optional => Values::Optional(values.clone()),
            Form::Flag => Values::Flag(values.iter().map(|&value| value == 1.0).collect()),
            Form::Text => Values::Text(table.texts.iter().map(|text| ByteArray::from(text.as_str())).collect()),
        };
        Column { name: name.clone(), values }
    };
    table.names.iter().zip(&table.values).map(column).collect()
}

/// Labels of regions, as signed numbers unless one is too large for these.
fn exact(labels: &[i128]) -> Values {
    let bits = labels.iter().map(|&label| label as i64).collect();
    match labels.iter().all(|label| i64::try_from(*label).is_ok()) {
        true => Values::Whole(bits),
        false => Values::Unsigned(bits),
    }
}

fn paths(network: &Network) -> Vec<Column> {
    let counts: Arc<[usize]> = network.paths.iter().map(<[u32]>::len).collect();
    let lists = |name: String, of: &dyn Fn(u32) -> f64| {
        let values = network.paths.iter().flatten().map(|&voxel| of(voxel)).collect();
        Column { name, values: Values::Lists(Arc::clone(&counts), values) }
    };
    let ids = Values::Whole((0..network.paths.len() as i64).collect());
    let mut columns = vec![Column { name: "branch_id".to_owned(), values: ids }];
    for axis in 0..network.dimensions {
        let own = axis + 3 - network.dimensions;
        columns.push(lists(format!("coord_{axis}"), &|voxel| network.position(voxel)[own]));
    }
    if network.radii.is_some() {
        columns.push(lists("radius".to_owned(), &|voxel| network.radius(voxel)));
    }
    if network.values.is_some() {
        columns.push(lists("pixel_value".to_owned(), &|voxel| network.value(voxel)));
    }
    columns
}

/// Writes a file of columns that are equally long.
fn file(network: &Network, folder: &Path, name: &str, columns: Vec<Column>) -> Result<()> {
    let path = folder.join(name);
    let failed = |error: ParquetError| match error {
        ParquetError::External(cause) => match cause.downcast::<std::io::Error>() {
            Ok(error) => write_failed(&error),
            Err(other) => Error::internal("cannot be encoded as Parquet").because(other),
        },
        other => Error::internal("cannot be encoded as Parquet").because(other),
    };
    let file = File::create(&path).map_err(|error| write_failed(&error).at(&path))?;
    encode(network, BufWriter::new(file), &columns).map_err(|error| failed(error).at(&path))
}

fn encode(network: &Network, file: BufWriter<File>, columns: &[Column]) -> std::result::Result<(), ParquetError> {
    let told = json!({
        "program": "anabranch",
        "version": env!("CARGO_PKG_VERSION"),
        "image": network.image,
        "unit": network.unit,
        "spacing": network.spacing.0[3 - network.dimensions..],
        "parameters": network.parameters,
    });
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_created_by(format!("anabranch {}", env!("CARGO_PKG_VERSION")))
        .set_key_value_metadata(Some(vec![KeyValue::new(KEY.to_owned(), told.to_string())]));
    let schema = Arc::new(parse_message_type(&schema(columns))?);
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties.build()))?;
    let rows = columns.first().map_or(0, |column| column.values.rows());
    for first in (0..rows).step_by(GROUP) {
        let mut group = writer.next_row_group()?;
        let rows = first..(first + GROUP).min(rows);
        for column in columns {
            let Some(mut into) = group.next_column()? else { break };
            column.values.write(rows.clone(), &mut into)?;
            into.close()?;
        }
        group.close()?;
    }
    writer.close().map(|_| ())
}

/// The types of the columns, in Parquet's own words.
fn schema(columns: &[Column]) -> String {
    let mut fields = String::new();
    for Column { name, values } in columns {
        // Names of axes of boxes have a sign that the words take for another thing.
        let name = name.replace('-', "_");
        fields += &match values {
            Values::Whole(_) => format!("required int64 {name};"),
            Values::Unsigned(_) => format!("required int64 {name} (INTEGER(64,false));"),
            Values::Number(_) => format!("required double {name};"),
            Values::Optional(_) => format!("optional double {name};"),
            Values::Flag(_) => format!("required boolean {name};"),
            Values::Text(_) => format!("required binary {name} (STRING);"),
            Values::Lists(..) => {
                format!("required group {name} (LIST) {{ repeated group list {{ required double element; }} }}")
            }
        };
    }
    format!("message table {{ {fields} }}")
}

impl Values {
    fn rows(&self) -> usize {
        match self {
            Values::Whole(values) | Values::Unsigned(values) => values.len(),
            Values::Number(values) | Values::Optional(values) => values.len(),
            Values::Flag(values) => values.len(),
            Values::Text(values) => values.len(),
            Values::Lists(counts, _) => counts.len(),
        }
    }

    fn write(&self, rows: Range<usize>, to: &mut SerializedColumnWriter<'_>) -> std::result::Result<(), ParquetError> {
        match self {
            Values::Whole(values) | Values::Unsigned(values) => {
                to.typed::<Int64Type>().write_batch(&values[rows], None, None)?;
            }
            Values::Number(values) => {
                to.typed::<DoubleType>().write_batch(&values[rows], None, None)?;
            }
            Values::Optional(values) => {
                let there: Vec<i16> = values[rows.clone()].iter().map(|value| i16::from(!value.is_nan())).collect();
                let values: Vec<f64> = values[rows].iter().copied().filter(|value| !value.is_nan()).collect();
                to.typed::<DoubleType>().write_batch(&values, Some(&there), None)?;
            }
            Values::Flag(values) => {
                to.typed::<BoolType>().write_batch(&values[rows], None, None)?;
            }
            Values::Text(values) => {
                to.typed::<ByteArrayType>().write_batch(&values[rows], None, None)?;
            }
            Values::Lists(counts, values) => {
                let before: usize = counts[..rows.start].iter().sum();
                let counts = &counts[rows];
                let values = &values[before..before + counts.iter().sum::<usize>()];
                // The first number of a list begins it, the others go on.
                let begins: Vec<i16> =
                    counts.iter().flat_map(|&count| (0..count).map(|at| i16::from(at > 0))).collect();
                let there = vec![1; values.len()];
                to.typed::<DoubleType>().write_batch(values, Some(&there), Some(&begins))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::{Field, RowAccessor};

    use super::*;
    use crate::export::fixtures::ring_and_rod;

    #[test]
    fn labels_of_regions_have_all_their_digits() {
        let read = |text: &str| columns(&TableText::read(text.as_bytes()).unwrap(), &branch_fields(), None);
        let Values::Whole(found) = &read("region\n720575940623374511\n-3\n")[0].values else { panic!("signed") };
        assert_eq!(found, &[720_575_940_623_374_511, -3]);
        let Values::Unsigned(found) = &read("region\n18446744073709551615\n5\n")[0].values else { panic!("unsigned") };
        assert_eq!(found, &[-1, 5]);
    }

    #[test]
    fn tables_and_paths_are_read_back_with_their_types() {
        let (network, folder) = (ring_and_rod(), tempfile::tempdir().unwrap());
        write(&network, folder.path(), 1).unwrap();
        let read = |name: &str| SerializedFileReader::new(File::open(folder.path().join(name)).unwrap()).unwrap();
        let branches = read("branches.parquet");
        let metadata = branches.metadata().file_metadata().key_value_metadata().unwrap();
        assert!(metadata.iter().any(|pair| pair.key == KEY && pair.value.as_ref().unwrap().contains("micrometer")));
        let lengths = network.branches.column("branch_distance").unwrap();
        let place = |name: &str| network.branches.names.iter().position(|column| column == name).unwrap();
        let mut rows = 0;
        for (branch, row) in branches.get_row_iter(None).unwrap().map(|row| row.unwrap()).enumerate() {
            assert_eq!(row.get_double(place("branch_distance")).unwrap(), lengths[branch]);
            let kind = row.get_long(place("branch_type")).unwrap() as usize;
            assert_eq!(row.get_string(network.branches.names.len()).unwrap(), BranchKind::ALL[kind].words());
            rows += 1;
        }
        assert_eq!(rows, network.paths.len());
        let paths = read("paths.parquet");
        for (row, path) in paths.get_row_iter(None).unwrap().map(|row| row.unwrap()).zip(network.paths.iter()) {
            for (name, field) in row.get_column_iter() {
                let Field::ListInternal(list) = field else { continue };
                let numbers: Vec<f64> = list
                    .elements()
                    .iter()
                    .map(|field| if let Field::Double(number) = field { *number } else { panic!("a number") })
                    .collect();
                let expected: Vec<f64> = path
                    .iter()
                    .map(|&voxel| match name.as_str() {
                        "radius" => network.radius(voxel),
                        "pixel_value" => network.value(voxel),
                        axis => network.position(voxel)[axis[6..].parse::<usize>().unwrap()],
                    })
                    .collect();
                assert_eq!(numbers, expected, "{name}");
            }
        }
    }
}
