//! The options that every isolating command shares.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::error::Failure;
use super::limit_options::LimitOptions;
use super::policy_file::{self, ForBuild};
use super::why::{Form, Telling};
use crate::paths::Trust;
use crate::payload::Payload;
use crate::policy::artefacts::Artefacts;
use crate::policy::environment::is_name;
use crate::policy::file::Granted;
use crate::policy::levels::Level;
use crate::policy::package::Package;
use crate::policy::{IdentityChoice, Policy};
use crate::words::{Guarantee, Layer, UnknownWord};

/// The options that every isolating command shares.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// How much isolation: network, proposal or full [default: full]
    #[arg(long, short, value_name = "LEVEL", value_parser = levels())]
    level: Option<Level>,
    /// Begin with the policy in FILE, in TOML; options win over it
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// What is built: also the sections of the policy for this package count; a hook knows it by
    /// `--expect` too, and the policy may say it as `expect`
    #[arg(long, value_name = "NAME==VERSION", requires = "policy")]
    package: Option<Package>,
    /// Allow PATH to be read, at the same path inside
    #[arg(long, value_name = "PATH")]
    ro: Vec<PathBuf>,
    /// Allow PATH to be written, directly and not as a copy
    #[arg(long, value_name = "PATH")]
    rw: Vec<PathBuf>,
    /// Pass a variable on (NAME, or a prefix with a trailing *), or set it (NAME=VALUE)
    #[arg(long, value_name = "NAME[=VALUE]")]
    env: Vec<OsString>,
    /// Never pass a variable on (NAME, or a prefix with a trailing *, in any case)
    #[arg(long, value_name = "NAME")]
    unset_env: Vec<String>,
    /// Who the build is for the kernel; by default a leased uid where the caller is root
    #[arg(long, value_enum, value_name = "WHO")]
    identity: Option<Identity>,
    /// The uids to lease from
    #[arg(long, value_name = "FIRST-LAST", value_parser = uids)]
    uids: Option<RangeInclusive<u32>>,
    /// Where leases are kept [default: /run/bulkhead for root]
    #[arg(long, value_name = "DIR")]
    runtime: Option<PathBuf>,
    /// Keep the build's large private directories on disk below DIR instead of in memory
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    #[command(flatten)]
    limits: LimitOptions,
    /// Run nothing unless these guarantees are held in full: a list with commas, or all
    #[arg(long, value_name = "GUARANTEE,…", value_delimiter = ',', value_parser = required())]
    require: Vec<Required>,
    /// Go on without what this host cannot do, and say so
    #[arg(long, conflicts_with = "require")]
    best_effort: bool,
    /// Switch one layer off, to measure what it is worth
    #[arg(long, value_name = "LAYER", value_parser = layers())]
    without: Vec<Layer>,
    /// This is the harness's lab; allows the level `none`
    #[arg(long, hide = true)]
    lab: bool,
    /// Say nothing before the build of what it does not see; `explain` lists it. Nor, when it failed,
    /// that `--why` would tell
    #[arg(long, short)]
    pub(super) quiet: bool,
    /// Follow every process of the build, which takes time, and tell at its end what it was refused and
    /// did not find, the likeliest cause of a failure first; `json` is for programs
    #[arg(long, value_enum, value_name = "FORM", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "text")]
    pub(super) why: Option<Form>,
    /// Write how it ended to FILE, as JSON
    #[arg(long, value_name = "FILE")]
    pub(super) outcome: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Identity {
    /// A uid without an account, held by a lock; needs root
    Lease,
    /// An account made by useradd and removed again; needs root
    Useradd,
    /// The caller's own uid
    Caller,
}

/// One word of `--require`.
#[derive(Clone, Debug)]
struct Required(Vec<Guarantee>);

/// What the options and the policy file demand.
#[derive(Debug)]
pub(super) struct Demanded {
    pub(super) policy: Policy,
    /// Paths that the file grants.
    granted: Vec<Granted>,
    /// What the file says of what is handed over.
    pub(super) artefacts: Artefacts,
}

impl Options {
    /// Directories that builds may have written to: the working `directory`, which is the source
    /// tree, and what is granted to be written.
    pub(super) fn suspects(&self, directory: &Path) -> Result<Vec<PathBuf>, Failure> {
        let granted = self.rw.iter().map(|path| absolute(path));
        std::iter::once(Ok(directory.to_owned())).chain(granted).collect()
    }

    /// The policy that the options and the policy file spell; `suspects` are directories in which
    /// builds may have made links, `asked` is the release that a hook is to make.
    pub(super) fn demanded(
        &self,
        suspects: &[PathBuf],
        asked: Option<&Package>,
    ) -> Result<Demanded, Failure> {
        let trust = Trust::of_caller(suspects);
        let named = (self.package.as_ref(), asked);
        let read = self.policy.as_deref().map(|path| policy_file::read(path, named, &trust));
        let ForBuild { file, package, granted } = read.transpose()?.unwrap_or_default();
        let package = package.as_ref();
        let mut policy = file.policy(self.level, package);
        let artefacts = file.artefacts(package);
        for layer in &self.without {
            if !policy.layers.has(*layer) {
                return Err(Failure::Usage(format!(
                    "the level `{}` has no layer `{layer}` to do without",
                    policy.level
                )));
            }
            policy = policy.without(*layer);
        }
        self.apply(&mut policy)?;
        Ok(Demanded { policy, granted, artefacts })
    }

    /// What is told of the build of `payload` when it is over.
    pub(super) const fn telling<'a>(&self, payload: &'a Payload) -> Telling<'a> {
        Telling { payload, why: self.why, quiet: self.quiet }
    }

    /// What the options say beyond the file.
    fn apply(&self, policy: &mut Policy) -> Result<(), Failure> {
        let identity = self.identity.map(|identity| match identity {
            Identity::Lease => IdentityChoice::Lease,
            Identity::Useradd => IdentityChoice::Useradd,
            Identity::Caller => IdentityChoice::Caller,
        });
        policy.identity = identity.or(policy.identity);
        if let Some(uids) = &self.uids {
            policy.uids = uids.clone();
        }
        policy.runtime.clone_from(&self.runtime);
        if let Some(scratch) = &self.scratch {
            policy.files.scratch = Some(absolute(scratch)?);
        }
        self.limits.narrow(&mut policy.limits);
        policy.lab = self.lab;
        policy.best_effort |= self.best_effort;
        policy.required.extend(self.require.iter().flat_map(|required| required.0.clone()));
        for text in &self.unset_env {
            let pattern = text.parse().ok().ok_or_else(|| {
                Failure::Usage(format!(
                    "`--unset-env {text}` names no variable; write --unset-env NAME or --unset-env \
                     'PREFIX_*'"
                ))
            });
            policy.environment.delete.push(pattern?);
        }
        for word in &self.env {
            let text = word.to_str().ok_or_else(|| {
                Failure::Usage(format!("the variable {} is not UTF-8", word.display()))
            })?;
            let nameless = || {
                Failure::Usage(format!(
                    "`--env {text}` names no variable; write --env NAME, --env 'PREFIX_*' or --env \
                     NAME=VALUE"
                ))
            };
            if let Some((name, value)) = text.split_once('=').filter(|(name, _)| is_name(name)) {
                policy.environment.set.push((name.into(), value.into()));
            } else {
                policy.environment.keep.push(text.parse().ok().ok_or_else(nameless)?);
            }
        }
        Ok(())
    }

    /// Grants `payload` what the caller and the policy file name.
    pub(super) fn grant(&self, demanded: &Demanded, payload: &mut Payload) -> Result<(), Failure> {
        for Granted { path, writable, .. } in &demanded.granted {
            is_below_root(path)?;
            payload.grant_named(path.clone(), *writable)?;
        }
        for (paths, writable) in [(&self.ro, false), (&self.rw, true)] {
            for path in paths {
                let path = absolute(path)?;
                is_below_root(&path)?;
                payload.grant_named(path, writable)?;
            }
        }
        Ok(())
    }
}

/// A build has a root directory of its own, so the host's cannot be granted as one.
fn is_below_root(path: &Path) -> Result<(), Failure> {
    if path.canonicalize().is_ok_and(|path| path.parent().is_none()) {
        return Err(Failure::Usage(format!(
            "`{}` is the root directory, which cannot be granted: a build has one of its own; name \
             the directories below it that it needs",
            path.display()
        )));
    }
    Ok(())
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(Failure::Directory)
}

fn levels() -> impl TypedValueParser<Value = Level> {
    PossibleValuesParser::new(
        Level::ALL.map(|level| {
            clap::builder::PossibleValue::new(level.name()).hide(level == Level::None)
        }),
    )
    .try_map(|word| word.parse::<Level>())
}

fn required() -> impl TypedValueParser<Value = Required> {
    let words = Guarantee::ALL.map(Guarantee::name).into_iter().chain(["all"]);
    PossibleValuesParser::new(words).try_map(|word| match word.as_str() {
        "all" => Ok::<_, UnknownWord>(Required(Guarantee::ALL.to_vec())),
        word => word.parse().map(|guarantee| Required(vec![guarantee])),
    })
}

fn layers() -> impl TypedValueParser<Value = Layer> {
    PossibleValuesParser::new(Layer::ALL.map(Layer::name)).try_map(|word| word.parse::<Layer>())
}

/// The most numbers to choose from: as many as a user usually has subordinate ones (`subuid(5)`).
const MOST_UIDS: u32 = 65_536;

fn uids(text: &str) -> Result<RangeInclusive<u32>, String> {
    let form = "write two whole numbers, as 61000-61999";
    let parse = |word: &str| word.trim().parse::<u32>().map_err(|_no_number| form.to_owned());
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let range = parse(first)?..=parse(last)?;
    if range.is_empty() || range.contains(&0) {
        return Err("expected FIRST-LAST with 0 < FIRST ≤ LAST".to_owned());
    }
    if range.end() - range.start() >= MOST_UIDS {
        return Err(format!("expected at most {MOST_UIDS} numbers, of which a build needs one"));
    }
    Ok(range)
}
