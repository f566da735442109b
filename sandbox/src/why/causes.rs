//! What one thing that was met means under a plan: the sentence for it, its layer, and what helps.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::host::{self, Found, word};
use super::obstacles::{Obstacle, Shortage};
use super::offers::{Offers, Withheld};
use crate::payload::Payload;
use crate::plain::{quoted, quoted_path};
use crate::plan::{Plan, PlanKind};
use crate::policy::file::SYSCALLS;
use crate::policy::limits::Limit;
use crate::policy::syscalls::{Choice, Table};
use crate::tools::Homes;
use crate::unseen::Visible;
use crate::words::Layer;

/// What something that was met means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cause {
    /// What the program did, behind its name.
    pub(super) text: String,
    pub(super) layer: Layer,
    pub(super) switch: Option<String>,
    /// What has the same is told as one.
    pub(super) group: String,
    /// The path of the host that it is about.
    pub(super) place: Option<PathBuf>,
    /// It is a directory, which may lie on the way to another.
    pub(super) leads_on: bool,
    /// Programs meet this everywhere and go on.
    pub(super) used: bool,
}

/// Under what a build has run.
pub(super) struct Context<'a> {
    plan: &'a Plan,
    visible: Option<Visible>,
    offers: Offers,
    /// The build's PATH, and its caller's.
    path: Vec<PathBuf>,
    callers: Vec<PathBuf>,
    /// The build's home, and its caller's.
    home: Option<(PathBuf, PathBuf)>,
}

impl<'a> Context<'a> {
    pub(super) fn of(plan: &'a Plan, payload: &Payload) -> Self {
        let path = plan.environment.variables.iter().find(|(name, _)| name == "PATH");
        let path = path.map_or(OsStr::new("/usr/bin:/bin"), |(_, value)| value);
        let home = plan.environment.variables.iter().find(|(name, _)| name == "HOME");
        let home = home.map(|(_, value)| PathBuf::from(value)).zip(payload.place_in("HOME"));
        let callers: Vec<_> = payload.search_path().collect();
        Self {
            plan,
            visible: Visible::under(plan),
            offers: Offers::new(Homes::of(payload), &callers),
            path: std::env::split_paths(path).collect(),
            callers,
            home: home.filter(|(own, callers)| own != callers),
        }
    }

    /// What `obstacle` means; none where it means nothing.
    pub(super) fn cause(&self, obstacle: &Obstacle) -> Option<Cause> {
        match obstacle {
            Obstacle::Missing(path) => self.missing(path),
            Obstacle::NotExecuted(path) => self.not_executed(path),
            Obstacle::Closed(path) => self.closed(path),
            Obstacle::NotWritten(path, errno) => Some(self.not_written(path, *errno)),
            Obstacle::Gone(path) => self.gone(path),
            Obstacle::Refused(name, errno) => Some(self.refused(name, *errno)),
            Obstacle::NotReached(address, errno) => Some(self.not_reached(address, *errno)),
            Obstacle::NoSocket(path) => self.no_socket(path),
            Obstacle::Lookup => self.lookup(),
            Obstacle::Limit(limit) => Some(self.limit(*limit)),
            Obstacle::Owner(path) => Some(plain(
                format!(
                    "could not give {} to another owner: a build has one user",
                    quoted_path(path)
                ),
                Layer::Identity,
                "owner",
            )),
            Obstacle::Across(path) => Some(plain(
                format!(
                    "could not move or link to {}, which is on another file system of the build's; \
                     copy it instead",
                    quoted_path(path)
                ),
                Layer::Mounts,
                "across",
            )),
        }
    }

    fn sees(&self, path: &Path) -> bool {
        self.visible.as_ref().is_none_or(|visible| visible.has(path))
    }

    /// The layer that hides paths.
    fn hiding(&self) -> Layer {
        if self.plan.kind == PlanKind::Contained { Layer::Landlock } else { Layer::Mounts }
    }

    fn missing(&self, path: &Path) -> Option<Cause> {
        if let Some(cause) = self.no_program(path) {
            return Some(cause);
        }
        if let Some(cause) = self.at_home(path) {
            return Some(cause);
        }
        let found = host::found(path).filter(|_| !self.sees(path))?;
        let offer = self.reading(path, found);
        let text = format!(
            "looked for {}, which this host has and the build does not see",
            quoted_path(path)
        );
        Some(self.granting(text, path, offer, found))
    }

    /// What the build looked for in its own home, and its caller has in his. No switch shows one home
    /// in the other.
    fn at_home(&self, path: &Path) -> Option<Cause> {
        let (own, callers) = self.home.as_ref()?;
        let theirs = callers.join(path.strip_prefix(own).ok()?);
        host::found(&theirs)?;
        let text = format!(
            "looked for {}: its HOME is a private one, and {} is in yours",
            quoted_path(path),
            quoted_path(&theirs)
        );
        let mut cause = plain(text, self.hiding(), &format!("home {}", theirs.display()));
        // Where Python and others look as they begin, and do without.
        cause.used = path.strip_prefix(own).is_ok_and(|name| name.starts_with(".local"));
        Some(cause)
    }

    fn granting(
        &self,
        text: String,
        path: &Path,
        offer: Result<PathBuf, Withheld>,
        found: Found,
    ) -> Cause {
        let kernels = ["/sys", "/dev"].iter().any(|begin| path.starts_with(begin));
        let shells = ["/etc/profile", "/etc/bash.bashrc", "/etc/inputrc", "/etc/localtime"];
        let (text, switch) = match offer {
            Ok(place) => {
                // The name that was asked for may hide where it leads.
                let led = place.canonicalize().ok().filter(|solid| *solid != place);
                let led = led.map_or_else(String::new, |solid| {
                    format!("; {} leads to {}", quoted_path(&place), quoted_path(&solid))
                });
                (format!("{text}{led}"), Some(format!("--ro {}", word(&place))))
            }
            Err(Withheld::Wide) => (text, None),
            Err(Withheld::Secret) => {
                (format!("{text}; it may be a secret, so that no switch is proposed"), None)
            }
            Err(Withheld::Beside) => (
                format!("{text}; what may be a secret lies there, so that no switch is proposed"),
                None,
            ),
        };
        Cause {
            text,
            layer: self.hiding(),
            group: format!("ro {}", switch.as_deref().unwrap_or_default()),
            used: switch.is_none() || kernels || shells.iter().any(|it| path == Path::new(it)),
            switch,
            leads_on: found == Found::Directory,
            place: Some(path.to_owned()),
        }
    }

    /// What may be proposed so that the build sees `path`. A link that it sees leads to where it does
    /// not.
    fn reading(&self, path: &Path, found: Found) -> Result<PathBuf, Withheld> {
        let seen = self.visible.as_ref().is_some_and(|visible| visible.names(path));
        self.offers.reading(path, found, seen)
    }

    fn not_executed(&self, path: &Path) -> Option<Cause> {
        if host::found(path).is_none() || !self.sees(path) {
            return self.missing(path);
        }
        let text = format!(
            "could not execute {}: it is there, but the interpreter that its beginning names is not",
            quoted_path(path)
        );
        Some(plain(text, self.hiding(), "interpreter"))
    }

    fn closed(&self, path: &Path) -> Option<Cause> {
        let found = host::found(path)?;
        if !self.sees(path) {
            return self.missing(path);
        }
        let text =
            format!("may not read {}: the build's user is another than yours", quoted_path(path));
        let mut cause = plain(text, Layer::Identity, "closed");
        let offer = self.offers.opening(path).ok().filter(|_| found != Found::Directory);
        cause.switch = offer.map(|file| format!("chmod o+r {}", word(&file)));
        Some(cause)
    }

    fn not_written(&self, path: &Path, errno: i32) -> Cause {
        let directory = path.parent().unwrap_or(path);
        let why = Errno::from_raw_os_error(errno);
        let why = if why == Errno::ROFS { "it is read-only" } else { "that is refused" };
        self.writing(path, directory, format!("could not write to {}: {why}", quoted_path(path)))
    }

    fn gone(&self, path: &Path) -> Option<Cause> {
        let directory = path.parent()?;
        if self.sees(directory) || host::found(directory) != Some(Found::Directory) {
            return None;
        }
        let text = format!(
            "could not write {}, for {} is not there for the build",
            quoted_path(path),
            quoted_path(directory)
        );
        Some(self.writing(path, directory, text))
    }

    fn writing(&self, path: &Path, directory: &Path, text: String) -> Cause {
        let exists = host::found(directory) == Some(Found::Directory);
        // What the host starts, or what a home holds, is not for a build to leave things in.
        let offer = Some(self.offers.writing(path, directory)).filter(|_| exists);
        let switch = offer.and_then(Result::ok).map(|place| format!("--rw {}", word(&place)));
        let layer = match self.plan.kind {
            PlanKind::Contained => Layer::Landlock,
            PlanKind::Bare | PlanKind::Namespaced => Layer::Mounts,
        };
        let text = if switch.is_none() {
            format!("{text}; let it write to its tree, its HOME or /tmp")
        } else {
            text
        };
        Cause {
            group: format!("rw {}", directory.display()),
            text,
            layer,
            switch,
            place: None,
            leads_on: false,
            used: false,
        }
    }

    /// Where a program was looked for that no entry of the build's PATH has, and one of its caller's.
    fn no_program(&self, path: &Path) -> Option<Cause> {
        let (name, entry) = (path.file_name()?, path.parent()?);
        if !self.path.iter().any(|known| known == entry) {
            return None;
        }
        let is_there = |entry: &PathBuf| {
            let candidate = entry.join(name);
            host::found(&candidate) == Some(Found::Program) && self.sees(&candidate)
        };
        if self.path.iter().any(is_there) {
            return None;
        }
        let candidates = self.callers.iter().map(|entry| entry.join(name));
        let program = candidates.into_iter().find(|it| host::found(it) == Some(Found::Program))?;
        let text = format!(
            "did not find the program {}, which is {} in your PATH and not there for the build",
            quoted(&name.to_string_lossy()),
            quoted_path(&program)
        );
        let offer = self.reading(&program, Found::Program);
        Some(self.granting(text, &program, offer, Found::Program))
    }

    fn refused(&self, name: &str, errno: i32) -> Cause {
        let missing = errno == nix::errno::Errno::ENOSYS as i32;
        let answer = match Errno::from_raw_os_error(errno) {
            Errno::NOSYS => "as if the kernel had none".to_owned(),
            Errno::PERM => "as not permitted".to_owned(),
            other => format!("with \"{other}\""),
        };
        let text = format!("called `{name}`, which the filter answers {answer}");
        let mut cause = plain(text, Layer::Syscalls, &format!("call {name}"));
        cause.switch =
            self.choice(name).map(|key| format!("{key} = true in the [syscalls] of a --policy"));
        // Programs ask what the kernel has, and do without.
        cause.used = missing;
        cause
    }

    /// The key of a policy file under which a call of that name is allowed.
    fn choice(&self, name: &str) -> Option<&'static str> {
        let (chosen, architecture) = self.plan.choices?;
        let decides = |choice: Choice| {
            let of = |made: bool| {
                let table = Table::of(chosen.set(choice, made), architecture);
                table.named(name).map(|entry| entry.rule)
            };
            !chosen.has(choice) && of(true) != of(false)
        };
        SYSCALLS.into_iter().find_map(|(key, choice)| decides(choice).then_some(key))
    }

    fn not_reached(&self, address: &str, errno: i32) -> Cause {
        let error = Errno::from_raw_os_error(errno);
        let local = address.starts_with("127.") || address.starts_with("[::1]");
        let off = !self.plan.has(Layer::Network) && self.plan.kind != PlanKind::Contained;
        let text = if local {
            format!("found nobody at {address}: the build's loopback is its own")
        } else if off {
            format!("did not reach {address}: {error}")
        } else {
            format!("did not reach {address}: a build has no network; fetch before it")
        };
        let mut cause = plain(text, Layer::Network, if local { "loopback" } else { "network" });
        cause.used = off;
        cause
    }

    fn lookup(&self) -> Option<Cause> {
        let on = self.plan.has(Layer::Network) || self.plan.kind == PlanKind::Contained;
        let text = "looked up the address of a host: a build has no network; fetch before it";
        on.then(|| plain(text.to_owned(), Layer::Network, "network"))
    }

    fn no_socket(&self, path: &Path) -> Option<Cause> {
        if self.sees(path) || host::found(path) != Some(Found::Socket) {
            return None;
        }
        let text = format!(
            "did not reach the socket {}, behind which a program of this host listens that the build \
             does not see",
            quoted_path(path)
        );
        let mut cause = plain(text, self.hiding(), &format!("socket {}", path.display()));
        let offer = self.reading(path, Found::Socket).ok();
        cause.switch = offer.map(|directory| format!("--ro {}", word(&directory)));
        Some(cause)
    }

    fn limit(&self, limit: Shortage) -> Cause {
        let (what, switch) = match limit {
            Shortage::Memory => ("got no more memory", Limit::Memory.switch()),
            Shortage::Processes => ("could not start one more process", Limit::Pids.switch()),
            Shortage::OpenFiles => ("could not open one more file", Limit::OpenFiles.switch()),
            Shortage::FileSize => ("could not make a file larger", Limit::FileSize.switch()),
            Shortage::Space if self.plan.scratch.is_none() => {
                ("found no space left for its files", "--memory, or --scratch DIR".to_owned())
            }
            Shortage::Space => (
                "found no space left for its files",
                "--scratch DIR, where there is more room".to_owned(),
            ),
        };
        let mut cause = plain(what.to_owned(), Layer::Limits, what);
        cause.switch = Some(switch);
        cause
    }
}

fn plain(text: String, layer: Layer, group: &str) -> Cause {
    let group = format!("{layer} {group}");
    Cause { text, layer, switch: None, group, place: None, leads_on: false, used: false }
}

#[cfg(test)]
#[path = "causes_tests.rs"]
mod tests;
