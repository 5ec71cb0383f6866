//! The numbers by which samples are compared.

use super::branches::PerBranch;
use super::quantiles::median;
use super::sample::Sample;

/// A number of a sample.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Measure {
    /// Its name in tables.
    pub name: &'static str,
    /// What it is, for people, of volumes.
    title: &'static str,
    /// The same of images, if it differs.
    flat_title: Option<&'static str>,
    /// Whether it is tested where nothing else is asked for.
    pub tested: bool,
    /// If it is a median over branches, of what.
    pub per_branch: Option<PerBranch>,
    /// Which power of a length it is, by the number of axes.
    power: fn(i32) -> i32,
    value: fn(&Sample, &Measure) -> Option<f64>,
}

/// All measures, in the order of tables.
pub const MEASURES: [Measure; 21] = [
    of_branches("branch_length", "median length of a branch", PerBranch::Length).tested(),
    of_branches("chord", "median chord of a branch", PerBranch::Chord),
    of_branches("radius", "median radius of a branch", PerBranch::Radius).tested(),
    of_branches("tortuosity", "median tortuosity of a branch", PerBranch::Tortuosity).tested(),
    density(
        "length_density",
        "length per volume",
        "length per area",
        |n| 1 - n,
        |it, m| it.number("density/length_per_volume", m.power(it.dimensions)),
    )
    .tested(),
    density(
        "branch_density",
        "branches per volume",
        "branches per area",
        |n| -n,
        |it, m| it.number("density/branches_per_volume", m.power(it.dimensions)),
    ),
    density(
        "junction_density",
        "junctions per volume",
        "junctions per area",
        |n| -n,
        |it, m| it.number("density/junctions_per_volume", m.power(it.dimensions)),
    )
    .tested(),
    density("tip_density", "tips per volume", "tips per area", |n| -n, |it, _| per_volume(it, "tips")),
    density("loop_density", "loops per volume", "loops per area", |n| -n, |it, _| per_volume(it, "loops")),
    count("foreground_fraction", "share of foreground", |it, _| it.number("foreground_fraction", 0)),
    count("tip_to_tip", "share of branches between two tips", |it, _| share(it, "tip_to_tip")),
    count("tip_to_junction", "share of branches between tip and junction", |it, _| share(it, "tip_to_junction")),
    count("junction_to_junction", "share of branches between junctions", |it, _| share(it, "junction_to_junction")),
    count("cycle", "share of branches that are cycles", |it, _| share(it, "cycle")),
    count("branches", "branches", |it, _| it.number("branches", 0)),
    count("junctions", "junctions", |it, _| it.number("junctions", 0)),
    count("tips", "tips", |it, _| it.number("tips", 0)),
    count("loops", "loops", |it, _| it.number("loops", 0)),
    count("skeletons", "skeletons", |it, _| it.number("skeletons", 0)),
    density("total_length", "total length", "total length", |_| 1, |it, _| it.number("total_length", 1)),
    density(
        "volume",
        "volume analysed",
        "area analysed",
        |n| n,
        |it, m| it.number("density/image_volume", m.power(it.dimensions)),
    ),
];

const fn of_branches(name: &'static str, title: &'static str, what: PerBranch) -> Measure {
    let power: fn(i32) -> i32 = if matches!(what, PerBranch::Tortuosity) { |_| 0 } else { |_| 1 };
    let value: fn(&Sample, &Measure) -> Option<f64> = |it, m| median(it.values(m.per_branch?));
    Measure { name, title, flat_title: None, tested: false, per_branch: Some(what), power, value }
}

const fn density(
    name: &'static str,
    title: &'static str,
    flat: &'static str,
    power: fn(i32) -> i32,
    value: fn(&Sample, &Measure) -> Option<f64>,
) -> Measure {
    Measure { name, title, flat_title: Some(flat), tested: false, per_branch: None, power, value }
}

const fn count(name: &'static str, title: &'static str, value: fn(&Sample, &Measure) -> Option<f64>) -> Measure {
    Measure { name, title, flat_title: None, tested: false, per_branch: None, power: |_| 0, value }
}

/// A count divided by the volume.
fn per_volume(sample: &Sample, count: &str) -> Option<f64> {
    let volume = sample.number("density/image_volume", sample.dimensions as i32)?;
    Some(sample.number(count, 0)? / volume).filter(|number| number.is_finite())
}

/// The share of branches of a kind.
fn share(sample: &Sample, kind: &str) -> Option<f64> {
    let share = sample.number(&format!("branches_by_kind/{kind}"), 0)? / sample.number("branches", 0)?;
    Some(share).filter(|share| share.is_finite())
}

impl Measure {
    const fn tested(self) -> Measure {
        Measure { tested: true, ..self }
    }

    /// The measure with a name.
    pub fn of(name: &str) -> Option<&'static Measure> {
        MEASURES.iter().find(|measure| measure.name == name)
    }

    /// What it is, for people, of images of 2 or 3 axes.
    pub fn title(&self, dimensions: usize) -> &'static str {
        self.flat_title.filter(|_| dimensions == 2).unwrap_or(self.title)
    }

    /// Which power of a length it is: 1 for lengths, -2 for lengths per volume, 0 for counts and shares.
    pub fn power(&self, dimensions: usize) -> i32 {
        (self.power)(dimensions as i32)
    }

    /// Its unit, if lengths are in a unit with this symbol; empty for counts and shares.
    pub fn unit(&self, dimensions: usize, length: &str) -> String {
        match self.power(dimensions) {
            0 => String::new(),
            1 => length.to_owned(),
            2 => format!("{length}²"),
            3 => format!("{length}³"),
            -1 => format!("1/{length}"),
            -2 => format!("1/{length}²"),
            _ => format!("1/{length}³"),
        }
    }

    /// Its value for a sample, in the sample's unit; `None` if the sample has none, such as a median where there are no
    /// branches.
    pub fn value(&self, sample: &Sample) -> Option<f64> {
        (self.value)(sample, self)
    }
}
