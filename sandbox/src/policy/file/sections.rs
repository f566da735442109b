//! The keys of a policy file, and what each means.
#![forbid(unsafe_code)]

use toml::de::DeTable;

use super::reader::{Reader, Value};
use super::{Granted, Mistake, PolicyFile, Section};
use crate::policy::IdentityChoice;
use crate::policy::environment::{NoPattern, Pattern, is_name};
use crate::policy::limits::{Demand, Limit};
use crate::policy::package::Package;
use crate::policy::syscalls::Choice;
use crate::words::Guarantee;

const KEYS: [&str; 13] = [
    "level",
    "with",
    "without",
    "require",
    "best-effort",
    "identity",
    "scratch",
    "paths",
    "environment",
    "limits",
    "syscalls",
    "artefacts",
    "package",
];
const PATHS: [&str; 2] = ["read", "write"];
const ENVIRONMENT: [&str; 3] = ["keep", "delete", "set"];
/// The choices of the filter that a file can make, by their keys.
pub(crate) const SYSCALLS: [(&str, Choice); 4] = [
    ("tracing", Choice::Tracing),
    ("watches", Choice::Watches),
    ("interfaces", Choice::Interfaces),
    ("filters", Choice::Filters),
];
const ARTEFACTS: [&str; 5] = ["expect", "build-tag", "strict", "replace", "twins"];

/// Every key, by the table that it is in.
#[cfg(test)]
pub(super) fn all_keys() -> Vec<(&'static str, &'static str)> {
    let of = |table, keys: &[&'static str]| {
        keys.iter().map(move |key| (table, *key)).collect::<Vec<_>>()
    };
    let syscalls = SYSCALLS.map(|(key, _)| key);
    [
        of("", &KEYS),
        of("paths", &PATHS),
        of("environment", &ENVIRONMENT),
        of("limits", &Limit::ALL.map(|limit| limit.row().name)),
        of("syscalls", &syscalls),
        of("artefacts", &ARTEFACTS),
    ]
    .concat()
}

/// Reads the whole file; mistakes are added to `mistakes`.
pub(super) fn read(text: &str, mistakes: &mut Vec<Mistake>) -> PolicyFile {
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        // What a broken file seems to say would only be confusing.
        mistakes.extend(errors.iter().map(|error| {
            Mistake::new(error.span().unwrap_or(0..0), format!("not TOML: {}", error.message()))
        }));
        return PolicyFile::default();
    }
    file(table.get_ref(), &mut Reader::new(mistakes))
}

fn file(table: &DeTable<'_>, reader: &mut Reader<'_>) -> PolicyFile {
    let mut packages: Vec<(Package, Section)> = Vec::new();
    let sections = table.iter().find(|(key, _)| key.get_ref() == "package");
    let sections = sections.and_then(|(_, value)| reader.table(value));
    for (key, value) in sections.into_iter().flatten() {
        let package: Package = match key.get_ref().parse() {
            Ok(package) => package,
            Err(error) => {
                reader.note(Mistake::new(key.span(), format!("{error}")));
                continue;
            }
        };
        if packages.iter().any(|(known, _)| *known == package) {
            let message = format!("the package `{}` has a section already", key.get_ref());
            reader.note(Mistake::new(key.span(), message));
        }
        if let Some(table) = reader.table(value) {
            let without_packages = KEYS.split_last().map(|(_, keys)| keys).unwrap_or_default();
            packages.push((package, section(table, without_packages, reader)));
        }
    }
    PolicyFile { general: section(table, &KEYS, reader), packages }
}

fn section(table: &DeTable<'_>, known: &[&str], reader: &mut Reader<'_>) -> Section {
    let mut section = Section::default();
    for (key, value) in table {
        match key.get_ref().as_ref() {
            name if !known.contains(&name) => reader.unknown(key, known),
            "level" => section.level = reader.word(value),
            "with" => section.with = reader.list(value, Reader::word),
            "without" => section.without = reader.list(value, Reader::word),
            "require" => section.require = required(value, reader),
            "best-effort" => section.best_effort = reader.switch(value),
            "identity" => section.identity = identity(value, reader),
            "scratch" => section.scratch = reader.path(value),
            "paths" => paths(value, &mut section, reader),
            "environment" => environment(value, &mut section, reader),
            "limits" => section.limits = limits(value, reader),
            "syscalls" => syscalls(value, &mut section, reader),
            "artefacts" => artefacts(value, &mut section, reader),
            // The sections of packages are read by `file`.
            _ => {}
        }
    }
    contradictions(table, &section, reader);
    section
}

/// A layer that is put on and off at once, and a demand that is made and waived.
fn contradictions(table: &DeTable<'_>, section: &Section, reader: &mut Reader<'_>) {
    let span = |name: &str| {
        let found = table.iter().find(|(key, _)| key.get_ref() == name);
        found.map_or(0..0, |(_, value)| value.span())
    };
    for layer in section.with.iter().filter(|layer| section.without.contains(layer)) {
        let message = format!("the layer `{layer}` is in `with` and in `without`");
        reader.note(Mistake::new(span("without"), message));
    }
    if section.best_effort == Some(true) && !section.require.is_empty() {
        let message = "`best-effort` waives what `require` demands; write one of them";
        reader.note(Mistake::new(span("best-effort"), message));
    }
}

fn required(value: &Value<'_>, reader: &mut Reader<'_>) -> Vec<Guarantee> {
    if value.get_ref().as_str() == Some("all") {
        return Guarantee::ALL.to_vec();
    }
    reader.list(value, Reader::word)
}

fn identity(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<IdentityChoice> {
    let text = reader.text(value)?;
    let found = IdentityChoice::ALL.into_iter().find(|choice| choice.name() == text);
    if found.is_none() {
        let known = IdentityChoice::ALL.map(IdentityChoice::name).join(" ");
        let message = format!("`{text}` is no identity; known: {known}");
        reader.note(Mistake::new(value.span(), message));
    }
    found
}

fn paths(value: &Value<'_>, section: &mut Section, reader: &mut Reader<'_>) {
    for (key, value) in reader.table(value).into_iter().flatten() {
        let writable = match key.get_ref().as_ref() {
            "read" => false,
            "write" => true,
            _ => {
                reader.unknown(key, &PATHS);
                continue;
            }
        };
        section.paths.extend(reader.list(value, |reader, value| {
            let path = reader.path(value)?;
            Some(Granted { path, writable, span: value.span() })
        }));
    }
}

fn environment(value: &Value<'_>, section: &mut Section, reader: &mut Reader<'_>) {
    for (key, value) in reader.table(value).into_iter().flatten() {
        match key.get_ref().as_ref() {
            "keep" => section.keep = reader.list(value, pattern),
            "delete" => section.delete = reader.list(value, pattern),
            "set" => {
                for (name, value) in reader.table(value).into_iter().flatten() {
                    let text = reader.text(value);
                    let plain =
                        is_name(name.get_ref()) && text.is_some_and(|it| !it.contains('\0'));
                    if let Some(text) = text.filter(|_| plain) {
                        section.set.push((name.get_ref().as_ref().into(), text.into()));
                    } else if text.is_some() {
                        let message = format!("`{}` cannot be set so", name.get_ref());
                        let help = "a name has letters, digits and `_`; a value has no NUL";
                        reader.note(Mistake::new(name.span(), message).help(help));
                    }
                }
            }
            _ => reader.unknown(key, &ENVIRONMENT),
        }
    }
}

fn pattern(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<Pattern> {
    let text = reader.text(value)?;
    let pattern = text.parse().map_err(|error: NoPattern| {
        let help = "write a name, or a prefix with one `*` at its end: \"MY_BUILD_*\"";
        reader.note(Mistake::new(value.span(), error.to_string()).help(help));
    });
    pattern.ok()
}

fn limits(value: &Value<'_>, reader: &mut Reader<'_>) -> Vec<(Limit, Demand<u64>)> {
    let mut limits = Vec::new();
    for (key, value) in reader.table(value).into_iter().flatten() {
        match Limit::of_name(key.get_ref()) {
            Some(limit) => {
                let demand = reader.amount(value, |text| limit.demand(text));
                limits.extend(demand.map(|demand| (limit, demand)));
            }
            None => reader.unknown(key, &Limit::ALL.map(|limit| limit.row().name)),
        }
    }
    limits
}

fn syscalls(value: &Value<'_>, section: &mut Section, reader: &mut Reader<'_>) {
    for (key, value) in reader.table(value).into_iter().flatten() {
        match SYSCALLS.iter().find(|(name, _)| *name == key.get_ref().as_ref()) {
            Some((_, choice)) => {
                section.syscalls.extend(reader.switch(value).map(|made| (*choice, made)));
            }
            None => reader.unknown(key, &SYSCALLS.map(|(name, _)| name)),
        }
    }
}

fn artefacts(value: &Value<'_>, section: &mut Section, reader: &mut Reader<'_>) {
    let found = &mut section.artefacts;
    for (key, value) in reader.table(value).into_iter().flatten() {
        match key.get_ref().as_ref() {
            "expect" => found.expect = reader.word(value),
            "build-tag" => found.build_tag = reader.word(value),
            "strict" => found.strict = reader.switch(value),
            "replace" => found.replace = reader.switch(value),
            "twins" => found.twins = reader.switch(value),
            _ => reader.unknown(key, &ARTEFACTS),
        }
    }
}
