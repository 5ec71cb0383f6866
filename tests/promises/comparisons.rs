//! Promise: the statistics of comparisons are SciPy's and NumPy's.

use std::path::Path;

use anabranch::compare::{
    Drawn, cliffs_delta, delta_interval, group_intervals, holm, least_p, permutation_test, quantile,
};
use serde_json::Value;

/// The cases of a kind that `scripts/make_comparisons.py` has written.
fn cases(kind: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/comparisons.txt");
    let text = std::fs::read_to_string(path).expect("fixtures");
    let all = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let cases: Vec<Value> = all.filter(|case| case["kind"] == kind).collect();
    assert!(!cases.is_empty(), "no {kind}");
    cases
}

fn numbers(values: &Value) -> Vec<f64> {
    values.as_array().expect("a list").iter().map(|value| value.as_f64().expect("a number")).collect()
}

fn lists(values: &Value) -> Vec<Vec<f64>> {
    values.as_array().expect("a list").iter().map(numbers).collect()
}

fn sorted(values: &Value) -> Vec<f64> {
    let mut values = numbers(values);
    values.sort_by(f64::total_cmp);
    values
}

/// Ends of intervals that differ by less than a share of their width.
fn assert_near(found: Option<[f64; 2]>, expected: &Value, share: f64, case: &Value) {
    let (found, expected) = (found.expect("an interval"), numbers(expected));
    let width = expected[1] - expected[0];
    let near = [0, 1].iter().all(|&end| (found[end] - expected[end]).abs() <= share * width);
    assert!(near, "{found:?} instead of {expected:?}: {case}");
}

#[test]
fn exact_permutation_tests_are_those_of_scipy() {
    for case in cases("permutation") {
        let [first, second] = ["first", "second"].map(|side| numbers(&case[side]));
        let test = permutation_test(&first, &second).expect("values");
        assert!(test.exact && (test.p - case["p"].as_f64().expect("p")).abs() < 1e-12, "{test:?}: {case}");
        assert!(test.p >= least_p(first.len(), second.len()), "{test:?}: {case}");
    }
}

#[test]
fn cliffs_delta_follows_from_the_u_statistic_of_scipy() {
    for case in cases("delta") {
        let delta = cliffs_delta(&sorted(&case["first"]), &sorted(&case["second"])).expect("values");
        assert!((delta - case["delta"].as_f64().expect("a delta")).abs() < 1e-14, "{delta}: {case}");
    }
}

#[test]
fn corrected_p_values_are_those_of_holm() {
    for case in cases("holm") {
        let (found, expected) = (holm(&numbers(&case["p"])), numbers(&case["corrected"]));
        assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-15), "{found:?}: {case}");
    }
}

#[test]
fn quantiles_are_those_of_numpy() {
    for case in cases("quantiles") {
        let (values, shares) = (numbers(&case["values"]), numbers(&case["shares"]));
        let found: Vec<f64> = shares.iter().map(|&share| quantile(&values, share).expect("values")).collect();
        let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-15 * b.abs();
        assert!(found.iter().zip(&numbers(&case["quantiles"])).all(near), "{found:?}: {case}");
    }
}

#[test]
fn bootstrap_intervals_agree_with_those_of_scipy_within_their_error() {
    for case in cases("groups") {
        let [first, second] = ["first", "second"].map(|side| lists(&case[side]));
        let [first, second] =
            [&first, &second].map(|group| group.iter().map(|it| Drawn::Branches(it)).collect::<Vec<_>>());
        let intervals = group_intervals(&first, &second);
        assert_near(intervals.ratio, &case["ratio"], 0.04, &case);
        assert_near(intervals.difference, &case["difference"], 0.04, &case);
    }
    for case in cases("whole") {
        let [first, second] = ["first", "second"].map(|side| numbers(&case[side]));
        let [first, second] = [first, second].map(|group| group.into_iter().map(Drawn::Whole).collect::<Vec<_>>());
        let intervals = group_intervals(&first, &second);
        assert_near(intervals.ratio, &case["ratio"], 0.04, &case);
        assert_near(intervals.difference, &case["difference"], 0.04, &case);
    }
    for case in cases("branches") {
        let found = delta_interval(&sorted(&case["first"]), &sorted(&case["second"]), 2).expect("threads");
        assert_near(found, &case["delta"], 0.08, &case);
    }
}
