//! A count and its noun.
#![forbid(unsafe_code)]

use std::fmt::Display;

/// `count` of what `noun` names: `1 attack`, `2 attacks`, `2 honest builds`, `0 entries`.
#[must_use]
pub fn plural(count: impl Display, noun: &str) -> String {
    let count = count.to_string();
    if count == "1" {
        return format!("{count} {noun}");
    }
    match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{count} {stem}ies"),
        _ if noun.ends_with(['s', 'x']) => format!("{count} {noun}es"),
        _ => format!("{count} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular_and_everything_else_is_not() {
        let told = [
            plural(0, "attack"),
            plural(1, "attack"),
            plural(2u64, "honest build"),
            plural(1, "entry"),
            plural(3, "entry"),
            plural(3, "process"),
            plural(3, "key"),
        ];
        let wanted =
            "0 attacks, 1 attack, 2 honest builds, 1 entry, 3 entries, 3 processes, 3 keys";
        assert_eq!(told.join(", "), wanted);
    }
}
