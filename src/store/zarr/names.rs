//! Determines which axes of an array are z, y and x, by their names in its metadata.

use super::ome::AxisWords;
use crate::error::{Error, Result};
use crate::store::OpenOptions;
use crate::store::axes::{Axis, AxisSelection, Role, axes, select};

/// The image's own axes in an array, and the names of all axes.
#[derive(Debug, PartialEq)]
pub(crate) struct Chosen {
    pub(crate) selection: AxisSelection,
    /// A name for each axis of the array.
    pub(crate) labels: Vec<String>,
    /// The letter of each axis, if it is known to be one of `t`, `c`, `z`, `y` and `x`.
    pub(crate) letters: Vec<Option<char>>,
}

/// The image's own axes, determined by the option `--axes`, by OME metadata, by the array's own names, otherwise by
/// position. They are in their order in the array; with `--axes` in the order z, y, x.
///
/// # Errors
/// `Usage` if an option is needed or does not fit; `Data` if names contradict each other, or are insufficient.
pub(crate) fn choose(
    shape: &[u64],
    words: Option<&[AxisWords]>,
    own: Option<&[String]>,
    options: &OpenOptions,
) -> Result<Chosen> {
    if let Some(given) = &options.axes {
        if given.len() != shape.len() {
            let (count, named) = (shape.len(), given.len());
            let lengths = shape.iter().map(u64::to_string).collect::<Vec<_>>().join(" x ");
            let message = format!("has {count} axes ({lengths}), but --axes names {named}; name each, slowest first");
            return Err(Error::usage(message));
        }
        let labels: Vec<String> = given.iter().map(char::to_string).collect();
        return by_names(shape, given.iter().copied().map(Some).collect(), labels, options);
    }
    let own: Option<Vec<&str>> = own.map(|names| names.iter().map(String::as_str).collect());
    let told: Option<Vec<&str>> = words.and_then(|words| words.iter().map(|words| words.name.as_deref()).collect());
    for names in [&told, &own].into_iter().flatten() {
        if names.len() != shape.len() {
            let (count, named) = (shape.len(), names.len());
            let message = format!("has {count} axes, but its metadata name {named}; say what they are with --axes");
            return Err(Error::data(message));
        }
    }
    let known = |names: &[&str]| -> Vec<Option<char>> { names.iter().map(|name| letter(name)).collect() };
    let letters = told.as_ref().map(|names| {
        let kinds = words.unwrap_or_default().iter().map(|words| words.kind);
        names.iter().zip(kinds).map(|(name, kind)| match kind {
            Some(Role::Time) => Some('t'),
            Some(Role::Channel) => Some('c'),
            Some(Role::Space) => letter(name).filter(|letter| "zyx".contains(*letter)),
            None => letter(name),
        })
    });
    let letters: Option<Vec<Option<char>>> = letters.map(Iterator::collect);
    if let (Some(letters), Some(told), Some(own)) = (&letters, &told, &own) {
        let differ = |(a, b): (&Option<char>, Option<char>)| a.is_some() && b.is_some() && *a != b;
        if letters.iter().zip(known(own)).any(differ) {
            let (told, own) = (told.join(", "), own.join(", "));
            let message =
                format!("has the axes ({told}) by its OME metadata and ({own}) by its own; say which with --axes");
            return Err(Error::data(message));
        }
    }
    let named = letters.zip(told).or_else(|| own.map(|names| (known(&names), names)));
    match named.filter(|(letters, _)| letters.iter().any(Option::is_some)) {
        Some((letters, names)) => by_names(shape, letters, names.into_iter().map(str::to_owned).collect(), options),
        None => {
            let axes = axes(shape, None, options)?;
            let selection = select(&axes, options)?;
            let mut letters: Vec<Option<char>> = axes
                .iter()
                .map(|axis| match axis.role {
                    Role::Time => Some('t'),
                    Role::Channel => Some('c'),
                    Role::Space => None,
                })
                .collect();
            let own = ["z", "y", "x"].into_iter().skip(3 - selection.kept.len());
            selection.kept.iter().zip(own).for_each(|(&axis, name)| letters[axis] = name.chars().next());
            let labels = letters.iter().map(|letter| letter.map_or_else(|| "?".to_owned(), String::from)).collect();
            Ok(Chosen { selection, labels, letters })
        }
    }
}

fn by_names(
    shape: &[u64],
    mut letters: Vec<Option<char>>,
    labels: Vec<String>,
    options: &OpenOptions,
) -> Result<Chosen> {
    let names = labels.join(", ");
    for letter in ['t', 'c', 'z', 'y', 'x'] {
        if letters.iter().filter(|&&it| it == Some(letter)).count() > 1 {
            let message = format!("has several axes {letter} by its metadata ({names}); say what they are with --axes");
            return Err(Error::data(message));
        }
    }
    let is_space = |letter: &Option<char>| !matches!(letter, Some('t' | 'c'));
    let space = |letters: &[Option<char>]| -> Vec<usize> {
        (0..letters.len()).filter(|&axis| is_space(&letters[axis])).collect()
    };
    // Of more than three axes, one without a known name is an axis to pick from, unless it has length one.
    while space(&letters).len() > 3 {
        let free = ['c', 't'].into_iter().find(|&letter| !letters.contains(&Some(letter)));
        let unknown = |axis: &usize| letters[*axis].is_none();
        let single = space(&letters).into_iter().filter(unknown).find(|&axis| shape[axis] == 1);
        let other = space(&letters).into_iter().find(unknown);
        let Some((axis, letter)) = single.or(other).zip(free) else {
            let message = format!("has the axes ({names}), of which three at most may be in space; give --axes");
            return Err(Error::data(message));
        };
        letters[axis] = Some(letter);
    }
    let mut own = space(&letters);
    let place = |letter: char| "zyx".find(letter);
    if own.iter().all(|&axis| letters[axis].is_some()) {
        // Results are along the array's own axes, unless the caller chooses others.
        if options.axes.is_some() {
            own.sort_by_key(|&axis| letters[axis].and_then(place));
        }
    } else {
        let fits = |(at, &axis): (usize, &usize)| {
            letters[axis].and_then(place).is_none_or(|place| place == at + 3 - own.len())
        };
        if !own.iter().enumerate().all(fits) {
            let message = format!(
                "has the axes ({names}), which do not say which is z, y and x; say it with --axes, as in z,y,x"
            );
            return Err(Error::data(message));
        }
    }
    let order: Vec<usize> = (0..shape.len()).filter(|&axis| !is_space(&letters[axis])).chain(own.clone()).collect();
    let axis = |&axis: &usize| {
        let role = match letters[axis] {
            Some('t') => Role::Time,
            Some('c') => Role::Channel,
            _ => Role::Space,
        };
        Axis { role, length: shape[axis] }
    };
    let picked = select(&order.iter().map(axis).collect::<Vec<_>>(), options)?;
    let kept: Vec<usize> = picked.kept.iter().map(|&place| order[place]).collect();
    let mut fixed = vec![0; shape.len()];
    order.iter().zip(&picked.fixed).for_each(|(&axis, &index)| fixed[axis] = index);
    for (&axis, name) in kept.iter().zip(["z", "y", "x"].into_iter().skip(3 - kept.len())) {
        letters[axis] = letters[axis].or(name.chars().next());
    }
    Ok(Chosen { selection: AxisSelection { kept, fixed }, labels, letters })
}

/// The letter of an axis by its name, if known.
fn letter(name: &str) -> Option<char> {
    Some(match name.trim().to_lowercase().as_str() {
        "t" | "time" | "times" | "timepoint" | "timepoints" | "frame" | "frames" => 't',
        "c" | "ch" | "channel" | "channels" | "color" | "colour" | "band" | "wavelength" | "rgb" | "s" | "sample"
        | "samples" => 'c',
        "z" | "depth" | "plane" | "planes" | "pln" | "slice" | "slices" | "section" => 'z',
        "y" | "height" | "row" | "rows" => 'y',
        "x" | "width" | "col" | "cols" | "column" | "columns" => 'x',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(shape: &[u64], names: &str, options: &OpenOptions) -> Result<AxisSelection> {
        let names: Vec<String> = names.split(',').map(str::to_owned).collect();
        choose(shape, None, Some(&names), options).map(|chosen| chosen.selection)
    }

    fn kept(shape: &[u64], names: &str) -> Vec<usize> {
        chosen(shape, names, &OpenOptions::default()).unwrap().kept
    }

    #[test]
    fn names_say_which_axis_is_which_in_any_order_and_case() {
        assert_eq!(kept(&[5, 6, 7], "z,y,x"), [0, 1, 2]);
        assert_eq!(kept(&[5, 6, 7], "x,y,z"), [0, 1, 2]);
        assert_eq!(kept(&[5, 6, 7], "Y,X,Z"), [0, 1, 2]);
        assert_eq!(kept(&[5, 6, 7], "depth,height,width"), [0, 1, 2]);
        assert_eq!(kept(&[5, 6, 7], "row,col,plane"), [0, 1, 2]);
        assert_eq!(kept(&[1, 1, 5, 6, 7], "T,C,Z,Y,X"), [2, 3, 4]);
        assert_eq!(kept(&[6, 7, 1], "y,x,c"), [0, 1]);
        assert_eq!(kept(&[1, 6, 7], "q,y,x"), [0, 1, 2]);
        assert_eq!(kept(&[6, 7], "lat,lon"), [0, 1]);
        assert_eq!(kept(&[7, 6], "x,y"), [0, 1]);
        assert_eq!(kept(&[1, 5, 6, 7], "tile,x,y,z"), [1, 2, 3]);
    }

    #[test]
    fn an_axis_that_has_to_be_picked_along_is_found_by_its_name() {
        let options = OpenOptions { channel: Some(2), ..OpenOptions::default() };
        let last = chosen(&[5, 6, 7, 3], "z,y,x,channel", &options).unwrap();
        assert_eq!(last, AxisSelection { kept: vec![0, 1, 2], fixed: vec![0, 0, 0, 2] });
        let unknown = chosen(&[5, 6, 7, 3], "z,y,x,angle", &options).unwrap();
        assert_eq!(unknown, last);
        let error = chosen(&[5, 6, 7, 3], "z,y,x,angle", &OpenOptions::default()).unwrap_err();
        assert!(error.to_string().contains("pick one with --channel 0 to 2"), "{error}");
    }

    #[test]
    fn names_that_do_not_say_it_are_refused_and_the_option_is_believed() {
        let refused = |names: &str| chosen(&[5, 6, 7], names, &OpenOptions::default()).unwrap_err().to_string();
        for names in ["x,a,b", "y,x,a", "x,x,y", "y,x"] {
            assert!(refused(names).contains("--axes"), "{names}: {}", refused(names));
        }
        let options = |axes: &str| OpenOptions { axes: Some(axes.chars().collect()), ..OpenOptions::default() };
        assert_eq!(chosen(&[5, 6, 7], "t,y,x", &options("zyx")).unwrap().kept, [0, 1, 2]);
        assert_eq!(chosen(&[5, 6, 7], "x,a,b", &options("xyz")).unwrap().kept, [2, 1, 0]);
        let error = chosen(&[5, 6, 7], "t,y,x", &options("yx")).unwrap_err().to_string();
        assert!(error.contains("has 3 axes (5 x 6 x 7), but --axes names 2"), "{error}");
    }

    #[test]
    fn two_statements_on_one_axis_that_differ_are_refused() {
        let words =
            |names: [&str; 3]| names.map(|name| AxisWords { name: Some(name.to_owned()), ..AxisWords::default() });
        let own = ["z", "y", "x"].map(str::to_owned);
        let options = OpenOptions::default();
        let error = choose(&[5, 6, 7], Some(&words(["x", "y", "z"])), Some(&own), &options).unwrap_err();
        assert!(error.to_string().contains("(x, y, z) by its OME metadata and (z, y, x) by its own"), "{error}");
        let agreeing = choose(&[5, 6, 7], Some(&words(["depth", "y", "any"])), Some(&own), &options).unwrap();
        assert_eq!(agreeing.selection.kept, [0, 1, 2]);
    }
}
