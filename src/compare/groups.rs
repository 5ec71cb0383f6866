//! Which samples belong to which group.

use std::fs;
use std::path::{Path, PathBuf};

use super::sample::Sample;
use crate::error::{Error, Result};
use crate::store::resolved;

/// A group, as a user names it: `healthy=A,B,C`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRule {
    /// Its name.
    pub name: String,
    /// Its samples: folders, names, or patterns of these with `*` and `?`.
    pub members: Vec<String>,
}

/// The groups of a comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Groups {
    /// Their names, in the order in which they were given.
    pub names: Vec<String>,
    /// The samples of each, by their numbers, ascending.
    pub members: Vec<Vec<usize>>,
    /// Whether they were asked for; otherwise each sample is a group of its own.
    pub asked: bool,
}

impl GroupRule {
    /// From its text. Several members are separated by commas; a path that exists may have commas itself.
    ///
    /// # Errors
    /// `Usage` if the text is no name with members.
    pub fn parse(text: &str) -> Result<GroupRule> {
        let parts = text.split_once('=').filter(|(name, members)| !name.trim().is_empty() && !members.is_empty());
        let Some((name, members)) = parts else {
            let message = format!("--group {text}: give a name and its samples, such as healthy=A,B,C");
            return Err(Error::usage(message));
        };
        let members = match Path::new(members).exists() {
            true => vec![members.to_owned()],
            false => members.split(',').map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect(),
        };
        Ok(GroupRule { name: name.trim().to_owned(), members })
    }

    /// Refuses groups whose members fit none of some names, or one name twice.
    ///
    /// # Errors
    /// `Usage` if a member names no sample, a sample is in two groups, or there is only one group.
    pub fn check(rules: &[GroupRule], names: &[String]) -> Result<()> {
        if rules.is_empty() {
            return Ok(());
        }
        Groups::of_named(rules, names, |member, at| fits(member, &names[at])).map(|_| ())
    }

    /// The rules without members that fit none of some names, and without groups that have no members then.
    pub fn of_names(rules: &[GroupRule], names: &[String]) -> Vec<GroupRule> {
        let is_there = |member: &&String| names.iter().any(|name| fits(member, name));
        let left = rules.iter().map(|rule| {
            let members = rule.members.iter().filter(is_there).cloned().collect();
            GroupRule { name: rule.name.clone(), members }
        });
        left.filter(|rule| !rule.members.is_empty()).collect()
    }

    /// The name of the group that a sample with some name is in.
    pub fn group_of<'r>(rules: &'r [GroupRule], name: &str) -> Option<&'r str> {
        let fitting = rules.iter().find(|rule| rule.members.iter().any(|member| fits(member, name)));
        fitting.map(|rule| rule.name.as_str())
    }

    /// The folders that the members of some groups name and that are not among `known`: those that exist, and those that fit
    /// a pattern.
    pub fn more_folders(rules: &[GroupRule], known: &[PathBuf]) -> Vec<PathBuf> {
        let mut folders: Vec<PathBuf> = known.to_vec();
        for member in rules.iter().flat_map(|rule| &rule.members) {
            if known.iter().any(|folder| names(member, folder)) {
                continue;
            }
            let found =
                if Path::new(member).exists() { vec![PathBuf::from(member)] } else { fitting(Path::new(member)) };
            for folder in found {
                if !folders.iter().any(|other| resolved(other) == resolved(&folder)) {
                    folders.push(folder);
                }
            }
        }
        folders.split_off(known.len())
    }
}

impl Groups {
    /// Each sample in a group of its own.
    pub fn of_each(samples: &[Sample]) -> Groups {
        let names = samples.iter().map(|sample| sample.name.clone()).collect();
        Groups { names, members: (0..samples.len()).map(|at| vec![at]).collect(), asked: false }
    }

    /// The groups that rules make of samples, and the samples that are in none. Rules with the same name are one group.
    ///
    /// # Errors
    /// `Usage` if a member names no sample, a sample is in two groups, or there is only one group.
    pub fn of_rules(rules: &[GroupRule], samples: &[Sample]) -> Result<(Groups, Vec<usize>)> {
        let samples_names: Vec<String> = samples.iter().map(|sample| sample.name.clone()).collect();
        let is_member = |member: &str, at: usize| names(member, &samples[at].folder) || fits(member, &samples[at].name);
        Groups::of_named(rules, &samples_names, is_member)
    }

    fn of_named(
        rules: &[GroupRule],
        samples: &[String],
        is_member: impl Fn(&str, usize) -> bool,
    ) -> Result<(Groups, Vec<usize>)> {
        let mut groups = Groups { asked: true, ..Groups::default() };
        let mut group_of: Vec<Option<usize>> = vec![None; samples.len()];
        for rule in rules {
            let group = groups.names.iter().position(|name| *name == rule.name).unwrap_or_else(|| {
                groups.names.push(rule.name.clone());
                groups.names.len() - 1
            });
            for member in &rule.members {
                let found: Vec<usize> = (0..samples.len()).filter(|&at| is_member(member, at)).collect();
                if found.is_empty() {
                    let message = format!("--group {}: {member} is none of the samples; check its name", rule.name);
                    return Err(Error::usage(message));
                }
                for at in found {
                    match group_of[at].replace(group) {
                        Some(other) if other != group => {
                            let (sample, other) = (&samples[at], &groups.names[other]);
                            let message = format!("{sample} is in two groups, {other} and {}; give it one", rule.name);
                            return Err(Error::usage(message));
                        }
                        _ => {}
                    }
                }
            }
        }
        if groups.names.len() < 2 {
            let message = "one --group has nothing to be compared with; give another one";
            return Err(Error::usage(message));
        }
        let members = |group| (0..samples.len()).filter(|&at| group_of[at] == Some(group)).collect();
        groups.members = (0..groups.names.len()).map(members).collect();
        let left_out = (0..samples.len()).filter(|&at| group_of[at].is_none()).collect();
        Ok((groups, left_out))
    }
}

/// Whether a member of a group is a folder, by its path, its last part or a pattern.
fn names(member: &str, folder: &Path) -> bool {
    let path = folder.to_string_lossy();
    let last = folder.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let (member, path) = (member.trim_end_matches('/'), path.trim_end_matches('/'));
    fits(member, path)
        || fits(member, &last)
        || Path::new(member).exists() && resolved(Path::new(member)) == resolved(folder)
}

/// The folders on disk that fit a path whose last part is a pattern, by name.
fn fitting(pattern: &Path) -> Vec<PathBuf> {
    let Some(last) = pattern.file_name().map(|name| name.to_string_lossy()).filter(|name| name.contains(['*', '?']))
    else {
        return Vec::new();
    };
    let parent = pattern.parent().unwrap_or(Path::new(""));
    let shown = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let entries = fs::read_dir(shown).into_iter().flatten().flatten();
    let names = entries.filter(|entry| entry.path().join("run.json").is_file()).map(|entry| entry.file_name());
    let mut found: Vec<PathBuf> =
        names.filter(|name| fits(&last, &name.to_string_lossy())).map(|name| parent.join(name)).collect();
    found.sort();
    found
}

/// Whether a text fits a pattern, in which `*` stands for any characters and `?` for one.
fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where the last star was, and how far the text is that it stands for.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == '?' || c == text[t] => (p, t) = (p + 1, t + 1),
            _ => match &mut star {
                Some((at, end)) => {
                    *end += 1;
                    (p, t) = (*at + 1, *end);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_shells() {
        for (pattern, text) in [("a*", "abc"), ("*", ""), ("a?c", "abc"), ("*b*c", "abbc"), ("a", "a"), ("**", "x")] {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("a*", "ba"), ("?", ""), ("a?", "a"), ("*b", "abc"), ("", "a")] {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_rule_is_a_name_with_members() {
        let rule = GroupRule::parse("healthy=a, b,,c").unwrap();
        assert_eq!((rule.name.as_str(), rule.members), ("healthy", ["a", "b", "c"].map(str::to_owned).to_vec()));
        for text in ["healthy", "=a", "healthy=", " =a"] {
            assert!(GroupRule::parse(text).unwrap_err().to_string().contains("healthy=A,B,C"), "{text}");
        }
    }
}
