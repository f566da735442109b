//! Why a command did not do what it was asked: one sentence with cause and remedy.
#![forbid(unsafe_code)]

use std::error::Error;
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};

use sandbox::UnknownWord;
pub(super) use sandbox::plain::plural;

use super::changes::ChangesError;
use super::exit::Exit;
use crate::catalogue::diagnostic::Diagnostic;
use crate::redact;
use crate::report::json::ReadError;
use crate::report::publish::PublishError;
use crate::runner::Interrupted;
use crate::schedule::NothingSelected;
use crate::schedule::filter::Misread;

/// Why.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// A word of the command line is not known.
    #[error(transparent)]
    Word(#[from] UnknownWord),
    /// An expression names what is not there.
    #[error(transparent)]
    Expression(#[from] Misread),
    /// What has changed cannot be found out.
    #[error(transparent)]
    Changes(#[from] ChangesError),
    /// There is no catalogue.
    #[error(
        "there is no attack: what is built in was left out, and nothing was named in its place; \
         name a folder of attacks with --catalogue"
    )]
    NoCatalogue,
    /// A new attack has no folder to go to.
    #[error(
        "there is no folder `attacks` in {} or above it; name a folder of attacks with --catalogue",
        .here.display()
    )]
    NoAttacks {
        /// Where it was looked for.
        here: PathBuf,
    },
    /// A folder of sandboxes is not there.
    #[error("there is no folder {}, which is to hold sandboxes as NAME/target.toml", .dir.display())]
    NoTargets {
        /// Which.
        dir: PathBuf,
    },
    /// Two sandboxes have one name.
    #[error(
        "there are two sandboxes `{name}`; rename one, or leave out those that are built in with --no-builtin"
    )]
    Twice {
        /// The name.
        name: String,
    },
    /// Nothing here could say why.
    #[error(
        "`--why` is told by our own sandbox where it is on; name a level of it other than `none`, as \
         `-t own@full`"
    )]
    NoExplanation,
    /// What the program carries cannot be unpacked.
    #[error("what is built into this program cannot be read; install it anew")]
    Carried {
        /// Why.
        source: io::Error,
    },
    /// Only a checkout has documents.
    #[error("there is no checkout of Bulkhead around {}; run this in one", .here.display())]
    NoDocuments {
        /// Where it was looked for.
        here: PathBuf,
    },
    /// A file would be written over.
    #[error("{} is there already; move it away, or edit it by hand", .file.display())]
    There {
        /// Which.
        file: PathBuf,
    },
    /// The script of a sandbox is not there.
    #[error("there is no file {} here; write the script first, or name a program of the search path", .file.display())]
    NoScript {
        /// Which.
        file: PathBuf,
    },
    /// A new attack needs a name of the right form.
    #[error(
        "`{id}` is no id: write a guarantee, a slash and a name of small letters, digits and \
         hyphens, as secrets/netrc-read"
    )]
    Unnamed {
        /// What was given.
        id: String,
    },
    /// A new attack would take the place of an old one.
    #[error("{} is there already; choose another name", .dir.display())]
    Exists {
        /// The folder.
        dir: PathBuf,
    },
    /// A folder without reports.
    #[error("there is no report in {}; `harness run --out` writes them as HOST/TARGET.json", .dir.display())]
    NoReport {
        /// The folder.
        dir: PathBuf,
    },
    /// Shards that do not make a whole.
    #[error("the shards cannot be merged: {0}")]
    Shards(String),
    /// There are no committed reports to compare with or to write.
    #[error(
        "there is no checkout and no harness.toml around {}, so there are no committed reports; \
         write one with `harness init`, or leave out --check and --update",
        .here.display()
    )]
    NoReports {
        /// Where it was looked for.
        here: PathBuf,
    },
    /// The catalogue, or a file of gaps, has mistakes.
    #[error("{}", plural(.0.len(), "mistake"))]
    Catalogue(Vec<Diagnostic>),
    /// Nothing would be tried.
    #[error("nothing was selected")]
    Nothing(#[from] NothingSelected),
    /// Nobody can conduct the trials.
    #[error("this machine cannot run the trials: {0}")]
    Unready(Box<dyn Error + Send + Sync>),
    /// What nobody has read would reach this machine.
    #[error(
        "an untrusted run refuses that: {0}; leave it out, or read the catalogue and leave out \
             --untrusted"
    )]
    Untrusted(String),
    /// The user stopped it.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    /// A report cannot be used.
    #[error(transparent)]
    Report(#[from] ReadError),
    /// A report cannot be written.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// A report cannot be put into words.
    #[error("a report cannot be rendered")]
    Render(#[from] serde_json::Error),
    /// The lists of what is known cannot be read.
    #[error("the lists that the catalogue is held against cannot be read")]
    Lists(#[from] toml::de::Error),
    /// A document cannot be written.
    #[error("{} cannot be written", .file.display())]
    Document {
        /// Which.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Standard output cannot be written.
    #[error("standard output cannot be written")]
    Output {
        /// Why.
        source: io::Error,
    },
}

impl Failure {
    /// The exit status.
    pub(super) const fn exit(&self) -> Exit {
        match self {
            Self::Unnamed { .. }
            | Self::Shards(_)
            | Self::Exists { .. }
            | Self::Word(_)
            | Self::Expression(_)
            | Self::Changes(_)
            | Self::NoCatalogue
            | Self::NoReport { .. }
            | Self::NoAttacks { .. }
            | Self::NoTargets { .. }
            | Self::Twice { .. }
            | Self::There { .. }
            | Self::NoScript { .. }
            | Self::NoDocuments { .. }
            | Self::NoReports { .. }
            | Self::Untrusted(_)
            | Self::NoExplanation
            | Self::Report(_) => Exit::Usage,
            Self::Catalogue(_) => Exit::Catalogue,
            Self::Nothing(_) => Exit::NothingSelected,
            Self::Unready(_)
            | Self::Publish(PublishError::Unwritable { .. })
            | Self::Document { .. }
            | Self::Output { .. } => Exit::MachineCannot,
            Self::Interrupted(_) => Exit::Interrupted,
            Self::Publish(PublishError::Canary { .. })
            | Self::Render(_)
            | Self::Lists(_)
            | Self::Carried { .. } => Exit::Internal,
        }
    }

    /// What the user reads, with files named as seen from `here`.
    pub(super) fn told(&self, here: &Path) -> String {
        let mut text = String::new();
        if let Self::Catalogue(diagnostics) = self {
            for diagnostic in diagnostics {
                let told = diagnostic.clone().seen_from(here).to_string();
                // A manifest may be anybody's. Writing into a string cannot fail.
                let _ = writeln!(text, "{}", redact::plain(told.as_bytes()));
            }
        }
        let _ = write!(text, "harness: {self}");
        // `Unready` says its cause in its own sentence.
        let transparent = matches!(self, Self::Unready(_));
        let mut cause = if transparent { None } else { self.source() };
        while let Some(error) = cause {
            let _ = write!(text, ": {error}");
            cause = error.source();
        }
        text
    }
}
