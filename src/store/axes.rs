//! Selects the axes of a stored array that are the image's own, and one index along each of the others.

use crate::error::{Error, Result};
use crate::store::OpenOptions;

/// The meaning of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Time,
    Channel,
    Space,
}

/// An axis of a stored array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Axis {
    pub(crate) role: Role,
    pub(crate) length: u64,
}

/// The part of a stored array that is the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AxisSelection {
    /// Axes of the array that are (z, y, x) or (y, x), in this order.
    pub(crate) kept: Vec<usize>,
    /// The index taken along every axis of the array; 0 along the kept axes.
    pub(crate) fixed: Vec<u64>,
}

/// Refuses an array with more axes than NumPy supports.
///
/// # Errors
/// `Data` if it has more than 64.
pub(crate) fn require_few(count: usize) -> Result<()> {
    const MOST: usize = 64;
    if count <= MOST {
        return Ok(());
    }
    Err(Error::data(format!("has {count} axes, and at most {MOST} are read; save an array of 3 axes (z, y, x)")))
}

#[cfg(feature = "zarr")]
/// The role of an axis by its name.
pub(crate) fn role_of(name: &str) -> Role {
    match name.to_ascii_lowercase().as_str() {
        "t" | "time" => Role::Time,
        "c" | "channel" => Role::Channel,
        _ => Role::Space,
    }
}

#[cfg(feature = "zarr")]
/// The axes of an array, by their names if it has any, otherwise by their position: t, c, z, y, x.
///
/// # Errors
/// If more than three axes longer than one remain for space.
pub(crate) fn axes(shape: &[u64], names: Option<&[String]>, options: &OpenOptions) -> Result<Vec<Axis>> {
    let by_place = |place: usize| match shape.len() - place {
        // One axis before z, y and x is the channel, or time if the caller picks a time.
        4 if shape.len() == 4 && options.time.is_some() && options.channel.is_none() => Role::Time,
        4 => Role::Channel,
        5 => Role::Time,
        _ => Role::Space,
    };
    let mut roles: Vec<Role> = match names {
        Some(names) => names.iter().map(|name| role_of(name)).collect(),
        None => (0..shape.len()).map(by_place).collect(),
    };
    let space = |roles: &[Role]| roles.iter().filter(|&&role| role == Role::Space).count();
    if space(&roles) > 3 {
        roles = (0..shape.len()).map(by_place).collect();
    }
    let axes: Vec<Axis> = roles.iter().zip(shape).map(|(&role, &length)| Axis { role, length }).collect();
    let (early, _) = axes.split_at(shape.len().saturating_sub(5));
    if early.iter().any(|axis| axis.length > 1) {
        return Err(Error::data(format!("has {} axes; write its images as arrays of three axes", shape.len())));
    }
    Ok(axes)
}

/// The image's own axes, and the index taken along the others: the one that the options pick, or the only one.
///
/// An array of two or three axes in space keeps them all. Of more axes, those before the last three are dropped, and z
/// too if its length is one.
///
/// # Errors
/// `Usage` if an option is needed, or picks an index that does not exist; `Data` if fewer than two axes are left.
pub(crate) fn select(axes: &[Axis], options: &OpenOptions) -> Result<AxisSelection> {
    let mut fixed = vec![0; axes.len()];
    let mut unpicked = Vec::new();
    for (role, option, picked) in [(Role::Time, "--time", options.time), (Role::Channel, "--channel", options.channel)]
    {
        let Some(at) = axes.iter().position(|axis| axis.role == role) else {
            if picked.is_some() {
                return Err(Error::usage(format!("has no such axis to pick from; leave {option} out")));
            }
            continue;
        };
        let length = axes[at].length;
        match picked.map(|index| u64::try_from(index).unwrap_or(u64::MAX)) {
            Some(index) if index >= length => {
                let message = format!("has no {index} along the axis of {option}; give one from 0 to {}", length - 1);
                return Err(Error::usage(message));
            }
            Some(index) => fixed[at] = index,
            None if length > 1 => unpicked.push(format!("{option} 0 to {}", length - 1)),
            None => {}
        }
    }
    if !unpicked.is_empty() {
        let message = format!("holds several images; pick one with {}", unpicked.join(" and "));
        return Err(Error::usage(message));
    }
    let mut kept: Vec<usize> = (0..axes.len()).filter(|&a| axes[a].role == Role::Space).collect();
    while kept.len() > 3 || (kept.len() == 3 && axes.len() > 3 && axes[kept[0]].length == 1) {
        kept.remove(0);
    }
    if kept.len() < 2 {
        let message = format!("has {} axis in space; an image has 2 axes (y, x) or 3 axes (z, y, x)", kept.len());
        return Err(Error::data(message));
    }
    Ok(AxisSelection { kept, fixed })
}

#[cfg(all(test, feature = "zarr"))]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn chosen(
        shape: &[u64],
        names: Option<&str>,
        channel: Option<usize>,
        time: Option<usize>,
    ) -> Result<AxisSelection> {
        let options = OpenOptions { channel, time, ..OpenOptions::default() };
        let names: Option<Vec<String>> = names.map(|n| n.chars().map(String::from).collect());
        select(&axes(shape, names.as_deref(), &options)?, &options)
    }

    #[test]
    fn axes_of_length_one_are_dropped_but_not_from_a_plain_volume() {
        assert_eq!(chosen(&[1, 1, 5, 6, 7], None, None, None).unwrap().kept, [2, 3, 4]);
        assert_eq!(chosen(&[1, 1, 1, 6, 7], Some("tczyx"), None, None).unwrap().kept, [3, 4]);
        assert_eq!(chosen(&[1, 6, 7], None, None, None).unwrap().kept, [0, 1, 2]);
        assert_eq!(chosen(&[5, 1, 1], None, None, None).unwrap().kept, [0, 1, 2]);
        assert_eq!(chosen(&[1, 1, 1, 1, 5, 6, 7], None, None, None).unwrap().kept, [4, 5, 6]);
        assert_eq!(chosen(&[3, 6, 7], Some("cyx"), Some(2), None).unwrap().fixed, [2, 0, 0]);
    }

    #[test]
    fn the_options_pick_along_the_other_axes() {
        let both = chosen(&[4, 3, 5, 6, 7], None, Some(2), Some(1)).unwrap();
        assert_eq!(both, AxisSelection { kept: vec![2, 3, 4], fixed: vec![1, 2, 0, 0, 0] });
        assert_eq!(chosen(&[4, 5, 6, 7], None, None, Some(3)).unwrap().fixed[0], 3);
        assert_eq!(chosen(&[4, 5, 6, 7], None, Some(3), None).unwrap().fixed[0], 3);
    }

    #[test]
    fn what_has_to_be_picked_is_said() {
        let error = chosen(&[4, 3, 5, 6, 7], None, None, None).unwrap_err();
        assert_eq!(error.to_string(), "holds several images; pick one with --time 0 to 3 and --channel 0 to 2");
        assert_eq!(error.kind(), Kind::Usage);
        assert!(chosen(&[4, 5, 6, 7], None, Some(4), None).unwrap_err().to_string().contains("from 0 to 3"));
        assert!(chosen(&[5, 6, 7], None, Some(0), None).unwrap_err().to_string().contains("leave --channel out"));
        assert_eq!(chosen(&[7], None, None, None).unwrap_err().kind(), Kind::Data);
        assert_eq!(chosen(&[2, 1, 1, 5, 6, 7], None, None, None).unwrap_err().kind(), Kind::Data);
    }
}
