//! Selects the planes of an image among a folder's files, and orders them by the numbers in their names.

use std::collections::BTreeMap;

use super::names::{Name, kinds, original, parsed};
use super::number::{Number, first_gap};
use crate::error::{Error, Result};
use crate::store::OpenOptions;

/// The files of an image.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SliceOrder {
    /// Indices of the files in the given list, in order along z.
    pub(crate) files: Vec<usize>,
    /// Numbers of channels and time points in the names; `None` if names do not contain them.
    pub(crate) channels: Option<usize>,
    pub(crate) times: Option<usize>,
    /// Warnings about misleading names.
    pub(crate) warnings: Vec<String>,
}

/// The quantity that a number in a name counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counted {
    Depth,
    Channel,
    Time,
    Unknown,
}

/// Letters before the number of a place in the plane, and not of a plane.
const POSITIONS: [&str; 10] = ["pos", "position", "xy", "tile", "stage", "site", "fov", "field", "scene", "series"];
/// What to do about files that are perhaps no planes of one volume.
const PERHAPS: &str = "give --axes z,y,x if that is right, or put each image into a folder of its own";

impl Counted {
    fn of(letters: &str) -> Counted {
        match letters {
            "z" | "slice" | "plane" | "sl" => Counted::Depth,
            "c" | "ch" | "chan" | "channel" | "w" | "wavelength" => Counted::Channel,
            "t" | "time" | "tp" | "timepoint" => Counted::Time,
            _ => Counted::Unknown,
        }
    }
}

/// Orders files by their names, and selects those of the channel and the time point that the options pick.
///
/// # Errors
/// `Data` if a file is a copy of another, is named differently from the rest, or two have the same numbers; `Usage` if
/// one of several varying numbers must be picked, or an option picks one that does not exist. The message names the
/// files.
pub(crate) fn order(files: &[String], options: &OpenOptions) -> Result<SliceOrder> {
    let stems: Vec<String> = files.iter().map(|file| stem(file)).collect();
    refuse_copies(files, &stems)?;
    let names = parsed(&stems);
    let named = kinds(&names);
    let most = named.values().copied().max().unwrap_or(0);
    if most == 1 || files.len() == 1 {
        // Names without a system: in alphabetical order.
        let mut order: Vec<usize> = (0..files.len()).collect();
        order.sort_by(|&a, &b| natural(&names[a], &names[b]));
        refuse_picks(options)?;
        let warnings = match &order[..] {
            [first, .., last] if options.axes.is_none() => vec![format!(
                "its files have no numbers that count planes: they are taken as planes of one volume in the order of their names, \
                 from {} to {}; {PERHAPS}",
                files[*first], files[*last]
            )],
            _ => Vec::new(),
        };
        return Ok(SliceOrder { files: order, warnings, ..SliceOrder::default() });
    }
    let main = named.iter().find(|(_, count)| **count == most).map(|(kind, _)| kind.to_vec()).unwrap_or_default();
    let first = names.iter().position(|name| name.texts == main).unwrap_or(0);
    let varying = varying(&names, &main);
    let odd = (0..files.len()).filter(|&i| names[i].texts != main);
    let mut odd: Vec<usize> = odd.filter(|&i| !continues(&names[i], &names[first], &varying)).collect();
    odd.sort_by_key(|&i| named[&names[i].texts[..]]);
    if let Some(&odd) = odd.first() {
        let (name, like) = (&files[odd], &files[first]);
        let message = if named[&names[odd].texts[..]] == 1 {
            format!("holds {name}, which is no slice by its name (others are like {like}); move it out of the folder")
        } else {
            format!("holds files of several kinds, like {like} and {name}; put those of one image into one folder")
        };
        return Err(Error::data(message));
    }
    Series { files, names, varying, options }.order()
}

/// A name without its extension.
fn stem(file: &str) -> String {
    file.rsplit_once('.').map_or(file, |(stem, _)| stem).to_owned()
}

fn refuse_copies(files: &[String], stems: &[String]) -> Result<()> {
    let places: BTreeMap<String, usize> = stems.iter().enumerate().map(|(i, stem)| (stem.to_lowercase(), i)).collect();
    for (copy, stem) in files.iter().zip(stems) {
        if let Some(&of) = original(stem).and_then(|original| places.get(&original)) {
            return Err(Error::data(format!(
                "holds {copy}, which is a copy of {} by its name; move one of them out of the folder",
                files[of]
            )));
        }
    }
    Ok(())
}

fn refuse_picks(options: &OpenOptions) -> Result<()> {
    for (picked, option) in [(options.channel, "--channel"), (options.time, "--time")] {
        if picked.is_some() {
            let message = format!("has no such number in the names of its files to pick from; leave {option} out");
            return Err(Error::usage(message));
        }
    }
    Ok(())
}

/// The numbers that differ among names of a kind.
fn varying(names: &[Name], kind: &[String]) -> Vec<usize> {
    let of_kind: Vec<&Name> = names.iter().filter(|name| name.texts == kind).collect();
    (0..kind.len() - 1).filter(|&n| of_kind.iter().any(|name| name.numbers[n] != of_kind[0].numbers[n])).collect()
}

/// Returns whether a name of another kind equals one of the main kind up to its last number that differs.
fn continues(name: &Name, like: &Name, varying: &[usize]) -> bool {
    let Some(&last) = varying.last() else { return false };
    name.numbers.len() > last && name.texts[..=last] == like.texts[..=last]
}

/// The order of names by their texts and numbers; the first one that differs decides.
fn natural(a: &Name, b: &Name) -> std::cmp::Ordering {
    for n in 0..a.texts.len().min(b.texts.len()) {
        let order = a.texts[n].cmp(&b.texts[n]);
        let order = order.then_with(|| match (a.numbers.get(n), b.numbers.get(n)) {
            (Some(a), Some(b)) => a.cmp(b).then_with(|| a.text.len().cmp(&b.text.len())),
            (a, b) => a.is_some().cmp(&b.is_some()),
        });
        if order.is_ne() {
            return order;
        }
    }
    a.texts.len().cmp(&b.texts.len())
}

/// Names of one kind, with the numbers that differ.
struct Series<'a> {
    files: &'a [String],
    names: Vec<Name>,
    varying: Vec<usize>,
    options: &'a OpenOptions,
}

impl Series<'_> {
    fn order(self) -> Result<SliceOrder> {
        let counted: Vec<Counted> = self.counted()?;
        let all: Vec<usize> = (0..self.files.len()).collect();
        if let Some(axes) = &self.options.axes
            && !axes.iter().any(|axis| matches!(axis, 'c' | 't'))
        {
            // By the options, all files are planes of one volume.
            refuse_picks(self.options)?;
            let mut files = all;
            files.sort_by(|&a, &b| natural(&self.names[a], &self.names[b]));
            return Ok(SliceOrder { files, ..SliceOrder::default() });
        }
        let depth = self.depth(&counted)?;
        let mut order = SliceOrder { files: all, ..SliceOrder::default() };
        let (mut unpicked, mut found) = (Vec::new(), [None; 2]);
        for (place, (kind, option, picked)) in
            [(Counted::Channel, "--channel", self.options.channel), (Counted::Time, "--time", self.options.time)]
                .into_iter()
                .enumerate()
        {
            let at = counted.iter().position(|&c| c == kind).map(|at| self.varying[at]).filter(|&at| Some(at) != depth);
            let Some(at) = at else {
                if picked.is_some() {
                    let message = format!("has no such number in the names of its files; leave {option} out");
                    return Err(Error::usage(message));
                }
                continue;
            };
            let mut values: Vec<&Number> = self.names.iter().map(|name| &name.numbers[at]).collect();
            values.sort();
            values.dedup();
            found[place] = Some(values.len());
            let letters = self.names[0].letters(at);
            match picked {
                None => unpicked.push(format!("{option} 0 to {} ({letters} in the names)", values.len() - 1)),
                Some(index) => {
                    let value = values.get(index).ok_or_else(|| {
                        let most = values.len() - 1;
                        Error::usage(format!("has no {index} along the axis of {option}; give one from 0 to {most}"))
                    })?;
                    order.files.retain(|&file| self.names[file].numbers[at] == **value);
                }
            }
        }
        if !unpicked.is_empty() {
            let way =
                if depth.is_none() { ", or give --axes z,y,x to take them as the planes of a volume" } else { "" };
            let picks = unpicked.join(" and ");
            return Err(Error::usage(format!("holds the planes of several images; pick one with {picks}{way}")));
        }
        (order.channels, order.times) = (found[0], found[1]);
        if let Some(depth) = depth {
            self.sort(&mut order, depth)?;
        }
        Ok(order)
    }

    /// The quantities that the differing numbers count: according to `--axes`, otherwise to the letters before them.
    fn counted(&self) -> Result<Vec<Counted>> {
        let by_letters = || self.varying.iter().map(|&n| Counted::of(self.names[0].letters(n))).collect();
        let Some(axes) = &self.options.axes else { return Ok(by_letters()) };
        let axes: Vec<char> = axes.iter().copied().filter(|axis| !matches!(axis, 'y' | 'x')).collect();
        if !axes.iter().any(|axis| matches!(axis, 'c' | 't')) {
            return Ok(by_letters());
        }
        if axes.len() != self.varying.len() {
            let message = format!(
                "has {} numbers that differ in the names of its files, but --axes names {} axes before y and x; name as many",
                self.varying.len(),
                axes.len()
            );
            return Err(Error::usage(message));
        }
        let counted = |axis| match axis {
            'c' => Counted::Channel,
            't' => Counted::Time,
            _ => Counted::Depth,
        };
        Ok(axes.into_iter().map(counted).collect())
    }

    /// The number that counts planes along z; `None` if none does.
    fn depth(&self, counted: &[Counted]) -> Result<Option<usize>> {
        let of = |kind| self.varying.iter().zip(counted).filter(move |(_, c)| **c == kind).map(|(n, _)| *n);
        let (depths, unknown): (Vec<usize>, Vec<usize>) =
            (of(Counted::Depth).collect(), of(Counted::Unknown).collect());
        let twice = |kind| of(kind).count() > 1;
        if depths.len() > 1 || twice(Counted::Channel) || twice(Counted::Time) {
            return Err(self.several(&self.varying));
        }
        let candidates = if depths.is_empty() { &unknown } else { &depths };
        match (&candidates[..], &unknown[..]) {
            ([], _) => Ok(None),
            ([one], []) => Ok(Some(*one)),
            ([one], [_]) if depths.is_empty() => Ok(Some(*one)),
            // One of several numbers may count the files, while the others rise with it: dates, times, positions.
            _ => {
                let labelled = unknown.len() + depths.len() < self.varying.len();
                let leads = |&n: &usize| !labelled && self.leads(n);
                candidates.iter().copied().find(leads).map(Some).ok_or_else(|| self.several(&self.varying))
            }
        }
    }

    /// Whether a number differs in all names, and no other falls while it rises.
    fn leads(&self, number: usize) -> bool {
        let mut names: Vec<&Name> = self.names.iter().collect();
        names.sort_by(|a, b| a.numbers[number].cmp(&b.numbers[number]));
        names.windows(2).all(|pair| {
            pair[0].numbers[number] != pair[1].numbers[number]
                && self.varying.iter().all(|&n| pair[0].numbers[n] <= pair[1].numbers[n])
        })
    }

    fn several(&self, varying: &[usize]) -> Error {
        let of = |&n: &usize| {
            let values = || self.names.iter().filter_map(|name| name.numbers.get(n));
            let [low, high] = [values().min(), values().max()].map(|n| n.map_or("", |number| &number.text[..]));
            format!("{}{low} to {}{high}", self.names[0].letters(n), self.names[0].letters(n))
        };
        let ranges: Vec<String> = varying.iter().map(of).collect();
        Error::usage(format!(
            "has {} numbers that differ in the names of its files ({}); put the slices of one image into one folder, \
             or say with --axes what they count, as in --axes c,z,y,x",
            ranges.len(),
            ranges.join(", ")
        ))
    }

    /// Sorts the files by a number, and checks its steps.
    fn sort(&self, order: &mut SliceOrder, depth: usize) -> Result<()> {
        let number = |file: usize| &self.names[file].numbers[depth];
        order.files.sort_by(|&a, &b| number(a).cmp(number(b)));
        if let Some(pair) = order.files.windows(2).find(|pair| number(pair[0]) == number(pair[1])) {
            let [a, b] = [0, 1].map(|i| &self.files[pair[i]]);
            let message = format!("holds {a} and {b}, which have the same number; move one of them out of the folder");
            return Err(Error::data(message));
        }
        let numbers: Vec<&Number> = order.files.iter().map(|&file| number(file)).collect();
        if let Some(gap) = first_gap(&numbers) {
            let [a, b] = [0, 1].map(|i| &self.files[order.files[gap + i]]);
            order.warnings.push(format!(
                "the numbers of its slices have a gap or an uneven step, first between {a} and {b}: planes count as \
                 evenly spaced"
            ));
        }
        if numbers.len() > 1 && numbers.iter().all(|number| number.is_negative()) {
            let [a, b] = [numbers[0], numbers[numbers.len() - 1]].map(|number| &number.text);
            order.warnings.push(format!("the numbers of its slices are read as negative ones, from {a} to {b}"));
        }
        let letters = self.names[0].letters(depth);
        if numbers.len() > 1 && POSITIONS.contains(&letters) {
            order.warnings.push(format!(
                "the names of its files count by \"{letters}\", as positions on a slide do: they are taken as planes of one volume; \
                 {PERHAPS}"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn ordered(files: &[&str], options: &OpenOptions) -> Result<(Vec<String>, Vec<String>)> {
        let files: Vec<String> = files.iter().map(|&file| file.to_owned()).collect();
        let found = order(&files, options)?;
        Ok((found.files.into_iter().map(|file| files[file].clone()).collect(), found.warnings))
    }

    fn plain(files: &[&str]) -> Vec<String> {
        let (files, warnings) = ordered(files, &OpenOptions::default()).unwrap();
        assert_eq!(warnings, Vec::<String>::new());
        files
    }

    fn refused(files: &[&str]) -> (Kind, String) {
        let error = ordered(files, &OpenOptions::default()).unwrap_err();
        (error.kind(), error.to_string())
    }

    #[test]
    fn slices_are_in_the_order_of_their_numbers() {
        let cases: [&[&str]; 8] = [
            &["Slice_1.tif", "slice_2.TIF", "Slice_3.tiff"],
            &["s_9.tif", "s_10.tif", "s_11.tif"],
            &["z_-1.tif", "z_0.tif", "z_1.tif"],
            &["z-1.tif", "z0.tif", "z1.tif"],
            &["z0.tif", "z0.25.tif", "z0.5.tif"],
            &[
                "s_99999999999999999999999998.tif",
                "s_99999999999999999999999999.tif",
                "s_100000000000000000000000000.tif",
            ],
            &["2023-01-05_a_1.tif", "2023-01-05_a_2.tif"],
            // An unlabelled number that rises with the other.
            &["x_1_0907.tif", "x_2_0908.tif", "x_3_0911.tif"],
        ];
        for files in cases {
            let mut turned = files.to_vec();
            turned.reverse();
            assert_eq!(plain(&turned), files);
        }
        let bare = ["b.tif", "a.tif", "c.tif"];
        let (files, warnings) = ordered(&bare, &OpenOptions::default()).unwrap();
        assert_eq!(files, ["a.tif", "b.tif", "c.tif"]);
        assert!(warnings[0].contains("no numbers that count planes") && warnings[0].contains("from a.tif to c.tif"));
        let options = OpenOptions { axes: Some(vec!['z', 'y', 'x']), ..OpenOptions::default() };
        assert_eq!(ordered(&bare, &options).unwrap(), (files, Vec::new()));
    }

    #[test]
    fn gaps_negative_numbers_and_positions_are_said() {
        let (_, warnings) =
            ordered(&["s_1.tif", "s_2.tif", "s_4.tif", "s_5.tif", "s_7.tif"], &OpenOptions::default()).unwrap();
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].contains("first between s_2.tif and s_4.tif"), "{}", warnings[0]);
        let (files, warnings) = ordered(&["s_-1.tif", "s_-2.tif"], &OpenOptions::default()).unwrap();
        assert_eq!(files, ["s_-2.tif", "s_-1.tif"]);
        assert!(warnings[0].contains("negative"), "{}", warnings[0]);
        let (_, warnings) = ordered(&["a_Pos0.tif", "a_Pos1.tif"], &OpenOptions::default()).unwrap();
        assert!(warnings[0].contains("count by \"pos\", as positions on a slide do"), "{}", warnings[0]);
    }

    #[test]
    fn copies_and_names_of_another_kind_are_refused_by_name() {
        let series = ["s_1.tif", "s_2.tif", "s_3.tif"];
        for odd in
            ["s_2 (1).tif", "Copy of s_2.tif", "s_2 - Copy.tif", "s_2 copy 2.tif", "s_spr.tif", "dark.tif", "s_02.tif"]
        {
            let (kind, message) = refused(&[&series[..], &[odd]].concat());
            assert_eq!(kind, Kind::Data);
            assert!(message.contains(odd), "{message}");
        }
        // Without their originals these are ordinary numbers.
        assert_eq!(plain(&["scan (10).tif", "scan (9).tif"]), ["scan (9).tif", "scan (10).tif"]);
        assert!(refused(&["a_1.tif", "a_2.tif", "b_1.tif", "b_2.tif"]).1.contains("several kinds"));
    }

    #[test]
    fn channels_and_time_points_in_the_names_are_picked() {
        let picked = |files: &[&str], channel, time| {
            ordered(files, &OpenOptions { channel, time, ..OpenOptions::default() }).map(|(files, _)| files)
        };
        let leica = ["a_z00_ch00.tif", "a_z00_ch02.tif", "a_z01_ch00.tif", "a_z01_ch02.tif"];
        assert_eq!(picked(&leica, Some(1), None).unwrap(), ["a_z00_ch02.tif", "a_z01_ch02.tif"]);
        let error = picked(&leica, None, None).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        assert!(error.to_string().contains("pick one with --channel 0 to 1"), "{error}");
        assert!(picked(&leica, Some(2), None).is_err() && picked(&leica, Some(0), Some(0)).is_err());
        let fiji = ["i_t1_z1_c1.tif", "i_t1_z2_c1.tif", "i_t2_z1_c1.tif", "i_t2_z2_c1.tif"];
        assert_eq!(picked(&fiji, None, Some(1)).unwrap(), ["i_t2_z1_c1.tif", "i_t2_z2_c1.tif"]);
        let split = ["C1-s0001.tif", "C1-s0002.tif", "C2-s0001.tif", "C2-s0002.tif"];
        assert_eq!(picked(&split, Some(0), None).unwrap(), ["C1-s0001.tif", "C1-s0002.tif"]);
        assert_eq!(picked(&["x_1.tif", "x_2.tif"], Some(0), None).unwrap_err().kind(), Kind::Usage);
    }

    #[test]
    fn numbers_that_could_count_anything_are_refused_and_axes_say_what_they_count() {
        let files = ["p_1_1.tif", "p_1_2.tif", "p_2_1.tif", "p_2_2.tif"];
        let (kind, message) = refused(&files);
        assert_eq!(kind, Kind::Usage);
        assert!(message.contains("2 numbers that differ") && message.contains("--axes"), "{message}");
        let axes =
            |axes: &str, channel| OpenOptions { axes: Some(axes.chars().collect()), channel, ..OpenOptions::default() };
        assert_eq!(ordered(&files, &axes("zyx", None)).unwrap().0, files);
        assert_eq!(ordered(&files, &axes("czyx", Some(1))).unwrap().0, files[2..]);
        assert_eq!(ordered(&files, &axes("zcyx", Some(1))).unwrap().0, ["p_1_2.tif", "p_2_2.tif"]);
        // Planes that are named as time points.
        let times = ["t01.tif", "t02.tif"];
        assert!(refused(&times).1.contains("--axes z,y,x"));
        assert_eq!(ordered(&times, &axes("zyx", None)).unwrap().0, times);
    }
}
