//! What a hook asks an installer for, and whether that is more than a name.
#![forbid(unsafe_code)]

use super::super::evidence::Evidence;
use crate::catalogue::attack::Demanded;

/// A returned requirement of the kind `what`.
#[must_use]
pub fn returned(evidence: &Evidence, what: Demanded) -> Option<String> {
    let lists = evidence.items.iter().filter(|(hook, _)| hook.starts_with("get_requires"));
    let mut requirements = lists.flat_map(|(hook, items)| items.iter().map(move |it| (hook, it)));
    let (hook, _) = requirements.find(|(_, requirement)| demands(requirement, what))?;
    let asks = match what {
        Demanded::Url => "to fetch an address",
        Demanded::Argument => "to take an option",
        Demanded::Path => "to read a path",
        Demanded::Archive => "to build a file",
    };
    Some(format!("{hook} returned a requirement that asks an installer {asks}"))
}

fn demands(requirement: &str, what: Demanded) -> bool {
    let text = requirement.trim();
    let reference = text.split_once('@').map_or(text, |(_, reference)| reference.trim());
    match what {
        Demanded::Url => text.contains("://") && !reference.starts_with("file:"),
        Demanded::Argument => text.lines().any(|line| line.trim_start().starts_with('-')),
        Demanded::Archive => {
            let file = text.split([';', '[']).next().unwrap_or_default().trim();
            let archive = [".whl", ".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz"];
            archive.iter().any(|suffix| file.ends_with(suffix))
        }
        Demanded::Path => {
            reference.starts_with("file:")
                || text.starts_with(['/', '~', '.'])
                || (text.contains('/') && !text.contains("://") && !text.starts_with('-'))
        }
    }
}

/// Whether such a requirement is noticed, and an honest one is not; the reason otherwise.
#[must_use]
pub fn self_test(what: Demanded) -> Option<String> {
    let seed = match what {
        Demanded::Url => "x @ https://198.51.100.1/x.whl",
        Demanded::Argument => "--index-url=https://198.51.100.1/",
        Demanded::Path => "./x",
        Demanded::Archive => "x-1.0.tar.gz",
    };
    let notices = demands(seed, what) && !demands("setuptools>=61; python_version < '3.12'", what);
    (!notices).then(|| "a requirement that is none is not noticed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_requirement_asks_for_is_told_apart() {
        for what in [Demanded::Url, Demanded::Argument, Demanded::Path, Demanded::Archive] {
            assert_eq!(self_test(what), None);
        }
        assert!(demands("x @ git+ssh://host/x", Demanded::Url));
        assert!(demands("x @ file:///etc/passwd", Demanded::Path));
        assert!(!demands("x @ file:///etc/passwd", Demanded::Url));
        assert!(demands("wheel\n--pre", Demanded::Argument));
    }
}
