//! What to write instead of a command line that cannot be read: one sentence with cause and remedy.
//!
//! The library that reads it explains itself in several lines, and suggests to take a mistyped option for
//! a value. It is asked for what it knows, and the sentence is made here, for both programs.
#![forbid(unsafe_code)]

use std::error::Error as _;
use std::ffi::OsString;
use std::num::{IntErrorKind, ParseIntError};

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::words::nearest;

/// How many letters may be wrong in the name of a command or an option.
const MOST_WRONG: usize = 2;

/// The sentence for a mistake in `words`, which begin with the program's name and which `command` could
/// not read; none where a help text says it better.
#[must_use]
pub fn sentence(error: &clap::Error, command: &Command, words: &[OsString]) -> Option<String> {
    let (called, part) = called(command, words);
    let help = format!("`{called} --help`");
    let found = text(error, ContextKind::InvalidArg).unwrap_or_default();
    let option = found.split([' ', '=', '[']).next().unwrap_or_default();
    Some(match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let found = text(error, ContextKind::InvalidSubcommand)?;
            unknown_command(&found, part)
        }
        ErrorKind::UnknownArgument if found.len() > 1 && found.starts_with('-') => {
            if let Some(near) = near_option(option, part) {
                format!("there is no option `{option}`; did you mean `{near}`?")
            } else {
                format!("there is no option `{option}`; {help} lists those there are")
            }
        }
        ErrorKind::UnknownArgument => {
            format!("`{found}` is one word too many; {help} says what is expected")
        }
        ErrorKind::InvalidValue => {
            let value = text(error, ContextKind::InvalidValue).unwrap_or_default();
            let known = texts(error, ContextKind::ValidValue);
            let known = match known.as_slice() {
                [] => format!("; {help} says which"),
                known => format!("; known: {}", known.join(" ")),
            };
            let near = text(error, ContextKind::SuggestedValue);
            let near = near.map_or_else(String::new, |near| format!(", did you mean `{near}`?"));
            if value.is_empty() {
                format!("`{found}` needs a value{known}")
            } else {
                format!("`{value}` is no value of `{found}`{near}{known}")
            }
        }
        ErrorKind::ValueValidation => {
            let value = text(error, ContextKind::InvalidValue).unwrap_or_default();
            let why = error.source().map_or_else(String::new, |source| {
                match source.downcast_ref::<ParseIntError>().map(ParseIntError::kind) {
                    Some(IntErrorKind::Zero) => "write a number from 1 on".to_owned(),
                    Some(IntErrorKind::PosOverflow) => "write a smaller number".to_owned(),
                    Some(_) => "write a whole number".to_owned(),
                    None => source.to_string(),
                }
            });
            format!("`{value}` is no value of `{found}`: {why}")
        }
        ErrorKind::MissingRequiredArgument => {
            let missing = texts(error, ContextKind::InvalidArg).join("`, `");
            format!("`{missing}` is missing; {help} says what it is")
        }
        ErrorKind::ArgumentConflict => {
            let prior = texts(error, ContextKind::PriorArg).join("`, `");
            if prior == found || prior.is_empty() {
                format!("`{found}` is given twice; leave one out")
            } else {
                format!("`{found}` cannot be used with `{prior}`; leave one out")
            }
        }
        ErrorKind::InvalidUtf8 => "a word is not UTF-8; write it in UTF-8".to_owned(),
        ErrorKind::NoEquals
        | ErrorKind::TooFewValues
        | ErrorKind::TooManyValues
        | ErrorKind::WrongNumberOfValues => {
            format!("`{found}` has the wrong number of values; {help} says how many")
        }
        _ => return None,
    })
}

/// The sentence for what only `bulkhead` knows: the command that it is to isolate belongs behind `--`.
pub(super) fn of_isolation(error: &clap::Error, words: &[OsString]) -> Option<String> {
    let word = words.get(1).and_then(|word| word.to_str())?;
    let isolating = ["run", "hook", "explain"].contains(&word);
    match error.kind() {
        ErrorKind::UnknownArgument if isolating => {
            let found = text(error, ContextKind::InvalidArg)?;
            (!found.starts_with('-')).then(|| {
                format!(
                    "`{found}` stands where an option is expected; the command that is to be isolated \
                     stands behind `--`: `bulkhead {word} [OPTIONS] -- {found} …`"
                )
            })
        }
        ErrorKind::MissingRequiredArgument if isolating => {
            let missing = texts(error, ContextKind::InvalidArg);
            let is_option = |name: &String| name.starts_with('-');
            (!missing.iter().any(is_option)).then(|| {
                let example =
                    if word == "hook" { "PYTHON …/_in_process.py HOOK DIR" } else { "make" };
                format!(
                    "there is no command; what is to be isolated stands behind `--`: `bulkhead {word} \
                     -- {example}`"
                )
            })
        }
        ErrorKind::InvalidSubcommand => {
            let found = text(error, ContextKind::InvalidSubcommand).filter(|it| !it.is_empty())?;
            Some(format!(
                "there is no command `{found}`; if it is a program that is to be isolated, write \
                 `bulkhead run -- {found} …`"
            ))
        }
        _ => None,
    }
}

/// The command that was called, in words, and what there is to know of it.
fn called<'c>(command: &'c Command, words: &[OsString]) -> (String, &'c Command) {
    let name = command.get_name();
    let named = words.iter().skip(1).filter_map(|word| word.to_str());
    let part = named
        .clone()
        .take_while(|word| *word != "--")
        .find_map(|word| command.find_subcommand(word));
    match part {
        Some(part) => (format!("{name} {}", part.get_name()), part),
        None => (name.to_owned(), command),
    }
}

fn unknown_command(found: &str, command: &Command) -> String {
    if let Some(near) = near_command(found, command) {
        return format!("there is no command `{found}`; did you mean `{near}`?");
    }
    let name = command.get_name();
    format!("there is no command `{found}`; `{name} --help` lists those there are")
}

/// Whether a command was meant that there is.
pub(super) fn is_near_command(error: &clap::Error, command: &Command) -> bool {
    let found = text(error, ContextKind::InvalidSubcommand);
    found.is_some_and(|found| near_command(&found, command).is_some())
}

/// The command that was meant, if one is near. What is hidden is not suggested.
fn near_command(found: &str, command: &Command) -> Option<String> {
    let shown = command.get_subcommands().filter(|it| !it.is_hide_set());
    let known: Vec<_> = shown.map(Command::get_name).collect();
    nearest(found, &known, MOST_WRONG).map(str::to_owned)
}

fn near_option(found: &str, command: &Command) -> Option<String> {
    let shown = command.get_arguments().filter(|it| !it.is_hide_set());
    let long = shown.filter_map(|it| it.get_long()).map(|long| format!("--{long}"));
    let known: Vec<_> = long.chain(["--help".to_owned()]).collect();
    let known: Vec<_> = known.iter().map(String::as_str).collect();
    nearest(found, &known, MOST_WRONG).map(str::to_owned)
}

fn text(error: &clap::Error, kind: ContextKind) -> Option<String> {
    texts(error, kind).into_iter().next()
}

fn texts(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => Vec::new(),
    }
}
