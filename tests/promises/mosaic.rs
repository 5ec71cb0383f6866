//! Promise: the tiles of a scan are one image, fused first or analysed as they are, and while they land.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zarrs::array::Array;
use zarrs::filesystem::FilesystemStore;

use crate::support::{
    Outcome, Running, anabranch, bytes_of_any_part, everything_under, files_under, invariant_bytes, read_table,
    succeed, wait_until,
};

/// A folder with scans and what comes of them.
pub(crate) struct Bench(tempfile::TempDir);

impl Bench {
    pub(crate) fn new() -> Self {
        Bench(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A call of the program, in which names are of this folder where they begin with `@`.
    pub(crate) fn call(&self, call: &str) -> Vec<String> {
        let part = |part: &str| match part.strip_prefix('@') {
            Some(name) => self.path(name).to_str().expect("UTF-8").to_owned(),
            None => part.to_owned(),
        };
        call.split_whitespace().map(part).collect()
    }

    pub(crate) fn run(&self, call: &str) -> Outcome {
        succeed(&self.call(call))
    }

    /// The axes and the bytes of the values of an array.
    pub(crate) fn values(&self, name: &str) -> (Vec<u64>, Vec<u8>) {
        let store = FilesystemStore::new(self.path(name)).expect("a store");
        let array = Array::open(Arc::new(store), "/").expect("an array");
        let values: zarrs::array::ArrayBytes = array.retrieve_array_subset(&array.subset_all()).expect("chunks");
        (array.shape().to_vec(), values.into_fixed().expect("numbers").into_owned())
    }

    /// The lines of a scan's table.
    fn table(&self, scan: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path(scan).join("tiles.csv")).expect("a table");
        text.lines().map(str::to_owned).collect()
    }

    pub(crate) fn write(&self, name: &str, lines: &[String]) {
        fs::write(self.path(name), lines.join("\n") + "\n").expect("a writable folder");
    }
}

#[test]
fn tiles_of_a_phantom_fuse_to_the_phantom() {
    let bench = Bench::new();
    for (name, phantom, tiles, ways) in [
        ("plane", "--shape 150,201 --gray", "3", &["", "--blend mean --chunk 17", "--blend first", "--order 3"][..]),
        ("volume", "--shape 30,40,50 --seed 3", "2,2,3", &["--order 0", "--blend feather --chunk 16"]),
    ] {
        bench.run(&format!("phantom @{name}.zarr {phantom}"));
        bench.run(&format!("phantom @{name} {phantom} --tiles {tiles} --overlap 0.2"));
        let expected = bench.values(&format!("{name}.zarr"));
        assert!(expected.1.iter().any(|&byte| byte > 0));
        for way in ways {
            bench.run(&format!("fuse @{name}/tiles.csv --out @out.zarr --overwrite {way}"));
            assert!(bench.values("out.zarr/0") == expected, "{name} by {way}");
        }
        // The rows in another order, of tiles that are the same where they overlap.
        let mut lines = bench.table(name);
        lines[1..].reverse();
        bench.write(&format!("{name}/reversed.csv"), &lines);
        bench.run(&format!("fuse @{name}/reversed.csv --out @out.zarr --overwrite --blend first"));
        assert!(bench.values("out.zarr/0") == expected, "{name} reversed");
    }
}

#[test]
fn a_phantom_is_cut_into_the_same_tiles_by_the_same_seed() {
    let bench = Bench::new();
    let tiles = "--tiles 2,3 --tile-shape 64,80 --jitter 3 --rotation 2 --gray";
    for (name, seed) in [("a", 1), ("b", 1), ("c", 2)] {
        let told = bench.run(&format!("phantom @{name} {tiles} --seed {seed} --workers {}", seed + 1)).stdout;
        assert!(told.contains("6 tiles of [64, 80]") && told.contains("[122, 224] voxels"), "{told}");
    }
    let files = ["a", "b", "c"].map(|name| files_under(&bench.path(name)));
    assert!(files[0].len() == 7 && files[0] == files[1] && files[0] != files[2]);
    assert_eq!(bench.table("a")[0], "path,m00,m01,m02,m10,m11,m12");
}

#[test]
fn a_scan_that_makes_no_sense_leaves_nothing_behind() {
    let bench = Bench::new();
    fs::write(bench.path("file"), "mine").expect("a writable folder");
    let before = everything_under(bench.0.path());
    for (out, options, code) in [
        ("scan", "--tiles 0", 2),
        ("scan", "--tiles 2,2,2 --shape 40,40", 2),
        ("scan", "--tiles 50 --shape 40,40", 2),
        ("scan", "--tiles 4,2,2 --shape 4,40,40 --overlap 0", 2),
        ("scan", "--tiles 2 --overlap 1", 2),
        ("scan", "--tiles 2 --jitter -1", 2),
        ("scan", "--tiles 2 --rotation 60", 2),
        ("scan", "--tiles 2 --tile-shape 0,3", 2),
        ("file", "--tiles 2 --shape 40,40", 73),
        ("file/scan", "--tiles 2 --shape 40,40", 73),
    ] {
        let outcome = anabranch(bench.call(&format!("phantom @{out} {options}")));
        assert_eq!((outcome.code, outcome.stderr.lines().count()), (code, 1), "{options}: {outcome:?}");
        assert!(everything_under(bench.0.path()) == before, "{options}");
    }
    for options in ["--tiles 2 --chunk 8", "--tile-shape 8,8", "--jitter 2", "--tiles 2 --tile-shape 9,9 --shape 9,9"] {
        assert_eq!(anabranch(bench.call(&format!("phantom @scan {options}"))).code, 2, "{options}");
    }
    assert!(everything_under(bench.0.path()) == before);
}

#[test]
fn tiles_fused_and_then_analysed_equal_tiles_analysed() {
    let bench = Bench::new();
    for (name, scan, options) in [
        ("plane", "--tiles 3 --tile-shape 70,80", "--threshold 9000"),
        ("volume", "--tiles 2 --tile-shape 20,40,50", "--sigma 1 --threshold otsu --blend mean --order 3"),
    ] {
        bench.run(&format!("phantom @{name} {scan} --gray --jitter 2.5 --rotation 1.5"));
        let (analysis, tiles) = options.split_once("--blend").unwrap_or((options, ""));
        let tiles = if tiles.is_empty() { String::new() } else { format!("--blend{tiles}") };
        bench.run(&format!("fuse @{name}/tiles.csv --out @{name}.zarr --chunk 32 {tiles}"));
        bench.run(&format!("run @{name}.zarr --out @{name}-fused --quiet {analysis}"));
        for (i, more) in ["--workers 1 --chunk 24", "--workers 3", "--processes 2 --chunk 40"].iter().enumerate() {
            bench.run(&format!("run @{name}/tiles.csv --out @{name}-{i} --quiet {options} {more}"));
            assert!(!read_table(&bench.path(&format!("{name}-{i}"))).rows.is_empty());
            let [found, expected] = [i.to_string(), "fused".to_owned()].map(|end| bench.path(&format!("{name}-{end}")));
            assert!(bytes_of_any_part(&found) == bytes_of_any_part(&expected), "{name} {more}");
        }
    }
}

#[test]
fn channels_of_a_table_are_an_axis_of_the_fused_image() {
    let bench = Bench::new();
    bench.run("phantom @scan --tiles 2 --shape 60,70 --gray --jitter 1");
    let lines = bench.table("scan");
    let row = |line: &String, channel: usize| format!("{line},{channel}");
    let mut both = vec![format!("{},channel", lines[0])];
    // The second channel has half of the tiles.
    both.extend(lines[1..].iter().map(|line| row(line, 0)).chain(lines[3..].iter().map(|line| row(line, 4))));
    bench.write("scan/both.csv", &both);
    bench.run("fuse @scan/both.csv --out @both.zarr --levels 3 --chunk 16");
    bench.run("fuse @scan/both.csv --out @first.zarr --levels 3 --channel 0");
    bench.run("fuse @scan/both.csv --out @second.zarr --levels 3 --channel 4");
    for level in 0..3 {
        let [both, first, second] =
            ["both", "first", "second"].map(|name| bench.values(&format!("{name}.zarr/{level}")));
        assert_eq!((both.0[0], &both.0[1..]), (2, &first.0[..]));
        assert!(both.1 == [first.1, second.1].concat(), "{level}");
    }
    bench.run("run @both.zarr --out @from-both --channel 1 --threshold 9000 --quiet");
    bench.run("run @scan/both.csv --out @from-tiles --channel 4 --threshold 9000 --quiet");
    assert!(bytes_of_any_part(&bench.path("from-both")) == bytes_of_any_part(&bench.path("from-tiles")));
    let outcome = anabranch(bench.call("run @scan/both.csv --out @none --quiet"));
    assert_eq!(outcome.code, 2, "{outcome:?}");
}

#[test]
fn bad_tables_and_options_leave_nothing_behind() {
    let bench = Bench::new();
    bench.run("phantom @scan --tiles 2 --shape 60,70");
    let lines = bench.table("scan");
    let changed = |name: &str, at: usize, line: &str| {
        let mut lines = lines.clone();
        line.clone_into(&mut lines[at]);
        bench.write(name, &lines);
    };
    changed("scan/missing.csv", 2, "none.tif,0,0");
    changed("scan/word.csv", 3, "tile_0002.tif,one,0");
    changed("scan/far.csv", 4, "tile_0003.tif,0,123456789");
    let whole = fs::read(bench.path("scan/tile_0001.tif")).expect("a tile");
    fs::write(bench.path("scan/cut.tif"), &whole[..whole.len() / 2]).expect("a writable folder");
    changed("scan/cut.csv", 2, "cut.tif,0,0");
    let before = everything_under(bench.0.path());
    for command in ["run", "fuse"] {
        for (table, options, says) in [
            ("missing", "", "line 3: "),
            ("word", "", "line 4: "),
            ("far", "", "line 5: "),
            ("cut", "", "line 3: "),
            ("tiles", "--canvas 0:20,0:20", "line "),
            ("tiles", "--order 2", "--order 2"),
            ("tiles", "--blend min", "--blend min"),
            ("tiles", "--flip up", "--flip up"),
            ("tiles", "--crop 1.5", "--crop 1.5"),
            ("tiles", "--canvas 0:20", "canvas"),
            ("tiles", "--region 0:9", "--region"),
        ] {
            let outcome = anabranch(bench.call(&format!("{command} @scan/{table}.csv --out @new/out.zarr {options}")));
            assert!(outcome.code != 0 && outcome.stderr.lines().count() == 1, "{table} {options}: {outcome:?}");
            assert!(outcome.stderr.contains(says), "{table} {options}: {outcome:?}");
            assert!(everything_under(bench.0.path()) == before, "{command} {table} {options}");
        }
        let outcome = anabranch(bench.call(&format!("{command} @scan/tile_0000.tif --out @new/out.zarr --order 1")));
        assert_eq!(outcome.code, 2, "{outcome:?}");
        assert!(outcome.stderr.contains("applies to tables of tiles (.csv) only"), "{outcome:?}");
    }
}

/// A scan that is followed while tiles come and go, compared with runs on those that are there.
struct Scan {
    bench: Bench,
    watch: Running,
}

const OPTIONS: &str = "--canvas -10:130,-10:160 --threshold 9000 --quiet";

impl Scan {
    /// Waits until the outputs are those of a run on the tiles that are there.
    fn assert_followed(&mut self) {
        let there = |line: &&String| self.bench.path("scan").join(line.split(',').next().expect("a path")).exists();
        let lines = self.bench.table("scan");
        let present: Vec<String> = lines.iter().take(1).chain(lines[1..].iter().filter(there)).cloned().collect();
        self.bench.write("scan/present.csv", &present);
        self.bench.run(&format!("run @scan/present.csv --out @plain --overwrite {OPTIONS}"));
        let expected = invariant_bytes(&self.bench.path("plain"));
        let out = self.bench.path("out");
        let table = |out: &Path| fs::read(out.join("summary.json")).ok().zip(fs::read(out.join("branches.csv")).ok());
        wait_until("the outputs follow the tiles", || {
            assert!(!self.watch.has_ended(), "watch has ended");
            table(&out) == table(&self.bench.path("plain"))
                && out.join("run.json").exists()
                && !out.join(".anabranch-partial").exists()
        });
        assert!(invariant_bytes(&out) == expected);
    }

    fn move_in(&self, name: &str) {
        fs::rename(self.bench.path("aside").join(name), self.bench.path("scan").join(name)).expect("a tile");
    }
}

#[test]
fn tiles_that_land_change_and_go_are_followed() {
    let bench = Bench::new();
    bench.run("phantom @scan --tiles 3 --tile-shape 40,50 --gray --jitter 2 --rotation 1");
    fs::create_dir(bench.path("aside")).expect("a writable folder");
    let name = |i: usize| format!("tile_{i:04}.tif");
    for i in [2, 5, 7, 4, 8] {
        fs::rename(bench.path("scan").join(name(i)), bench.path("aside").join(name(i))).expect("a tile");
    }
    let call = format!("watch @scan/tiles.csv --out @out --state @state --settle 0.1 --poll 0.4 --chunk 32 {OPTIONS}");
    let watch = Running::start(bench.call(&call));
    let mut scan = Scan { bench, watch };
    scan.assert_followed();
    for i in [4, 8, 2] {
        scan.move_in(&name(i));
        scan.assert_followed();
    }
    // One withdrawn, one in the place of another, two that land together.
    fs::rename(scan.bench.path("scan").join(name(0)), scan.bench.path("aside").join(name(0))).expect("a tile");
    scan.assert_followed();
    fs::copy(scan.bench.path("scan").join(name(1)), scan.bench.path("scan").join(name(3))).expect("a tile");
    scan.move_in(&name(5));
    scan.move_in(&name(7));
    scan.assert_followed();
    let outcome = scan.watch.interrupt();
    // Where the first tiles show nothing that is said.
    let said = outcome.stderr.lines().filter(|line| !line.starts_with("warning: the mask is empty"));
    assert_eq!((outcome.code, said.count()), (0, 0), "{outcome:?}");
    // The next run goes on from there.
    scan.bench.run(&format!("run @scan/present.csv --out @out --overwrite --state @state --chunk 32 {OPTIONS}"));
    assert!(invariant_bytes(&scan.bench.path("out")) == invariant_bytes(&scan.bench.path("plain")));
}
