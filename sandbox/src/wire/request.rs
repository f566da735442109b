//! What a program with threads asks `bulkhead` for: a policy and a payload, as a document.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::payload::{Grant, Payload, PrivateTree, Purpose, Stdin};
use crate::policy::environment::{EnvironmentPolicy, NoPattern, Pattern};
use crate::policy::files::FilesPolicy;
use crate::policy::limits::{Demand, Limit, Limits};
use crate::policy::syscalls::{Choice, Syscalls};
use crate::policy::{IdentityChoice, Policy};
use crate::words::{LayerSet, UnknownWord};

/// The form of the document. A program of another version may have another one.
const SCHEMA: &str = "bulkhead.launch/1";

/// Why a document is no request.
#[derive(Debug, thiserror::Error)]
pub enum NoRequest {
    /// It has another form.
    #[error("the request is not of this version of bulkhead: {0}")]
    Form(#[from] serde_json::Error),
    /// It says that it has.
    #[error("the request has the form {0}, and this bulkhead reads {SCHEMA}")]
    Schema(String),
    /// A word in it has no meaning.
    #[error(transparent)]
    Word(#[from] UnknownWord),
    /// It names a variable by what is no name.
    #[error(transparent)]
    Pattern(#[from] NoPattern),
}

fn patterns(texts: &[String]) -> Result<Vec<Pattern>, NoPattern> {
    texts.iter().map(|text| text.parse()).collect()
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    schema: String,
    policy: Demands,
    payload: Command,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Demands {
    level: String,
    layers: Vec<String>,
    identity: Option<Who>,
    uids: (u32, u32),
    runtime: Option<Word>,
    keep: Vec<String>,
    delete: Vec<String>,
    set: Vec<(Word, Word)>,
    /// The scratch directory, and whether the build works in place.
    files: (Option<Word>, bool),
    /// In the order of their table.
    limits: [Bound; Limit::ALL.len()],
    /// The choices over system calls, in the order of their list.
    syscalls: [bool; Choice::ALL.len()],
    required: Vec<String>,
    best_effort: bool,
    ends_with_caller: bool,
    lab: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Command {
    argv: Vec<Word>,
    directory: Word,
    environment: Vec<(Word, Word)>,
    inherits_stdin: bool,
    /// Path, writable, directory, named, hidden, shown.
    grants: Vec<GrantWords>,
    trees: Vec<(Word, For)>,
    /// Where a link lies, and where it leads.
    links: Vec<(Word, Word)>,
    suspects: Vec<Word>,
    needs: Vec<Word>,
}

type GrantWords = (Word, bool, bool, bool, Vec<Word>, Vec<Word>);

/// A word of the operating system's: text where it is, else bytes.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Word {
    Text(String),
    Bytes(Vec<u8>),
}

/// What is demanded of a limit, in its unit.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Bound {
    Default,
    Unlimited,
    Exactly(u64),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Who {
    Lease,
    Useradd,
    Caller,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum For {
    Source,
    Control,
    Output,
    Metadata,
}

/// The document that asks for a launch of `payload` under `policy`.
///
/// # Errors
/// Those of `serde_json`.
pub fn request_json(policy: &Policy, payload: &Payload) -> Result<String, serde_json::Error> {
    let document =
        Document { schema: SCHEMA.to_owned(), policy: policy.into(), payload: payload.into() };
    serde_json::to_string(&document)
}

/// The policy and the payload that `document` asks for.
///
/// # Errors
/// It is no such document.
pub fn read_request(document: &str) -> Result<(Policy, Payload), NoRequest> {
    let Document { schema, policy, payload } = serde_json::from_str(document)?;
    if schema != SCHEMA {
        return Err(NoRequest::Schema(schema));
    }
    Ok((policy.policy()?, payload.into()))
}

impl From<&Policy> for Demands {
    fn from(policy: &Policy) -> Self {
        // Without `..`, so that a new demand is not forgotten here.
        let Policy {
            level,
            layers,
            identity,
            uids,
            runtime,
            environment: EnvironmentPolicy { keep, delete, set },
            files: FilesPolicy { scratch, in_place },
            limits,
            syscalls,
            required,
            best_effort,
            ends_with_caller,
            lab,
        } = policy;
        Self {
            level: level.name().to_owned(),
            layers: layers.iter().map(|layer| layer.name().to_owned()).collect(),
            identity: identity.map(|identity| match identity {
                IdentityChoice::Lease => Who::Lease,
                IdentityChoice::Useradd => Who::Useradd,
                IdentityChoice::Caller => Who::Caller,
            }),
            uids: (*uids.start(), *uids.end()),
            runtime: runtime.as_ref().map(Word::from),
            keep: keep.iter().map(ToString::to_string).collect(),
            delete: delete.iter().map(ToString::to_string).collect(),
            set: set.iter().map(|(name, value)| (name.into(), value.into())).collect(),
            files: (scratch.as_ref().map(Word::from), *in_place),
            limits: bounds(limits),
            syscalls: Choice::ALL.map(|choice| syscalls.has(choice)),
            required: required.iter().map(|guarantee| guarantee.name().to_owned()).collect(),
            best_effort: *best_effort,
            ends_with_caller: *ends_with_caller,
            lab: *lab,
        }
    }
}

impl Demands {
    fn policy(self) -> Result<Policy, NoRequest> {
        let mut layers = LayerSet::EMPTY;
        for layer in &self.layers {
            layers = layers.with(layer.parse()?);
        }
        let required = self.required.iter().map(|word| word.parse());
        let (scratch, in_place) = self.files;
        let made = Choice::ALL.into_iter().zip(self.syscalls);
        let made = made.fold(Syscalls::NOTHING, |made, (choice, yes)| made.set(choice, yes));
        Ok(Policy {
            level: self.level.parse()?,
            layers,
            identity: self.identity.map(|who| match who {
                Who::Lease => IdentityChoice::Lease,
                Who::Useradd => IdentityChoice::Useradd,
                Who::Caller => IdentityChoice::Caller,
            }),
            uids: self.uids.0..=self.uids.1,
            runtime: self.runtime.map(PathBuf::from),
            environment: EnvironmentPolicy {
                keep: patterns(&self.keep)?,
                delete: patterns(&self.delete)?,
                set: pairs(self.set),
            },
            files: FilesPolicy { scratch: scratch.map(PathBuf::from), in_place },
            limits: limits(&self.limits),
            syscalls: made,
            required: required.collect::<Result<_, _>>()?,
            best_effort: self.best_effort,
            ends_with_caller: self.ends_with_caller,
            lab: self.lab,
        })
    }
}

impl From<&Payload> for Command {
    fn from(payload: &Payload) -> Self {
        let Payload { argv, directory, environment, stdin, .. } = payload;
        let Payload { grants, trees, links, suspects, needs, .. } = payload;
        let purpose = |purpose| match purpose {
            Purpose::Source => For::Source,
            Purpose::Control => For::Control,
            Purpose::Output => For::Output,
            Purpose::Metadata => For::Metadata,
        };
        Self {
            argv: argv.iter().map(Word::from).collect(),
            directory: directory.into(),
            environment: environment.iter().map(|(name, it)| (name.into(), it.into())).collect(),
            inherits_stdin: *stdin == Stdin::Inherit,
            grants: grants
                .iter()
                .map(|grant| {
                    // Without `..`, so that a new part of a grant is not forgotten here.
                    let Grant { path, writable, directory, identity: _, named, hidden, shown } =
                        grant;
                    let words = |paths: &[PathBuf]| paths.iter().map(Word::from).collect();
                    let parts = (words(hidden), words(shown));
                    (path.into(), *writable, *directory, *named, parts.0, parts.1)
                })
                .collect(),
            trees: trees.iter().map(|it| (Word::from(&it.path), purpose(it.purpose))).collect(),
            links: links.iter().map(|(at, to)| (at.into(), to.into())).collect(),
            suspects: suspects.iter().map(Word::from).collect(),
            needs: needs.iter().map(Word::from).collect(),
        }
    }
}

impl From<Command> for Payload {
    fn from(command: Command) -> Self {
        // Which files these are is looked at anew by who launches.
        let tree = |(path, purpose): (Word, For)| {
            let purpose = match purpose {
                For::Source => Purpose::Source,
                For::Control => Purpose::Control,
                For::Output => Purpose::Output,
                For::Metadata => Purpose::Metadata,
            };
            PrivateTree::new(path.into(), purpose)
        };
        let paths = |words: Vec<Word>| words.into_iter().map(PathBuf::from).collect();
        let grant = |(path, writable, directory, named, hidden, shown): GrantWords| Grant {
            named,
            hidden: paths(hidden),
            shown: paths(shown),
            ..Grant::new(PathBuf::from(path), writable, directory)
        };
        Self {
            argv: command.argv.into_iter().map(OsString::from).collect(),
            directory: command.directory.into(),
            environment: pairs(command.environment),
            stdin: if command.inherits_stdin { Stdin::Inherit } else { Stdin::Null },
            grants: command.grants.into_iter().map(grant).collect(),
            trees: command.trees.into_iter().map(tree).collect(),
            links: command.links.into_iter().map(|(at, to)| (at.into(), to.into())).collect(),
            suspects: command.suspects.into_iter().map(PathBuf::from).collect(),
            needs: command.needs.into_iter().map(PathBuf::from).collect(),
        }
    }
}

impl<T: AsRef<OsStr> + ?Sized> From<&T> for Word {
    fn from(word: &T) -> Self {
        let word = word.as_ref();
        let text = word.to_str().map(|text| Self::Text(text.to_owned()));
        text.unwrap_or_else(|| Self::Bytes(word.as_bytes().to_vec()))
    }
}

impl From<Word> for OsString {
    fn from(word: Word) -> Self {
        match word {
            Word::Text(text) => text.into(),
            Word::Bytes(bytes) => Self::from_vec(bytes),
        }
    }
}

impl From<Word> for PathBuf {
    fn from(word: Word) -> Self {
        OsString::from(word).into()
    }
}

fn pairs(words: Vec<(Word, Word)>) -> Vec<(OsString, OsString)> {
    words.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
}

fn bounds(limits: &Limits) -> [Bound; Limit::ALL.len()] {
    Limit::ALL.map(|limit| match limits.get(limit) {
        Demand::Default => Bound::Default,
        Demand::Unlimited => Bound::Unlimited,
        Demand::Exactly(number) => Bound::Exactly(number),
    })
}

fn limits(bounds: &[Bound; Limit::ALL.len()]) -> Limits {
    let mut limits = Limits::default();
    for (limit, bound) in Limit::ALL.into_iter().zip(bounds) {
        limits.set(
            limit,
            match bound {
                Bound::Default => Demand::Default,
                Bound::Unlimited => Demand::Unlimited,
                Bound::Exactly(number) => Demand::Exactly(*number),
            },
        );
    }
    limits
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
