//! The committed answers of scikit-image and skan, which `scripts/make_reference_fixtures.py` writes; skeletons by the
//! homotopic method are those of `scripts/homotopic.py`.

use std::path::PathBuf;

use crate::image::Image;
use crate::sequential::{Mask, Method};
use crate::support::{Table, parse_table};

/// One fixture: an image with options, and the answer for it.
#[derive(Debug)]
pub(crate) struct Fixture {
    pub(crate) name: String,
    pub(crate) image: Image,
    pub(crate) spacing: [f64; 3],
    pub(crate) method: Method,
    pub(crate) sigma: Option<String>,
    pub(crate) threshold: Option<String>,
    pub(crate) below: Option<String>,
    /// The foreground after smoothing and threshold.
    pub(crate) mask: Mask,
    pub(crate) skeleton: Mask,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<f64>>,
}

impl Fixture {
    /// The options that the program needs to give the fixture's answer.
    pub(crate) fn options(&self) -> Vec<String> {
        let axes = &self.spacing[3 - self.image.dimensions..];
        let spacing = axes.iter().map(f64::to_string).collect::<Vec<_>>().join(",");
        let mut options = vec!["--method".into(), self.method.name().into(), "--spacing".into(), spacing];
        let given = [("--sigma", &self.sigma), ("--threshold", &self.threshold), ("--below", &self.below)];
        for (option, value) in given {
            if let Some(value) = value {
                options.extend([option.into(), value.clone()]);
            }
        }
        options
    }
}

fn folder() -> PathBuf {
    let committed = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/reference");
    std::env::var_os("ANABRANCH_FIXTURES").map_or_else(committed, PathBuf::from)
}

/// All fixtures, by name. `ANABRANCH_FIXTURES` names another folder that the script wrote.
pub(crate) fn all() -> Vec<Fixture> {
    let folder = folder();
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} holds no fixtures", folder.display());
    paths.iter().map(|path| parse(path)).collect()
}

/// A table of a fixture that `scripts/make_network_fixtures.py` has written: `nodes` or `skeletons`.
pub(crate) fn network_table(fixture: &str, table: &str) -> Table {
    let text = network(fixture);
    let begin = text.find(&format!("{table}\n")).expect("a section") + table.len() + 1;
    let lines = text[begin..].lines().enumerate().take_while(|(at, line)| *at == 0 || line.contains(','));
    parse_table(&lines.map(|(_, line)| format!("{line}\n")).collect::<String>())
}

/// What a summary says of the network of a fixture, by the same script.
pub(crate) fn network_summary(fixture: &str) -> serde_json::Value {
    let text = network(fixture);
    let (_, json) = text.split_once("\nsummary\n").expect("a summary");
    serde_json::from_str(json).expect("JSON")
}

fn network(fixture: &str) -> String {
    let folder = folder().with_file_name("network");
    std::fs::read_to_string(folder.join(format!("{fixture}.txt")))
        .unwrap_or_else(|error| panic!("{fixture}: {error}; scripts/make_network_fixtures.py writes its tables"))
}

fn parse(path: &std::path::Path) -> Fixture {
    let text = std::fs::read_to_string(path).expect("a fixture is text");
    let mut lines = text.lines().peekable();
    let mut option = |name: &str| {
        let line = lines.next().expect("an option");
        line.strip_prefix(name).unwrap_or_else(|| panic!("{name} expected, not {line:?}")).trim().to_string()
    };
    let axes: Vec<usize> = option("shape").split(',').map(|n| n.parse().expect("an extent")).collect();
    let (values, dtype) = (option("values"), option("dtype"));
    let stated: Vec<f64> = option("spacing").split(',').map(|n| n.parse().expect("a spacing")).collect();
    let method = Method::named(&option("method"));
    let [sigma, threshold] = ["sigma", "threshold"].map(|name| Some(option(name)).filter(|value| value != "none"));
    let below = lines.next_if(|line| line.starts_with("below ")).map(|line| line["below ".len()..].to_owned());

    let dimensions = axes.len();
    let (mut shape, mut spacing) = ([1; 3], [1.0; 3]);
    shape[3 - dimensions..].copy_from_slice(&axes);
    spacing[3 - dimensions..].copy_from_slice(&stated);

    let rest: Vec<&str> = lines.collect();
    let section = |name: &str| -> Option<Vec<&str>> {
        let names = ["base", "mask", "skeleton", "branches"];
        let start = rest.iter().position(|line| *line == name)? + 1;
        let length = rest[start..].iter().position(|line| names.contains(line)).unwrap_or(rest.len() - start);
        Some(rest[start..start + length].to_vec())
    };
    let base = unpack(&section("base").expect("a base"), shape);
    let mask = section("mask").map_or_else(|| base.clone(), |lines| unpack(&lines, shape));
    let mut skeleton = Mask::from_fn(shape, |_| false);
    for index in section("skeleton").expect("a skeleton").iter().flat_map(|line| line.split(' ')) {
        skeleton.voxels[index.parse::<usize>().expect("a raster index")] = true;
    }
    let branches = section("branches").expect("branches");
    Fixture {
        name: path.file_stem().expect("a file name").to_string_lossy().into_owned(),
        image: Image { shape, dimensions, values: image_of(&base, &values, &dtype), dtype },
        spacing,
        method,
        sigma,
        threshold,
        below,
        mask,
        skeleton,
        columns: branches[0].split(',').map(String::from).collect(),
        rows: branches[1..].iter().map(|row| row.split(',').map(|n| n.parse().expect("a number")).collect()).collect(),
    }
}

fn unpack(lines: &[&str], shape: [usize; 3]) -> Mask {
    let digits: Vec<u32> = lines.concat().chars().map(|c| c.to_digit(16).expect("a hexadecimal digit")).collect();
    let count = shape.iter().product();
    Mask::new(shape, (0..count).map(|index| digits[index / 4] >> (3 - index % 4) & 1 == 1).collect())
}

/// The image that a base stands for, by the formula that the generating script has under the same name.
fn image_of(base: &Mask, values: &str, dtype: &str) -> Vec<f64> {
    let scale = if dtype.starts_with("float") { 8.0 } else { 1.0 };
    let value = |index: usize| {
        let [z, y, x] = base.position(index).map(|n| n as u64);
        let inside = u64::from(base.voxels[index]);
        let whole = match values {
            "mask" => inside,
            "weave" => inside * (1 + (7 * z + 13 * y + 29 * x) % 251),
            "noise" => inside * 120 + ((z * 73_856_093) ^ (y * 19_349_663) ^ (x * 83_492_791)) % 101,
            other => panic!("unknown formula {other}"),
        };
        whole as f64 / scale
    };
    (0..base.voxels.len()).map(value).collect()
}
