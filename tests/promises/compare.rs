//! Promise: samples are compared by samples, a planted difference is found, and chance is not called a difference.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::draw::tangle;
use crate::image::Image;
use crate::sequential::Mask;
use crate::support::{anabranch, files_under, read_json, succeed};

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Results of small networks in a temporary folder.
struct Samples(tempfile::TempDir);

impl Samples {
    fn new() -> Samples {
        Samples(tempfile::tempdir().expect("a temporary folder"))
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The results of a network drawn in a volume of some shape.
    fn drawn(&self, name: &str, shape: [usize; 3], options: &[&str]) -> PathBuf {
        let (input, out) = (self.at(&format!("{name}.npy")), self.at(name));
        Image::woven(&tangle(shape), "uint8").write_npy(&input);
        succeed(&[&["run", text(&input), "--out", text(&out), "--quiet"], options].concat());
        out
    }

    /// The results of phantoms: `name` with the number of each.
    fn grown(&self, name: &str, seeds: std::ops::Range<u32>, options: &[&str]) -> Vec<String> {
        let grow = |seed: u32| {
            let (input, out) = (self.at(&format!("{name}{seed}.zarr")), self.at(&format!("{name}{seed}")));
            let seed = seed.to_string();
            let shape = ["--shape", "64,64,64", "--seed", &seed, "--workers", "1", "--quiet"];
            succeed(&[&["phantom", text(&input)], &shape[..], options].concat());
            succeed(&["run", text(&input), "--out", text(&out), "--spacing", "2um", "--quiet", "--workers", "1"]);
            text(&out).to_owned()
        };
        seeds.map(grow).collect()
    }

    /// Compares; returns `compare.json`.
    fn compare(&self, arguments: &[&str]) -> Value {
        let out = self.at("compare.html");
        succeed(&[&["compare", "--out", text(&out), "--overwrite", "--quiet"], arguments].concat());
        read_json(self.0.path(), "compare.json")
    }

    fn refused(&self, arguments: &[&str]) -> (i32, String) {
        let out = self.at("refused.html");
        let outcome = anabranch([&["compare", "--out", text(&out), "--quiet"], arguments].concat());
        assert!(!self.at("refused.json").exists(), "{arguments:?} wrote");
        (outcome.code, outcome.stderr)
    }
}

/// What a comparison says of a measure of its first pair.
fn measure<'v>(comparison: &'v Value, name: &str) -> &'v Value {
    &comparison["pairs"][0]["measures"][name]
}

#[test]
fn a_planted_difference_is_found_and_chance_is_not_called_one() {
    let samples = Samples::new();
    let plain = samples.grown("plain", 100..106, &["--radius", "2", "--roots", "1"]);
    let others = samples.grown("other", 400..406, &["--radius", "2", "--roots", "1"]);
    let thick = samples.grown("thick", 300..306, &["--radius", "4", "--roots", "1"]);
    let dense = samples.grown("dense", 200..206, &["--radius", "2", "--roots", "40"]);
    let compare = |second: &[String]| {
        let [first, second] =
            [("plain", &plain[..]), ("second", second)].map(|(name, it)| format!("{name}={}", it.join(",")));
        samples.compare(&["--group", &first, "--group", &second])
    };
    let shown = |comparison: &Value| -> Vec<String> {
        let measures = comparison["pairs"][0]["measures"].as_object().expect("measures");
        let shown = measures.iter().filter(|(_, it)| it["difference_shown"] == true);
        shown.map(|(name, _)| name.clone()).collect()
    };
    let absent = compare(&others);
    assert_eq!(shown(&absent), [""; 0], "{absent:#}");
    assert_eq!(measure(&absent, "radius")["verdict"], "no difference shown");
    let of_radius = compare(&thick);
    assert!(shown(&of_radius).contains(&"radius".to_owned()), "{of_radius:#}");
    let radius = measure(&of_radius, "radius");
    assert_eq!((&radius["verdict"], &radius["cliffs_delta"]), (&"a difference: higher in second".into(), &1.0.into()));
    assert_eq!((&radius["permutations"], &radius["exact"]), (&924.into(), &true.into()));
    // All of one side are larger than all of the other: two of 924 ways, for the first of five tests.
    assert_eq!((radius["p"].as_f64(), radius["p_corrected"].as_f64()), (Some(2.0 / 924.0), Some(5.0 * (2.0 / 924.0))));
    let low = radius["ratio_interval"][0].as_f64().expect("an interval");
    let high = radius["ratio_interval"][1].as_f64().expect("an interval");
    let ratio = radius["ratio"].as_f64().expect("a ratio");
    assert!(1.0 < low && low < ratio && ratio < high && high < 3.0, "{radius}");
    let of_density = compare(&dense);
    assert!(shown(&of_density).contains(&"length_density".to_owned()), "{of_density:#}");
}

#[test]
fn what_is_said_depends_on_the_number_of_samples() {
    let samples = Samples::new();
    let shapes = [[12, 20, 26], [14, 20, 26], [14, 22, 28], [13, 24, 26], [12, 26, 24], [15, 21, 27]];
    let all: Vec<PathBuf> =
        shapes.iter().enumerate().map(|(at, &shape)| samples.drawn(&format!("s{at}"), shape, &[])).collect();
    let all: Vec<&str> = all.iter().map(|path| text(path)).collect();
    // One a side: of branches, with intervals, and no p value.
    let one = samples.compare(&all[..2]);
    let length = measure(&one, "branch_length");
    assert_eq!((&one["groups"][0]["name"], &length["cliffs_delta_of"]), (&"s0".into(), &"branches".into()));
    assert!(length["cliffs_delta_interval"].is_array() && length["ratio_interval"].is_array(), "{length}");
    assert!(
        measure(&one, "length_density")["ratio"].is_number()
            && measure(&one, "length_density")["ratio_interval"].is_null()
    );
    assert!(one["pairs"][0]["statement"].as_str().expect("text").contains("within these samples"));
    let groups = |count: usize| {
        let name = |name: &str, members: &[&str]| format!("{name}={}", members.join(","));
        [name("a", &all[..count]), name("b", &all[count..2 * count])]
    };
    let by_groups = |count: usize| {
        let [a, b] = groups(count);
        samples.compare(&["--group", &a, "--group", &b])
    };
    // Two a side: of samples, and no test.
    let two = by_groups(2);
    assert_eq!(measure(&two, "branch_length")["cliffs_delta_of"], "samples");
    assert!(two["pairs"][0]["statement"].as_str().expect("text").contains("could not be below 0.333"), "{two}");
    for comparison in [&one, &two] {
        assert_eq!(comparison["tests"]["number"], 0);
        let measures = comparison["pairs"][0]["measures"].as_object().expect("measures");
        assert!(measures.values().all(|it| it["p"].is_null() && it["verdict"] == "not tested"), "{measures:?}");
    }
    // Three a side: tests, none of which can show anything.
    let three = by_groups(3);
    assert_eq!((&three["tests"]["number"], &measure(&three, "chord")["p"]), (&5.into(), &Value::Null));
    assert!(three["pairs"][0]["statement"].as_str().expect("text").contains("p cannot be below 0.1"), "{three}");
    assert_eq!(measure(&three, "radius")["verdict"], "no difference can be shown with so few samples");
    // Samples without groups: nothing is compared.
    let side_by_side = samples.compare(&all[..3]);
    assert_eq!(
        (&side_by_side["pairs"], side_by_side["groups"].as_array().map(Vec::len)),
        (&Value::Array(vec![]), Some(3))
    );
    // The measures that are asked for, and no others.
    let [a, b] = groups(3);
    let asked = samples.compare(&["--group", &a, "--group", &b, "--test", "chord"]);
    assert_eq!((&asked["tests"]["number"], measure(&asked, "chord")["p"].is_number()), (&1.into(), true));
}

/// The p value of the difference of means, by looking at all ways to choose who is in the first group: twice the smaller share
/// of ways that differ at least as much to one side.
fn exact_p(first: &[f64], second: &[f64]) -> f64 {
    let all = [first, second].concat();
    let difference = |chosen: u32| {
        let of =
            |own: bool| all.iter().enumerate().filter(move |(at, _)| (chosen >> at & 1 == 1) == own).map(|it| it.1);
        of(false).sum::<f64>() / second.len() as f64 - of(true).sum::<f64>() / first.len() as f64
    };
    let observed = difference((1 << first.len()) - 1);
    let ways = (0u32..1 << all.len()).filter(|chosen| chosen.count_ones() as usize == first.len());
    let differences: Vec<f64> = ways.map(difference).collect();
    let share = |fits: &dyn Fn(f64) -> bool| differences.iter().filter(|&&it| fits(it)).count() as f64;
    let tail = share(&|it| it <= observed + 1e-9).min(share(&|it| it >= observed - 1e-9));
    (2.0 * tail / differences.len() as f64).min(1.0)
}

#[test]
fn a_sample_without_a_value_does_not_count_and_the_others_are_tested() {
    let samples = Samples::new();
    let drawn = |name: &str, count: usize, from: usize| -> Vec<String> {
        let one = |at: usize| samples.drawn(&format!("{name}{at}"), [12 + at, 20 + from, 24 + 2 * at], &[]);
        (1..=count).map(|at| text(&one(at)).to_owned()).collect()
    };
    let (healthy, ill) = (drawn("h", 4, 0), drawn("x", 5, 4));
    let (input, empty) = (samples.at("e1.npy"), samples.at("e1"));
    Image::of_mask(&Mask::from_fn([12, 20, 24], |_| false)).write_npy(&input);
    succeed(&["run", text(&input), "--out", text(&empty), "--quiet"]);
    let group = |name: &str, members: &[String], more: &[&str]| {
        let members: Vec<&str> = members.iter().map(String::as_str).chain(more.iter().copied()).collect();
        format!("{name}={}", members.join(","))
    };
    let compare = |first: &[String]| {
        samples.compare(&["--group", &group("a", first, &[text(&empty)]), "--group", &group("b", &ill, &[])])
    };
    let comparison = compare(&healthy);
    assert_eq!((&comparison["tests"]["number"], &comparison["pairs"][0]["samples"]), (&5.into(), &vec![5, 5].into()));
    for name in ["branch_length", "radius", "tortuosity", "length_density", "junction_density"] {
        let values = |group: &str| -> Vec<f64> {
            let own = comparison["samples"].as_array().expect("samples").iter().filter(|it| it["group"] == group);
            own.filter_map(|it| it["values"][name].as_f64()).collect()
        };
        let (first, second) = (values("a"), values("b"));
        let found = measure(&comparison, name);
        let counts = if name.ends_with("density") { [5, 5] } else { [4, 5] };
        assert_eq!(([first.len(), second.len()], &found["samples"]), (counts, &counts.to_vec().into()), "{name}");
        let ways = if counts == [5, 5] { 252 } else { 126 };
        assert_eq!((&found["permutations"], &found["exact"]), (&ways.into(), &true.into()), "{name}");
        assert!((found["p"].as_f64().expect("p") - exact_p(&first, &second)).abs() < 1e-12, "{name}: {found}");
        assert!(
            found["difference_interval"].is_array() && found["cliffs_delta_interval"].is_array(),
            "{name}: {found}"
        );
        let row = format!("a,b,{name},");
        let table = fs::read_to_string(samples.at("compare.pairs.csv")).expect("a table");
        let row = table.lines().find(|line| line.starts_with(&row)).expect("a row");
        assert!(row.contains(&format!(",{},{},", counts[0], counts[1])), "{row}");
    }
    let warnings = comparison["warnings"].as_array().expect("warnings");
    let warned: Vec<&str> = warnings.iter().filter_map(Value::as_str).filter(|it| it.contains("no value")).collect();
    assert!(
        matches!(warned[..], [it] if it.contains("branch_length, chord, radius, tortuosity") && it.ends_with("in e1"))
    );
    let page = fs::read_to_string(samples.at("compare.html")).expect("a page");
    assert!(page.contains(">n = 4<") && !page.contains(">n = 5<"));
    // Two are left on a side: no test of what only these have, and it is said.
    let few = compare(&healthy[..2]);
    let length = measure(&few, "branch_length");
    assert_eq!((&length["p"], &length["ratio_interval"]), (&Value::Null, &Value::Null));
    assert_eq!(length["verdict"], "not tested: only 2 and 5 samples have a value");
    assert!(measure(&few, "length_density")["p"].is_number());
    assert_eq!(few["tests"]["number"], 2);
}

#[test]
fn lengths_are_in_one_unit_and_what_may_mislead_is_said() {
    let samples = Samples::new();
    let shape = [14, 20, 26];
    let micrometers = samples.drawn("um", shape, &["--spacing", "2,0.5,0.5um"]);
    let nanometers = samples.drawn("nm", shape, &["--spacing", "2000,500,500nm"]);
    let other =
        samples.drawn("other", shape, &["--spacing", "1,0.5,0.5um", "--method", "homotopic", "--threshold", "7"]);
    let alike = samples.compare(&[text(&micrometers), text(&nanometers)]);
    assert_eq!((&alike["unit"], &alike["warnings"]), (&"µm".into(), &Value::Array(vec![])));
    for measure in alike["pairs"][0]["measures"].as_object().expect("measures").values() {
        let [first, second] = [0, 1].map(|side| measure["values"][side].as_f64());
        let near = first.zip(second).is_none_or(|(a, b)| (a - b).abs() <= 1e-12 * a.abs());
        assert!(near && first.is_some() == second.is_some(), "{measure}");
    }
    let inches = samples.compare(&[text(&micrometers), text(&nanometers), "--unit", "mm"]);
    let volume = inches["samples"][1]["values"]["volume"].as_f64().expect("a volume");
    assert!((volume / (14.0 * 20.0 * 26.0 * 2.0 * 0.5 * 0.5 * 1e-9) - 1.0).abs() < 1e-12, "{volume}");
    let warnings = samples.compare(&[text(&micrometers), text(&other)])["warnings"].clone();
    let warned =
        |words: &str| warnings.as_array().expect("a list").iter().any(|it| it.as_str().expect("text").contains(words));
    for words in ["method differs: homotopic in other; lee in um", "voxel sizes differ", "threshold_method differs"] {
        assert!(warned(words), "{words}: {warnings:#}");
    }
}

#[test]
fn what_cannot_be_compared_is_refused_in_a_sentence() {
    let samples = Samples::new();
    let one = samples.drawn("one", [14, 20, 26], &["--spacing", "2um"]);
    let two = samples.drawn("two", [14, 20, 24], &["--spacing", "2um"]);
    let flat = samples.at("flat");
    let plane = samples.at("plane.npy");
    Image { dimensions: 2, ..Image::woven(&tangle([1, 20, 26]), "uint8") }.write_npy(&plane);
    succeed(&["run", text(&plane), "--out", text(&flat), "--quiet", "--spacing", "1um"]);
    let voxels = samples.drawn("voxels", [14, 20, 26], &[]);
    let empty = samples.at("empty");
    fs::create_dir(&empty).expect("a folder");
    let [one, two, flat, voxels, empty] = [&one, &two, &flat, &voxels, &empty].map(|path| text(path));
    let again = format!("{one}/../one");
    let group = |text: &str| text.replace("ONE", one).replace("TWO", two);
    for (arguments, code, words) in [
        (vec![one.to_owned(), again], 2, "is there twice"),
        (vec![one.to_owned(), flat.to_owned()], 2, "images and volumes cannot be compared"),
        (vec![one.to_owned(), voxels.to_owned()], 2, "these cannot be compared"),
        (vec![one.to_owned(), empty.to_owned()], 66, "holds no results"),
        (vec![one.to_owned(), format!("{two}x")], 66, "does not exist"),
        (vec![], 2, "required"),
        (vec![one.to_owned(), two.to_owned(), "--group".to_owned(), "a".to_owned()], 2, "healthy=A,B,C"),
        (vec![one.to_owned(), two.to_owned(), "--group".to_owned(), group("a=ONE")], 2, "nothing to be compared with"),
        (vec![one.to_owned(), two.to_owned(), "--group".to_owned(), group("a=ONE,three")], 2, "none of the samples"),
        (vec!["--group".to_owned(), group("a=ONE,TWO"), "--group".to_owned(), group("b=TWO")], 2, "is in two groups"),
        (vec![one.to_owned(), two.to_owned(), "--unit".to_owned(), "parsec".to_owned()], 2, "is no unit of length"),
        (vec![one.to_owned(), two.to_owned(), "--test".to_owned(), "beauty".to_owned()], 2, "beauty"),
    ] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (exit, said) = samples.refused(&arguments);
        assert!(exit == code && said.contains(words), "{arguments:?}: {exit} {said}");
    }
    let damaged = samples.at("two/branches.csv");
    let table = fs::read_to_string(&damaged).expect("a table");
    fs::write(&damaged, table + "1,2\n").expect("a file");
    let (exit, said) = samples.refused(&[one, two]);
    assert!(exit == 65 && said.contains("branches.csv: line"), "{exit} {said}");
}

#[test]
fn a_comparison_is_the_same_each_time_and_replaced_only_when_asked_for() {
    let samples = Samples::new();
    let hostile = "a,\"<b>&";
    let first = samples.drawn(hostile, [14, 20, 26], &[]);
    let second = samples.drawn("b", [14, 22, 24], &[]);
    let (first, second) = (text(&first), text(&second));
    let write = |folder: &str, options: &[&str]| {
        let out = samples.at(folder).join("c.html");
        anabranch([&["compare", first, second, "--quiet", "-o", text(&out)], options].concat())
    };
    assert_eq!(write("x", &["--workers", "1"]).code, 0);
    assert_eq!(write("y", &["--workers", "3"]).code, 0);
    let written = files_under(&samples.at("x"));
    assert!(written == files_under(&samples.at("y")));
    let names: Vec<&str> = written.keys().map(|path| text(path)).collect();
    assert!(["c.csv", "c.html", "c.json", "c.pairs.csv"].iter().all(|name| names.contains(name)), "{names:?}");
    let table = String::from_utf8(written[Path::new("c.csv")].clone()).expect("text");
    assert!(
        table.lines().nth(1).expect("a row").starts_with("\"a,\"\"<b>&\",\"a,\"\"<b>&\",branch_length,"),
        "{table}"
    );
    let page = String::from_utf8(written[Path::new("c.html")].clone()).expect("text");
    assert!(!page.contains(hostile) && !page.contains("<b>&") && page.contains("a,&quot;&lt;b&gt;&amp;"), "escaped");
    let again = write("x", &[]);
    assert!(again.code == 73 && again.stderr.contains("--overwrite"), "{}", again.stderr);
    assert_eq!(write("x", &["--overwrite"]).code, 0);
    assert!(written == files_under(&samples.at("x")));
    fs::write(samples.at("y/c.json"), "{}").expect("a file");
    let foreign = write("y", &["--overwrite"]);
    assert!(foreign.code == 73 && foreign.stderr.contains("was not written by this command"), "{}", foreign.stderr);
}

#[test]
fn groups_are_named_by_paths_names_and_patterns() {
    let samples = Samples::new();
    let all: Vec<PathBuf> =
        ["h1", "h2", "x1", "other"].iter().map(|name| samples.drawn(name, [12, 20, 24], &[])).collect();
    let all: Vec<&str> = all.iter().map(|path| text(path)).collect();
    let members = |comparison: &Value, group: usize| comparison["groups"][group]["samples"].clone();
    let named = samples.compare(&[&all[..], &["--group", "healthy=h*", "--group", "ill=x1"]].concat());
    assert_eq!((members(&named, 0), members(&named, 1)), (vec!["h1", "h2"].into(), vec!["x1"].into()));
    assert!(named["warnings"][0].as_str().is_some_and(|it| it.contains("in no group")), "{}", named["warnings"]);
    assert_eq!(named["samples"][3]["group"], Value::Null);
    let pattern = format!("healthy={}", text(&samples.at("h*")));
    let found = samples.compare(&["--group", &pattern, "--group", &format!("ill={}", all[2])]);
    assert_eq!((members(&found, 0), members(&found, 1)), (vec!["h1", "h2"].into(), vec!["x1"].into()));
}
