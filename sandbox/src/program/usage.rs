//! What to write instead of a command line that cannot be read.
//!
//! The library that reads it suggests options and values; what stands here is what it does not know: that
//! the command belongs behind `--`, and which command is meant.
#![forbid(unsafe_code)]

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::words::nearest;

/// How many letters may be wrong in the name of a command.
const MOST_WRONG: usize = 2;

/// The sentence for a mistake that the library does not explain; `commands` are the names there are.
pub(super) fn remedy(error: &clap::Error, commands: &[&str], word: Option<&str>) -> Option<String> {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::UnknownArgument => {
            let found = context(ContextKind::InvalidArg)?;
            let command = word.filter(|word| ["run", "hook", "explain"].contains(word))?;
            if found.starts_with('-') {
                return None;
            }
            Some(format!(
                "`{found}` stands where an option is expected; the command that is to be isolated \
                 stands behind `--`: `bulkhead {command} [OPTIONS] -- {found} …`"
            ))
        }
        ErrorKind::MissingRequiredArgument if word == Some("run") => Some(
            "there is no command; what is to be isolated stands behind `--`: `bulkhead run -- make`"
                .to_owned(),
        ),
        ErrorKind::InvalidSubcommand => {
            let found = context(ContextKind::InvalidSubcommand)?;
            Some(nearest(found, commands, MOST_WRONG).map_or_else(
                || {
                    format!(
                        "there is no command `{found}`; if it is a program that is to be \
                         isolated, write `bulkhead run -- {found} …`"
                    )
                },
                |known| format!("there is no command `{found}`; did you mean `{known}`?"),
            ))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::super::{Cli, names};
    use super::*;

    fn told(line: &str) -> Option<String> {
        let words: Vec<_> = line.split(' ').collect();
        let error = Cli::try_parse_from(&words).err().unwrap();
        let known = names(&Cli::command());
        let known: Vec<_> = known.iter().map(String::as_str).collect();
        remedy(&error, &known, words.get(1).copied())
    }

    #[test]
    fn a_missing_dash_and_a_mistyped_command_are_told_with_what_is_right() {
        for line in ["bulkhead run make", "bulkhead run --rw dist make -j2"] {
            assert!(told(line).unwrap().contains("`bulkhead run [OPTIONS] -- make …`"), "{line}");
        }
        assert!(told("bulkhead hook python x").unwrap().contains("bulkhead hook [OPTIONS] -- "));
        assert!(told("bulkhead explain make").unwrap().contains("-- make"));
        for (typed, meant) in [("rnu", "run"), ("docter", "doctor"), ("exlain", "explain")] {
            let told = told(&format!("bulkhead {typed}")).unwrap();
            assert!(told.contains(&format!("did you mean `{meant}`?")), "{told}");
        }
        assert!(told("bulkhead python -c 1").unwrap().contains("`bulkhead run -- python …`"));
        assert!(told("bulkhead run").unwrap().contains("`bulkhead run -- make`"));
        // What is hidden is not suggested, and what the library explains is left to it.
        assert!(!told("bulkhead inspec").unwrap().contains("did you mean"));
        assert_eq!(told("bulkhead run --rwo x -- make"), None);
    }
}
