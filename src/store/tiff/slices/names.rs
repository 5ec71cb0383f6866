//! Splits file names into alternating texts and numbers.

use std::collections::BTreeMap;

use super::number::Number;

/// A name without its extension, in lower case.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    /// The texts before, between and behind the numbers: one more than there are numbers.
    pub(crate) texts: Vec<String>,
    pub(crate) numbers: Vec<Number>,
}

/// The rules by which names are split.
#[derive(Clone, Copy, Debug)]
struct Grammar {
    /// Whether a point between digits is a decimal point.
    decimals: bool,
    /// Whether a sign behind a letter belongs to the number.
    signs: bool,
}

/// All names of a folder, split by the same rules: those that leave the fewest kinds of names.
pub(crate) fn parsed(stems: &[String]) -> Vec<Name> {
    let all = |grammar| stems.iter().map(|stem| Name::new(stem, grammar)).collect::<Vec<_>>();
    let mut best: Option<(usize, Vec<Name>)> = None;
    for (decimals, signs) in [(true, false), (true, true), (false, false)] {
        let names = all(Grammar { decimals, signs });
        if decimals && counts_in_decimals(&names) {
            continue;
        }
        let kinds = kinds(&names).len();
        if best.as_ref().is_none_or(|(least, _)| kinds < *least) {
            best = Some((kinds, names));
        }
    }
    best.map(|(_, names)| names).unwrap_or_default()
}

/// The number of names of each kind: those with the same texts.
pub(crate) fn kinds(names: &[Name]) -> BTreeMap<&[String], usize> {
    let mut kinds = BTreeMap::new();
    for name in names {
        *kinds.entry(&name.texts[..]).or_insert(0) += 1;
    }
    kinds
}

/// Returns whether apparent decimals count 1.8, 1.9, 1.10, 1.11: decimals of different lengths do not end with zeros.
fn counts_in_decimals(names: &[Name]) -> bool {
    let fractions = names.iter().flat_map(|name| &name.numbers).filter_map(|number| number.text.split_once('.'));
    let fractions: Vec<&str> = fractions.map(|(_, fraction)| fraction).collect();
    let lengths = fractions.iter().map(|fraction| fraction.len());
    lengths.clone().min() != lengths.max()
        && fractions.iter().any(|fraction| fraction.len() > 1 && fraction.ends_with('0'))
}

impl Name {
    fn new(stem: &str, grammar: Grammar) -> Self {
        let lower = stem.to_lowercase();
        let (mut texts, mut numbers) = (Vec::new(), Vec::new());
        let mut rest = &lower[..];
        while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
            let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
            let whole = &rest[start..start + digits(&rest[start..])];
            let mut end = start + whole.len();
            let mut fraction = "";
            if let Some(behind) = rest[end..].strip_prefix('.').filter(|_| grammar.decimals) {
                fraction = &behind[..digits(behind)];
                end += if fraction.is_empty() { 0 } else { 1 + fraction.len() };
            }
            let mut text = &rest[..start];
            let sign = text.chars().next_back().filter(|c| matches!(c, '-' | '+'));
            let before = text.trim_end_matches(['-', '+']).chars().next_back();
            let separate = before.is_none_or(|c| matches!(c, '_' | ' ' | '=' | '(' | '['));
            let alone = text.len() - text.trim_end_matches(['-', '+']).len() == 1;
            // The sign at the start of a name, or behind a number, may also be a dash.
            let begins = before.is_none() && !numbers.is_empty();
            let signed = sign.is_some() && alone && !begins && (separate || grammar.signs);
            if signed {
                text = &text[..text.len() - 1];
            }
            texts.push(text.to_owned());
            numbers.push(Number::new(signed && sign == Some('-'), whole, fraction, &rest[text.len()..end]));
            rest = &rest[end..];
        }
        texts.push(rest.to_owned());
        Name { texts, numbers }
    }

    /// The letters right before a number, which may name the quantity that it counts.
    pub(crate) fn letters(&self, number: usize) -> &str {
        let text = &self.texts[number];
        let letters = text.trim_end_matches(['_', '=', ' ']);
        // `_z_05` as well as `_z05`; a dash has no meaning.
        let start = letters.rfind(|c: char| !c.is_alphabetic()).map_or(0, |at| at + 1);
        letters.get(start..).unwrap_or_default()
    }
}

/// The name of the original, if a file's name is that of a copy: `slice (1)`, `Copy of slice`, `slice - Copy`, `slice
/// copy 2`; each in lower case and without extension.
pub(crate) fn original(stem: &str) -> Option<String> {
    let stem = stem.to_lowercase();
    for begin in ["copy of ", "kopie von ", "copie de ", "copia de "] {
        if let Some(rest) = stem.strip_prefix(begin) {
            return Some(rest.to_owned());
        }
    }
    // `(2)` and ` 2` behind the word, or `(2)` alone.
    let unnumbered = stem.strip_suffix(')').and_then(|text| {
        let (text, number) = text.rsplit_once('(')?;
        (!number.is_empty() && number.chars().all(|c| c.is_ascii_digit())).then(|| text.trim_end())
    });
    let words = ["copy", "kopie", "copie", "copia"];
    for text in [unnumbered.unwrap_or(&stem), stem.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end()] {
        for word in words {
            let Some(rest) = text.strip_suffix(word) else { continue };
            let rest_trimmed = rest.trim_end_matches([' ', '-', '_', '.']);
            if rest_trimmed.len() < rest.len() && !rest_trimmed.is_empty() {
                return Some(rest_trimmed.to_owned());
            }
        }
    }
    unnumbered.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(stems: &[&str]) -> Vec<String> {
        let stems: Vec<String> = stems.iter().map(|&stem| stem.to_owned()).collect();
        let names = parsed(&stems);
        let show = |name: &Name| {
            let pairs =
                name.texts.iter().zip(name.numbers.iter().map(|n| format!("<{}>", n.text)).chain([String::new()]));
            pairs.map(|(text, number)| format!("{text}{number}")).collect::<String>()
        };
        names.iter().map(show).collect()
    }

    #[test]
    fn signs_and_decimals_are_those_that_make_names_alike() {
        assert_eq!(shown(&["Slice-001", "slice-002"]), ["slice-<001>", "slice-<002>"]);
        assert_eq!(shown(&["z_-06", "z_+05"]), ["z_<-06>", "z_<+05>"]);
        assert_eq!(shown(&["z-1", "z0", "z1"]), ["z<-1>", "z<0>", "z<1>"]);
        assert_eq!(shown(&["z0", "z0.25", "z0.5um"]), ["z<0>", "z<0.25>", "z<0.5>um"]);
        assert_eq!(shown(&["a.1.9", "a.1.10"]), ["a.<1>.<9>", "a.<1>.<10>"]);
        assert_eq!(shown(&["s_01.ome", "s_02.ome"]), ["s_<01>.ome", "s_<02>.ome"]);
        assert_eq!(shown(&["2023-01-05_7"]), ["<2023>-<01>-<05>_<7>"]);
    }

    #[test]
    fn the_letters_before_a_number_are_what_it_counts() {
        let name = &parsed(&["Series001_z00_ch02_T=3-4".to_owned()])[0];
        let letters: Vec<&str> = (0..name.numbers.len()).map(|n| name.letters(n)).collect();
        assert_eq!(letters, ["series", "z", "ch", "t", ""]);
    }

    #[test]
    fn copies_name_their_originals() {
        for copy in
            ["a_05 (1)", "Copy of a_05", "a_05 - Copy", "a_05 - Copy (2)", "a_05 copy", "A_05 copy 2", "a_05_copy"]
        {
            assert_eq!(original(copy).as_deref(), Some("a_05"), "{copy}");
        }
        for plain in ["a_05", "photocopy", "copy", "a (x)"] {
            assert_eq!(original(plain), None, "{plain}");
        }
    }
}
