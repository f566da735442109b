//! Whether the name of a file or directory says whose it is.
#![forbid(unsafe_code)]

/// Whether a name is that of one of `projects`, or begins with it.
pub(super) fn is_own(name: &str, projects: &[&str]) -> bool {
    let words: Vec<_> = name.split(['-', '_', '.']).filter(|word| !word.is_empty()).collect();
    let name = words.join("-");
    projects.iter().any(|project| {
        name.strip_prefix(project).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    })
}
