//! Places that are known to hold nothing but tools, and what is granted of them.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use super::{Found, Homes, Share, conda, is_system, prefix, pyvenv};
use crate::payload::is_normal;
use crate::policy::files::{STORES, TOOL_ROOTS};

/// What is granted of a place that is known to hold nothing but tools, and of the prefixes `activated` by
/// the caller there.
pub(super) fn in_known_place(real: &Path, homes: &Homes, activated: &[PathBuf]) -> Option<Found> {
    if let Some(store) = store(real) {
        return Some(Found { shares: vec![Share::all(store)], ..Found::default() });
    }
    let root = tool_root(real)?;
    // Environments may lie side by side there, and one is never granted with another. What marks a
    // place as one only makes the grant smaller: each mark leaves of what is around it what it allows.
    let mut looks = None;
    for place in real.ancestors().take_while(|path| path.starts_with(&root)) {
        if activated.iter().any(|prefix| prefix == place) {
            return Some(conda::prefix(place, homes));
        }
        if place != root && pyvenv::is_environment(place) {
            let environment = prefix::environment(place, homes);
            return Some(within(environment, looks, homes));
        }
        if looks.is_none() && conda::looks_like_one(place) {
            looks = Some(place);
        }
    }
    Some(within(prefix::tool_chain(&root, homes), looks, homes))
}

/// Of what is found that part which the prefix of conda's `looks` would have too, where there is one.
fn within(found: Found, looks: Option<&Path>, homes: &Homes) -> Found {
    match looks {
        Some(place) => prefix::both(conda::prefix(place, homes), found),
        None => found,
    }
}

/// Whether this machine has anything in such a place. Most containers have not.
pub(super) fn are_used() -> bool {
    hold_something(TOOL_ROOTS) || hold_something(STORES)
}

fn hold_something(places: &[&str]) -> bool {
    // One that cannot be read may hold something.
    let holds = |place: &&str| match Path::new(place).read_dir() {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    };
    places.iter().any(holds)
}

/// Whether `real` lies in a place that is known to hold nothing but tools.
pub(super) fn is_known_place(real: &Path) -> bool {
    store(real).is_some() || tool_root(real).is_some()
}

/// The store in which `path` lies: everything in it may lean on everything else, and all of it may be
/// read by everybody.
pub(super) fn store(path: &Path) -> Option<PathBuf> {
    STORES.iter().map(PathBuf::from).find(|store| path.starts_with(store))
}

/// The directory that is granted for a place below a known root of tool chains: for `/opt/rust/bin` it
/// is that tool chain, `/opt/rust`.
fn tool_root(path: &Path) -> Option<PathBuf> {
    if !is_normal(path) || is_system(path) {
        return None;
    }
    let root = TOOL_ROOTS.iter().find(|root| path.starts_with(root) && path != Path::new(root))?;
    let first = path.strip_prefix(root).ok()?.components().next()?;
    Some(Path::new(root).join(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_place_holds_no_tools_and_one_that_cannot_be_read_may() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
        let (empty, used, file, none) = (path("empty"), path("used"), path("file"), path("none"));
        std::fs::create_dir(&empty).unwrap();
        std::fs::create_dir_all(Path::new(&used).join("tool")).unwrap();
        std::fs::write(&file, "").unwrap();
        assert!(!hold_something(&[&empty, &none]));
        assert!(hold_something(&[&empty, &used]) && hold_something(&[&none, &file]));
    }

    #[test]
    fn a_tool_chain_is_granted_whole_but_never_the_root_of_all() {
        assert_eq!(tool_root(Path::new("/opt/rust/bin")), Some(PathBuf::from("/opt/rust")));
        assert_eq!(
            tool_root(Path::new("/home/linuxbrew/.linuxbrew/bin")),
            Some("/home/linuxbrew/.linuxbrew".into())
        );
        for none in ["/opt", "/usr/local/bin", "/opt/../etc", "/home/x/bin", "/home/linuxbrew"] {
            assert_eq!(tool_root(Path::new(none)), None, "{none}");
        }
        assert_eq!(store(Path::new("/nix/store/abc-gcc/bin")), Some("/nix/store".into()));
        assert_eq!(store(Path::new("/nix/var")), None);
    }
}
