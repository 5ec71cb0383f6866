//! What was analysed, and warnings.

use serde_json::Value;

use super::Report;
use super::numbers::{grouped, rounded};
use crate::page::Html;

/// Parameters in the order in which they are told, and what they are called. Others follow under their own names.
const PARAMETERS: [(&str, &str); 12] = [
    ("method", "Thinning"),
    ("sigma", "Gaussian smoothing"),
    ("threshold_method", "Foreground"),
    ("threshold", "Threshold"),
    ("threshold_high", "Upper threshold"),
    ("below", "Foreground is dark"),
    ("fill_holes", "Holes filled up to"),
    ("remove_smaller", "Objects removed below"),
    ("keep_largest", "Largest objects kept"),
    ("prune", "Side branches pruned below"),
    ("prune_ratio", "Side branches pruned below"),
    ("region", "Region"),
];

/// Parameters that are told otherwise.
const TOLD: [&str; 4] = ["shape", "dtype", "spacing", "unit"];

/// The name of the image, without the folders it lies in.
pub(super) fn title(report: &Report) -> String {
    let name = report.network.image.trim_end_matches(['/', '\\']);
    let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
    if last.is_empty() { "Branch network".to_owned() } else { last.to_owned() }
}

pub(super) fn subtitle(report: &Report) -> Html {
    let branches = report.summary["branches"].as_u64().unwrap_or_default();
    let words = if branches == 1 { " branch" } else { " branches" };
    let of = report.run["understood"].as_str().unwrap_or_default();
    Html::default().text(&(grouped(branches) + words)).raw(" · ").text(of)
}

/// The warnings of a summary; `None` if there are none.
pub(super) fn warnings(summary: &Value) -> Option<Html> {
    let warnings: Vec<&str> = summary["warnings"].as_array()?.iter().filter_map(Value::as_str).collect();
    if warnings.is_empty() {
        return None;
    }
    let heading = if warnings.len() == 1 { "A warning about these results" } else { "Warnings about these results" };
    let mut html = Html::default()
        .raw("<div class=\"notice\" role=\"note\" id=\"warnings\"><h2>")
        .text(heading)
        .raw("</h2><ul>\n");
    for warning in warnings {
        html = html.raw("<li>").text(warning).raw("</li>\n");
    }
    Some(html.raw("</ul></div>"))
}

/// The image, its size, and the parameters.
pub(super) fn analysed(report: &Report, unit: &str) -> Html {
    let network = &report.network;
    let axes = if network.dimensions == 2 { 1..3 } else { 0..3 };
    let names = if network.dimensions == 2 { "y, x" } else { "z, y, x" };
    let [shape, size, extent] = [
        axes.clone().map(|axis| grouped(network.shape[axis] as u64)).collect::<Vec<_>>(),
        axes.clone().map(|axis| rounded(network.spacing.0[axis])).collect(),
        axes.map(|axis| rounded(network.spacing.0[axis] * network.shape[axis] as f64)).collect(),
    ]
    .map(|numbers| numbers.join(" × "));
    let mut facts = vec![
        ("Image".to_owned(), network.image.clone()),
        ("Understood as".to_owned(), report.run["understood"].as_str().unwrap_or_default().to_owned()),
        (format!("Shape ({names})"), format!("{shape} {}", if network.dimensions == 2 { "pixels" } else { "voxels" })),
    ];
    if unit == "voxels" {
        facts.push(("Voxel size".to_owned(), "not known: lengths are in voxels".to_owned()));
    } else {
        let from = report.run["spacing_from"].as_str().map_or(String::new(), |from| format!(" (from {from})"));
        facts.push(("Voxel size".to_owned(), format!("{size} {unit}{from}")));
        facts.push(("Extent".to_owned(), format!("{extent} {unit}")));
    }
    facts.extend(parameters(&network.parameters));
    facts.push(("Version".to_owned(), format!("anabranch {}", report.summary["version"].as_str().unwrap_or("?"))));
    Html::default().definitions("facts", facts.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

/// The parameters that were given, with their names.
fn parameters(parameters: &Value) -> Vec<(String, String)> {
    let Some(all) = parameters.as_object() else { return Vec::new() };
    let is_set = |value: &&Value| !value.is_null();
    let known = PARAMETERS.iter().filter_map(|(key, name)| {
        let value = all.get(*key).filter(is_set)?;
        Some(((*name).to_owned(), words(key, value)))
    });
    let is_other = |key: &str| !TOLD.contains(&key) && PARAMETERS.iter().all(|(known, _)| *known != key);
    let others = all.iter().filter(|(key, value)| is_other(key) && is_set(value)).map(|(key, value)| {
        let mut name = key.replace('_', " ");
        if let Some(first) = name.get(..1).map(str::to_uppercase) {
            name.replace_range(..1, &first);
        }
        (name, words(key, value))
    });
    known.chain(others).collect()
}

/// A parameter in words.
fn words(key: &str, value: &Value) -> String {
    let text = match value {
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string()),
        Value::Array(values) if key == "region" => {
            let range = |value: &Value| format!("{}:{}", value[0], value[1]);
            values.iter().map(range).collect::<Vec<_>>().join(", ")
        }
        Value::Array(values) => values.iter().map(|value| words("", value)).collect::<Vec<_>>().join(" × "),
        other => other.to_string(),
    };
    match (key, text.as_str()) {
        ("method", "lee") => "Lee 1994, as in scikit-image".to_owned(),
        ("method", "zhang") => "Zhang and Suen 1984, as in scikit-image".to_owned(),
        ("method", "homotopic") => "homotopic: no object, loop or cavity is lost".to_owned(),
        ("threshold_method", "nonzero") => "all values but 0".to_owned(),
        ("threshold_method", "fixed" | "value" | "given") => "above a threshold that was given".to_owned(),
        ("threshold_method", method) => format!("threshold by {method}"),
        ("sigma", sigma) => format!("sigma {sigma} voxels"),
        ("fill_holes" | "remove_smaller", size) if size != "all" => format!("{size} voxels"),
        ("prune_ratio", ratio) => format!("{ratio} times the radius"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn parameters_are_told_in_words_and_none_is_left_out() {
        let told = parameters(&json!({
            "shape": [1, 2, 3], "method": "lee", "sigma": 1.5, "threshold": null, "threshold_method": "otsu",
            "region": [[0, 5], [2, 9]], "keep_border": true, "new_thing": {"a": 1},
        }));
        let told: Vec<String> = told.into_iter().map(|(name, value)| format!("{name}: {value}")).collect();
        assert_eq!(
            told,
            [
                "Thinning: Lee 1994, as in scikit-image",
                "Gaussian smoothing: sigma 1.5 voxels",
                "Foreground: threshold by otsu",
                "Region: 0:5, 2:9",
                "Keep border: yes",
                "New thing: {\"a\":1}",
            ]
        );
    }

    #[test]
    fn warnings_are_shown_whatever_they_hold() {
        let html = warnings(&json!({"warnings": ["<b>"]})).unwrap().to_string();
        assert!(html.contains("A warning about these results") && html.contains("<li>&lt;b&gt;</li>"), "{html}");
        assert_eq!(warnings(&json!({"warnings": []})), None);
    }
}
