//! The order of pages as planes: according to the file's description, or to `--axes`.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::one_page::Page;
use super::pages;
use super::stack::{FileDescription, PlaneAxes, Run, Stack};
use crate::error::{Error, Kind, Result};
use crate::store::OpenOptions;
use crate::store::axes::{Axis, Role, select};
use crate::store::ome_xml::base_name;

/// The planes of an image, and the axes from which they were chosen.
#[derive(Debug)]
pub(crate) struct Arranged {
    pub(crate) pages: Vec<Page>,
    /// Number of dimensions: 2 or 3.
    pub(crate) dimensions: usize,
    /// The axes of planes in the file.
    pub(crate) axes: PlaneAxes,
}

/// The pages of the channel and the time point that the options pick.
///
/// # Errors
/// `Data` if the file has other pages than its description; `Usage` if the options do not fit, or one is missing.
pub(crate) fn arrange(
    pages: Vec<Page>,
    described: &FileDescription,
    path: &Path,
    options: &OpenOptions,
) -> Result<Arranged> {
    let named = options.axes.as_deref();
    let (pages, axes) = match (&described.stack, named) {
        (stack, Some(names)) => relabelled(pages, stack.as_ref(), names, path)?,
        (Some(stack), None) => (placed(pages, stack, path)?, stack.axes.clone()),
        (None, None) if pages.len() == 1 => (pages, Vec::new()),
        (None, None) => {
            let planes = pages.len() as u64;
            (pages, vec![('z', planes)])
        }
    };
    let roles = axes.iter().map(|&(name, length)| {
        let role = match name {
            't' => Role::Time,
            'c' => Role::Channel,
            _ => Role::Space,
        };
        Axis { role, length }
    });
    let [height, width] = pages.first().map_or([0; 2], |page| page.shape);
    let space = |length: usize| Axis { role: Role::Space, length: length as u64 };
    let all: Vec<Axis> = roles.chain([space(height), space(width)]).collect();
    let selection = select(&all, options).map_err(|error| unpicked(&axes, described, options).unwrap_or(error))?;
    let planes = axes.len();
    let mut kept = selection.kept;
    // A single plane is an image, unless the options make it a volume.
    let deep = axes.iter().any(|&(name, length)| name == 'z' && (length > 1 || named.is_some()));
    if !deep {
        kept.retain(|axis| *axis >= planes);
    }
    let depth = if deep { axes.iter().find(|(name, _)| *name == 'z').map_or(1, |(_, length)| *length) } else { 1 };
    let mut chosen = Vec::with_capacity(usize::try_from(depth).unwrap_or(0));
    for z in 0..depth {
        let at = |axis: usize| if axes[axis].0 == 'z' { z } else { selection.fixed[axis] };
        let number = (0..planes).fold(0, |number, axis| number * axes[axis].1 + at(axis));
        let page = usize::try_from(number).ok().and_then(|number| pages.get(number));
        chosen.push(page.ok_or_else(|| Error::internal("a plane that no page is of"))?.clone());
    }
    Ok(Arranged { pages: chosen, dimensions: if deep { 3 } else { 2 }, axes })
}

/// The error of a time point or a channel that is not picked.
fn unpicked(axes: &[(char, u64)], described: &FileDescription, options: &OpenOptions) -> Option<Error> {
    let mut picks = Vec::new();
    for (axis, option, picked) in [('t', "--time", options.time), ('c', "--channel", options.channel)] {
        let length = axes.iter().find(|(name, _)| *name == axis).map_or(1, |(_, length)| *length);
        if picked.is_none() && length > 1 {
            let names = &described.channel_names;
            let named = if axis == 'c' && names.len() as u64 == length && length <= 12 {
                format!(" ({})", names.join(", "))
            } else {
                String::new()
            };
            picks.push(format!("{option} 0 to {}{named}", length - 1));
        } else if picked.is_some_and(|index| index as u64 >= length) {
            return None;
        }
    }
    if picks.is_empty() {
        return None;
    }
    let long: Vec<&(char, u64)> = axes.iter().filter(|(_, length)| *length > 1).collect();
    // A z-stack whose writer called its planes something else.
    let way_out = match long[..] {
        [(axis, _)] if options.axes.is_none() => {
            let what = if *axis == 't' { "time points" } else { "channels" };
            format!(", or give --axes z,y,x if what it calls {what} are the planes of a volume")
        }
        _ => String::new(),
    };
    Some(Error::usage(format!("holds several images; pick one with {}{way_out}", picks.join(" and "))))
}

/// The pages in the order of the described planes.
fn placed(pages: Vec<Page>, stack: &Stack, path: &Path) -> Result<Vec<Page>> {
    if let (Some([height, width]), Some(first)) = (stack.size, pages.first())
        && first.shape.map(|n| n as u64) != [height, width]
    {
        return Err(Error::data(format!(
            "has planes of {} x {} pixels, but of {width} x {height} by {}; copy it again, or give --axes z,y,x",
            first.shape[1], first.shape[0], stack.from
        )));
    }
    if stack.runs.is_empty() { in_order(pages, stack) } else { by_runs(pages, stack, path) }
}

/// All described pages, one behind the other. ImageJ writes stacks above 4 GiB as one page with the others right behind
/// it; MetaMorph writes all stacks so, and tifffile on request.
fn in_order(mut pages: Vec<Page>, stack: &Stack) -> Result<Vec<Page>> {
    let (found, named) = (pages.len() as u64, stack.count().unwrap_or(u64::MAX));
    if let ([first], true) = (&pages[..], named > 1 && stack.behind) {
        // If the last plane fits in the file, all do.
        let fits = usize::try_from(named - 1).ok().filter(|last| first.following(*last).is_some());
        let rest: Option<Vec<Page>> = fits.and_then(|last| (1..=last).map(|page| first.following(page)).collect());
        pages.extend(rest.unwrap_or_default());
    }
    if pages.len() as u64 == named { Ok(pages) } else { Err(incomplete(found, named, stack)) }
}

fn incomplete(found: u64, named: u64, stack: &Stack) -> Error {
    let (words, from) = (stack.in_words(), stack.from);
    Error::data(if found < named {
        format!(
            "stopped early: it holds {found} of the {named} planes of {from} ({words}); copy it again, or give --axes \
             z,y,x to read the pages that there are"
        )
    } else {
        format!("has {found} pages, more than the {named} of {from} ({words}); give --axes z,y,x to read all as planes")
    })
}

/// The page of each plane, by the described runs of pages, in this file or in others of its set.
fn by_runs(pages: Vec<Page>, stack: &Stack, path: &Path) -> Result<Vec<Page>> {
    let named = stack.count().unwrap_or(u64::MAX);
    let mut others: BTreeMap<&str, Vec<Page>> = BTreeMap::new();
    for file in stack.runs.iter().filter_map(|run| run.file.as_deref()) {
        if !others.contains_key(file) {
            others.insert(file, sibling(file, stack, path)?);
        }
    }
    let numbers = |pages: &[Page]| -> HashMap<u64, usize> {
        pages.iter().enumerate().map(|(at, page)| (page.number.unwrap_or(0) as u64, at)).collect()
    };
    let own_numbers = numbers(&pages);
    let other_numbers: BTreeMap<&str, HashMap<u64, usize>> =
        others.iter().map(|(name, pages)| (*name, numbers(pages))).collect();
    let mut found: BTreeMap<u64, &Page> = BTreeMap::new();
    let mut used = 0;
    for Run { file, page, plane, count } in &stack.runs {
        let (pages, numbers) = match file.as_deref() {
            Some(name) => (&others[name], &other_numbers[name]),
            None => (&pages, &own_numbers),
        };
        // Pages that are left out, such as smaller copies, are counted among those of the file.
        let rest = |at: &usize| count.is_none() && pages[*at].number.unwrap_or(0) as u64 >= *page;
        let counted = (0..count.unwrap_or(0)).map_while(|step| numbers.get(&page.checked_add(step)?).copied());
        for (step, at) in (0..).zip(counted.chain((0..pages.len()).filter(rest))) {
            let plane = plane.saturating_add(step);
            if plane >= named {
                return Err(incomplete(pages.len() as u64, named, stack));
            }
            if found.insert(plane, &pages[at]).is_some() {
                return Err(Error::data(format!(
                    "names two pages for one plane in {}; save it again, or give --axes z,y,x",
                    stack.from
                )));
            }
            used += u64::from(file.is_none());
        }
    }
    if (found.len() as u64) < named {
        return Err(incomplete(found.len() as u64, named, stack));
    }
    if used < pages.len() as u64 {
        return Err(incomplete(pages.len() as u64, used, stack));
    }
    Ok(found.into_values().cloned().collect())
}

/// The pages of another file of a set, beside the given one.
fn sibling(file: &str, stack: &Stack, path: &Path) -> Result<Vec<Page>> {
    let beside = path.with_file_name(base_name(file));
    pages::pages(&beside).map(|read| read.pages).map_err(|error| match error.kind() {
        Kind::Missing => {
            let mut files: Vec<&str> = stack.runs.iter().filter_map(|run| run.file.as_deref()).collect();
            files.sort_unstable();
            files.dedup();
            Error::data(format!(
                "is one of {} files of an image, of which {file} is not beside it; put them into one folder, or give \
                 --axes z,y,x to read this file alone",
                files.len() + 1
            ))
        }
        _ => error,
    })
}

/// The pages with the axes that the options name.
fn relabelled(pages: Vec<Page>, stack: Option<&Stack>, names: &[char], path: &Path) -> Result<(Vec<Page>, PlaneAxes)> {
    let Some(names) = names.strip_suffix(&['y', 'x']) else {
        let given: Vec<String> = names.iter().map(char::to_string).collect();
        let message = format!("has planes of y and x; give --axes with y,x at its end instead of {}", given.join(","));
        return Err(Error::usage(message));
    };
    let long = stack.map_or(0, |stack| stack.axes.iter().filter(|(_, length)| *length > 1).count());
    let pages = match stack {
        // Another name for the only axis: its planes in their order.
        Some(stack) if long == 1 && names.len() == 1 && !stack.runs.is_empty() => {
            placed(pages.clone(), stack, path).unwrap_or(pages)
        }
        Some(stack) if pages.len() == 1 && stack.behind && !names.is_empty() => in_order(pages, stack)?,
        _ => pages,
    };
    let total = pages.len() as u64;
    if names.is_empty() && total > 1 {
        return Err(Error::usage(format!("has {total} pages; give --axes with an axis for them, as in z,y,x")));
    }
    if let [one] = names {
        return Ok((pages, vec![(*one, total)]));
    }
    // Writers that do not know an axis put a length of one.
    let known = |name: char| stack.map(|stack| stack.length(name)).filter(|length| *length > 1);
    let product: u64 = names.iter().filter_map(|&name| known(name)).fold(1, u64::saturating_mul);
    let unknown: Vec<char> = names.iter().copied().filter(|&name| known(name).is_none()).collect();
    let rest = total.checked_div(product).filter(|rest| rest * product == total);
    let axes = rest.and_then(|rest| match unknown[..] {
        [] if rest != 1 => None,
        [_, _, ..] if rest != 1 => None,
        _ => Some(names.iter().map(|&name| (name, known(name).unwrap_or(rest))).collect()),
    });
    axes.map(|axes| (pages, axes)).ok_or_else(|| {
        let given: Vec<String> = names.iter().map(char::to_string).collect();
        let lengths = names.iter().filter_map(|&name| Some(format!("{} along {name}", known(name)?)));
        let lengths: Vec<String> = lengths.collect();
        let known = if lengths.is_empty() { "no lengths of them".to_owned() } else { lengths.join(" and ") };
        Error::usage(format!(
            "has {total} pages and {known} in its metadata, which does not say how long {},y,x are; give --axes z,y,x",
            given.join(",")
        ))
    })
}

#[cfg(test)]
mod tests;
