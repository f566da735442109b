//! What whoever takes an artefact gets beside what the build was asked for.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;

use super::{tar, zip};

/// Programs in whose place no wheel of the catalogue has anything to be run.
const PROGRAMS: [&str; 6] = ["python", "python3", "pip", "git", "sh", "sudo"];

/// Whether the name of a wheel has a build tag.
#[must_use]
pub fn is_tagged(name: &str) -> bool {
    name.strip_suffix(".whl").is_some_and(|stem| stem.split('-').count() == 6)
}

/// Whether a member is, once installed, a file that every start of the interpreter runs: one that it
/// looks for beside the packages, or one of its own library.
#[must_use]
pub fn starts(name: &str) -> bool {
    let inner = match name.split_once(".data/") {
        None => name,
        Some((_, inner)) => {
            let library = inner.strip_prefix("data/lib/python");
            if library.is_some_and(|inner| !inner.contains("-packages/")) {
                return true;
            }
            let packages = inner.split_once("site-packages/").map(|(_, inner)| inner);
            let scheme = inner.strip_prefix("purelib/").or_else(|| inner.strip_prefix("platlib/"));
            packages.or(scheme).unwrap_or("elsewhere/")
        }
    };
    let (first, deeper) = inner.split_once('/').map_or((inner, false), |(first, _)| (first, true));
    let customises = ["sitecustomize", "usercustomize"].iter().any(|it| first.starts_with(it));
    let configures = [".pth", ".start"].iter().any(|suffix| first.ends_with(suffix));
    customises || (configures && !deeper)
}

/// Whether a member is, once installed, what an installer takes for a release that is there, and not
/// the one of the wheel's own name: the last part of its path that ends as such a name does.
#[must_use]
pub fn is_of_another(wheel: &str, member: &str) -> bool {
    let mut stem = wheel.splitn(3, '-');
    let own = match (stem.next(), stem.next()) {
        (Some(name), Some(version)) => format!("{name}-{version}.dist-info"),
        _ => return false,
    };
    let ends = [".dist-info", ".egg-info", ".egg-link"];
    let place = member.split_once(".data/").map_or(member, |(_, inner)| inner);
    let is_release = |part: &str| ends.iter().any(|end| part.ends_with(end));
    place.split('/').find(|part| is_release(part)).is_some_and(|part| part != own)
}

/// Whether a member is, once installed, a file that a shell runs when somebody enters an environment
/// of conda.
#[must_use]
pub fn enters(name: &str) -> bool {
    let place = name.split_once(".data/data/").map_or("", |(_, inner)| inner);
    ["etc/conda/activate.d/", "etc/conda/deactivate.d/"].iter().any(|dir| place.starts_with(dir))
}

/// The names of the programs that a wheel installs, by its data, its scripts or its entry points.
#[must_use]
pub fn programs(members: &[zip::Member]) -> Vec<String> {
    let installed = members.iter().filter_map(|member| {
        let (_, inner) = member.name.split_once(".data/")?;
        let name = inner.strip_prefix("scripts/").or_else(|| inner.strip_prefix("data/bin/"))?;
        Some(name.to_owned())
    });
    installed.chain(entry_points(members)).collect()
}

/// The names of the programs that an installer makes of a wheel's entry points.
fn entry_points(members: &[zip::Member]) -> Vec<String> {
    let is_list = |member: &&zip::Member| member.name.ends_with(".dist-info/entry_points.txt");
    let Some(member) = members.iter().find(is_list) else { return Vec::new() };
    let text = String::from_utf8_lossy(&member.content).into_owned();
    let (mut names, mut makes_programs) = (Vec::new(), false);
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            makes_programs = matches!(line, "[console_scripts]" | "[gui_scripts]");
        } else if makes_programs && let Some((name, _)) = line.split_once('=') {
            names.push(name.trim().to_owned());
        }
    }
    names
}

/// Whether a program of this name is run in the place of another.
#[must_use]
pub fn replaces(name: &str) -> bool {
    PROGRAMS.contains(&name)
}

/// Whether there is a second archive in the bytes of the first, which ends with the one record that
/// each archive has.
#[must_use]
pub fn is_hidden(archive: &[u8]) -> bool {
    archive.windows(4).filter(|four| *four == b"PK\x05\x06").count() > 1
}

/// Whether two names differ only in case.
pub fn has_twins(mut names: impl Iterator<Item = String>) -> bool {
    let (mut exact, mut folded) = (BTreeSet::new(), BTreeSet::new());
    names.any(|name| {
        let twin = !folded.insert(name.to_lowercase());
        exact.insert(name) && twin
    })
}

/// Whether a member's own header has another name than the one before it, and not the beginning of
/// it, for which alone there may be room.
#[must_use]
pub fn has_two_names(member: &tar::Member) -> bool {
    !member.name.starts_with(&member.own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_honest_is_none_of_it() {
        assert!(!is_tagged("x-1-py3-none-any.whl") && !is_tagged("x-1-2-3-4-5.tar.gz"));
        for name in ["x/a.pth", "x/sitecustomize.py", "x-1.data/data/share/x.pth", "x.py"] {
            assert!(!starts(name), "{name}");
        }
        let wheel = "x-1-py3-none-any.whl";
        for name in ["x-1.dist-info/METADATA", "x-1.data/purelib/x/y.py", "x/y-2.dist"] {
            assert!(!is_of_another(wheel, name), "{name}");
        }
        assert!(!enters("x/etc/conda/activate.d/x.sh") && !enters("x-1.data/data/etc/x.sh"));
        let list = b"[console_scripts]\nx = x:y\n[other]\npip = x:y\n";
        let member = zip::Member {
            name: "x-1.dist-info/entry_points.txt".to_owned(),
            content: list.to_vec(),
            ..zip::Member::default()
        };
        let named = |name: &str| zip::Member { name: name.to_owned(), ..zip::Member::default() };
        let data = named("x-1.data/data/bin/y");
        assert_eq!(programs(&[member, data, named("bin/z")]), ["y", "x"]);
        assert!(!has_twins(["a", "b", "a"].map(str::to_owned).into_iter()));
        let cut =
            tar::Member { name: "a/long".into(), own: "a/lo".into(), ..tar::Member::default() };
        assert!(!has_two_names(&cut));
    }

    #[test]
    fn start_up_files_are_known_by_their_place() {
        for name in [
            "x.pth",
            "x-1.data/purelib/x.start",
            "sitecustomize/__init__.py",
            "x-1.data/data/lib/python3.11/os.py",
        ] {
            assert!(starts(name), "{name}");
        }
    }
}
