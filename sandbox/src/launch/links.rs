//! Which link stands in the way of a mount, in words.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

/// What to say where something was to be mounted at `path` in the build's root, and a link is there.
///
/// The link is in the build's copy of a tree, or in a directory that was granted; it is looked for
/// where these come from, which is at the same path. What is said rests on it alone.
pub(super) fn sentence(path: &Path) -> String {
    let ancestors: Vec<_> = path.ancestors().collect();
    let found = ancestors.iter().rev().find_map(|path| Some((path, fs::read_link(path).ok()?)));
    let link = match found {
        Some((link, to)) => format!("{} is a link to {}", link.display(), to.display()),
        None => "a link has been put there meanwhile".to_owned(),
    };
    format!(
        "{} is to be mounted in the build's root, but {link}, and nothing is mounted on a link or \
         beyond one; name what it leads to instead, or leave the link out",
        path.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn the_first_link_on_the_way_is_named_with_what_it_leads_to() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path().canonicalize().unwrap();
        fs::create_dir_all(place.join("src/real")).unwrap();
        symlink("real", place.join("src/link")).unwrap();
        symlink("/etc", place.join("src/real/inner")).unwrap();
        let said = sentence(&place.join("src/link/inner"));
        assert!(
            said.contains(&format!("{}/src/link is a link to real", place.display())),
            "{said}"
        );
        let said = sentence(&place.join("src/real/inner"));
        assert!(said.contains("inner is a link to /etc"), "{said}");
        assert!(sentence(&place.join("src/real")).contains("meanwhile"));
    }
}
