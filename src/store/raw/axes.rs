//! Determines which axes of a stored array are z, y and x, and the index along the others.

use crate::error::{Error, Result};
use crate::store::OpenOptions;
use crate::store::axes::{Axis, AxisSelection, Role, select};

/// An axis this short may hold colours or channels.
const FEW: u64 = 4;

/// The axes of an array, slowest first, by their names: those of `--axes`, otherwise those of the format (`None` if it
/// has none: the last three are then z, y and x, preceded by channels and time).
///
/// Returns the axes that are (z, y, x) or (y, x), in this order, with the index taken along the others, and the names.
///
/// # Errors
/// `Usage` if `--axes` does not fit, or an option must pick; `Data` if the array is not an image.
pub(crate) fn picked(
    lengths: &[u64],
    own: Option<&[char]>,
    options: &OpenOptions,
) -> Result<(AxisSelection, Vec<String>)> {
    let names = match (&options.axes, own) {
        (Some(given), _) if given.len() != lengths.len() => {
            let (count, shape) = (lengths.len(), shape_text(lengths));
            let message = format!("has {count} axes, of lengths {shape}; give --axes as {count} names, slowest first");
            return Err(Error::usage(message));
        }
        (Some(given), _) => given.clone(),
        (None, Some(own)) => own.to_vec(),
        (None, None) => by_place(lengths, options)?,
    };
    let role = |name| match name {
        't' => Role::Time,
        'c' => Role::Channel,
        _ => Role::Space,
    };
    // Axes without a name have length one. They come first here, where they are dropped; z, y and x come last, in this
    // order, whatever their order in the array.
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&a| ['1', 't', 'c', 'z', 'y', 'x'].iter().position(|&name| name == names[a]));
    let axes: Vec<Axis> = order.iter().map(|&a| Axis { role: role(names[a]), length: lengths[a] }).collect();
    let selection = select(&axes, options)?;
    let kept = selection.kept.iter().map(|&a| order[a]).collect();
    let mut fixed = vec![0; lengths.len()];
    for (&a, &index) in order.iter().zip(&selection.fixed) {
        fixed[a] = index;
    }
    Ok((AxisSelection { kept, fixed }, names.iter().map(char::to_string).collect()))
}

/// The names of the axes of an array without names: z, y and x are the last three, without trailing axes of length one.
fn by_place(lengths: &[u64], options: &OpenOptions) -> Result<Vec<char>> {
    let count = lengths.len();
    if count < 2 {
        let axes = if count == 1 { "1 axis" } else { "no axes" };
        return Err(Error::data(format!("has {axes}; save an array of 2 axes (y, x) or 3 axes (z, y, x)")));
    }
    let mut names = vec!['1'; count];
    // Axes of length one behind the image's own: a single channel.
    let mut end = count;
    while end > 3 && lengths[end - 1] == 1 {
        end -= 1;
    }
    let begin = end.saturating_sub(5).max((0..end).take_while(|&a| lengths[a] == 1 && end - a > 3).count());
    if lengths[..begin].iter().any(|&length| length > 1) {
        let message = format!("has {count} axes, of lengths {}", shape_text(lengths));
        return Err(Error::data(message + "; save its images as arrays of three axes (z, y, x)"));
    }
    let inner = &lengths[begin..end];
    if inner.len() > 3 && inner[inner.len() - 1] <= FEW && inner[..inner.len() - 1].iter().any(|&n| n > FEW) {
        let shape = shape_text(lengths);
        let message = format!("has {count} axes, of lengths {shape}, and does not say what they are");
        return Err(Error::usage(message + "; name them with --axes, slowest first, for example --axes z,y,x,c"));
    }
    let outer: &[char] = match inner.len() {
        // One axis before z, y and x is the channel, or time if the caller picks a time.
        4 if options.time.is_some() && options.channel.is_none() => &['t'],
        4 => &['c'],
        5 => &['t', 'c'],
        _ => &[],
    };
    let space = &['z', 'y', 'x'][3 - inner.len().min(3)..];
    for (name, &known) in names[begin..end].iter_mut().zip(outer.iter().chain(space)) {
        *name = known;
    }
    // An option may pick from an axis that was dropped before.
    for (wanted, name) in [(options.channel, 'c'), (options.time, 't')] {
        let free = (0..begin).rev().chain(end..count).find(|&a| names[a] == '1');
        if let (Some(_), Some(free), false) = (wanted, free, names.contains(&name)) {
            names[free] = name;
        }
    }
    Ok(names)
}

/// A warning about an array of three axes without names, the last of which may be channels.
pub(crate) fn doubt(lengths: &[u64]) -> Option<String> {
    let &[z, y, x] = lengths else { return None };
    (x <= FEW && z > 4 * FEW && y > 4 * FEW).then(|| {
        format!(
            "has an axis of length {x} at its end, which is read as x: if it holds channels, give --axes y,x,c and \
             --channel"
        )
    })
}

/// Formats lengths as a shape.
pub(crate) fn shape_text(lengths: &[u64]) -> String {
    lengths.iter().map(u64::to_string).collect::<Vec<_>>().join(" x ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn names(lengths: &[u64]) -> String {
        by_place(lengths, &OpenOptions::default()).unwrap().into_iter().collect()
    }

    #[test]
    fn axes_of_length_one_are_dropped_in_front_and_behind() {
        for (lengths, expected) in [
            (&[1, 5, 6, 7][..], "1zyx"),
            (&[1, 1, 5, 6, 7], "11zyx"),
            (&[5, 6, 7, 1], "zyx1"),
            (&[1, 5, 6, 7, 1, 1], "1zyx11"),
            (&[6, 7], "yx"),
            (&[1, 6, 7], "zyx"),
            (&[3, 5, 6, 7], "czyx"),
            (&[4, 3, 5, 6, 7], "tczyx"),
            (&[1, 1, 4, 3, 5, 6, 7], "11tczyx"),
        ] {
            assert_eq!(names(lengths), expected, "{lengths:?}");
        }
        let plain = OpenOptions::default();
        let kept = |lengths: &[u64]| picked(lengths, None, &plain).unwrap().0.kept;
        assert_eq!(kept(&[5, 6, 7, 1]), [0, 1, 2]);
        assert_eq!(kept(&[1, 1, 1, 6, 7]), [3, 4]);
        assert_eq!(kept(&[1, 6, 7, 1]), [1, 2]);
        assert_eq!(kept(&[1, 6, 7]), [0, 1, 2]);
    }

    #[test]
    fn axes_that_are_given_come_first_and_in_any_order() {
        let given = |axes: &str| OpenOptions { axes: Some(axes.chars().collect()), ..OpenOptions::default() };
        let (selection, _) = picked(&[7, 6, 5], Some(&['z', 'y', 'x']), &given("xyz")).unwrap();
        assert_eq!(selection.kept, [2, 1, 0]);
        let last = OpenOptions { channel: Some(2), ..given("zyxc") };
        let (selection, _) = picked(&[5, 6, 7, 3], None, &last).unwrap();
        assert_eq!(selection, AxisSelection { kept: vec![0, 1, 2], fixed: vec![0, 0, 0, 2] });
        assert_eq!(picked(&[5, 6, 7], None, &given("yx")).unwrap_err().kind(), Kind::Usage);
        let colours = picked(&[50, 60, 3], None, &OpenOptions { channel: Some(1), ..given("yxc") }).unwrap().0;
        assert_eq!(colours, AxisSelection { kept: vec![0, 1], fixed: vec![0, 0, 1] });
    }

    #[test]
    fn what_may_be_meant_in_two_ways_is_asked_for() {
        let asked = |lengths: &[u64]| picked(lengths, None, &OpenOptions::default()).unwrap_err();
        assert!(asked(&[12, 26, 30, 3]).to_string().contains("--axes z,y,x,c"));
        assert!(asked(&[2, 12, 26, 30]).to_string().contains("--channel 0 to 1"));
        assert_eq!(asked(&[30]).kind(), Kind::Data);
        assert_eq!(asked(&[2, 1, 1, 5, 6, 7]).kind(), Kind::Data);
        assert!(doubt(&[26, 30, 3]).is_some() && doubt(&[26, 30, 30]).is_none() && doubt(&[5, 5, 1]).is_none());
        let time = OpenOptions { time: Some(1), ..OpenOptions::default() };
        assert_eq!(picked(&[2, 12, 26, 30], None, &time).unwrap().0.fixed, [1, 0, 0, 0]);
        let first = OpenOptions { time: Some(0), channel: Some(0), ..OpenOptions::default() };
        assert_eq!(picked(&[1, 12, 26, 30, 1], None, &first).unwrap().0.kept, [1, 2, 3]);
        assert!(picked(&[12, 26, 30], None, &time).unwrap_err().to_string().contains("leave --time out"));
    }
}
