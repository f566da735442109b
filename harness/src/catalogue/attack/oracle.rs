//! What is looked for from outside, as a manifest says it: the table of all kinds of oracle. Reader, schema
//! and self-tests read it.
#![forbid(unsafe_code)]

mod words;

pub use words::{Demanded, Hostility, LogReader, Privilege, Resource};

/// One oracle of a manifest.
#[derive(Clone, Debug)]
pub struct OracleSpec {
    /// Its name; what the report lists under `saw`.
    pub id: String,
    /// What it looks for.
    pub kind: OracleKind,
}

/// The keys that the tables of a kind have beside `id` and `kind`, and what is made of their values.
#[derive(Clone, Copy, Debug)]
pub enum OracleKeys {
    /// No other.
    Nothing(fn() -> OracleKind),
    /// `plant`, which names one.
    Plant(fn(String) -> OracleKind),
    /// `path`, a template of what the lists of files before and after the build are compared for.
    Listed(fn(String) -> OracleKind),
    /// `path`, a template of a file that is watched while the build runs.
    Watched(fn(String) -> OracleKind),
    /// Keys of its own, which its reader and its schema know.
    Own,
}

/// The keys of a kind, by the word for them.
macro_rules! keys {
    (Nothing $Kind:ident) => {
        OracleKeys::Nothing(|| OracleKind::$Kind {})
    };
    (Plant $Kind:ident) => {
        OracleKeys::Plant(|plant| OracleKind::$Kind { plant })
    };
    (Listed $Kind:ident) => {
        OracleKeys::Listed(|path| OracleKind::$Kind { path })
    };
    (Watched $Kind:ident) => {
        OracleKeys::Watched(|path| OracleKind::$Kind { path })
    };
    (Own $Kind:ident) => {
        OracleKeys::Own
    };
}

/// The path of a kind whose keys are called as the first word says; none of any other.
macro_rules! path_of {
    (Listed, Listed $path:ident) => {
        Some($path)
    };
    (Watched, Watched $path:ident) => {
        Some($path)
    };
    ($wanted:ident, $keys:ident $($field:ident)*) => {{
        $(let _ = $field;)*
        None
    }};
}

macro_rules! oracles {
    ($(
        $(#[doc = $doc:literal])+
        $Kind:ident $({ $($(#[doc = $about:literal])+ $field:ident: $Type:ty),+ })? = $word:literal, $keys:ident;
    )*) => {
        /// What an oracle looks for; all of it from outside the sandbox.
        #[derive(Clone, Debug)]
        pub enum OracleKind {
            $($(#[doc = $doc])+ $Kind $({ $($(#[doc = $about])+ $field: $Type),+ })?,)*
        }

        impl OracleKind {
            /// What `kind` may be in an `[[oracle]]` table.
            pub const NAMES: [&str; [$($word),*].len()] = [$($word),*];

            /// The word for this one.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$Kind { .. } => $word,)*
                }
            }

            /// The keys of the kind that is called `word`.
            #[must_use]
            pub fn keys(word: &str) -> Option<OracleKeys> {
                match word {
                    $($word => Some(keys!($keys $Kind)),)*
                    _ => None,
                }
            }

            /// The path for which it compares the lists of files, a template.
            #[must_use]
            pub fn listed_path(&self) -> Option<&str> {
                match self {
                    $(Self::$Kind { $($($field),+)? } => path_of!(Listed, $keys $($($field)+)?),)*
                }
            }

            /// The path that it has watched while the build runs, a template.
            #[must_use]
            pub fn watched_path(&self) -> Option<&str> {
                match self {
                    $(Self::$Kind { $($($field),+)? } => path_of!(Watched, $keys $($($field)+)?),)*
                }
            }
        }
    };
}

oracles! {
    /// The canary of `plant` arrived at some listener of the lab.
    CanaryReceived {
        /// The plant whose canary it is.
        plant: String
    } = "canary-received", Plant;
    /// The canary of `plant` is in the wheel, the sdist, a name or the log.
    CanaryInArtefact {
        /// The plant whose canary it is.
        plant: String
    } = "canary-in-artefact", Plant;
    /// The listener `plant` heard this trial's nonce.
    SocketReached {
        /// The listener.
        plant: String
    } = "socket-reached", Plant;
    /// A path that was not there before the build is there after it.
    FileCreated {
        /// Where, a template; a trailing `*` matches the rest.
        path: String
    } = "file-created", Listed;
    /// A path that was there before the build is another one, or gone, after it.
    FileChanged {
        /// Where, a template.
        path: String
    } = "file-changed", Listed;
    /// A process that is not the lab's outlives the build.
    ProcessSurvives = "process-survives", Nothing;
    /// `/etc/passwd` has an account that it had not before the build.
    UserLeaked = "user-leaked", Nothing;
    /// A mount, cgroup or namespace outlives the build.
    MountLeft = "mount-left", Nothing;
    /// The victim `plant` was stopped or ended by a signal.
    VictimSignalled {
        /// The process.
        plant: String
    } = "victim-signalled", Plant;
    /// The memory of the victim or segment `plant` is another than before.
    VictimChanged {
        /// The process or shared memory segment.
        plant: String
    } = "victim-changed", Plant;
    /// The hook, held still and looked at from outside, has a privilege that it should not.
    PrivilegeGained {
        /// Which.
        what: Privilege
    } = "privilege-gained", Own;
    /// Something arrived on the input of the front end's terminal, where a shell would read it.
    TerminalInput = "terminal-input", Nothing;
    /// The settings of the front end's terminal are others than before.
    TerminalChanged = "terminal-changed", Nothing;
    /// The wheel of the second, honest build is not the one that its source gives.
    SecondBuildChanged = "second-build-changed", Nothing;
    /// The front end finds something in its output directory that could be used against it.
    ArtefactHostile {
        /// What.
        what: Hostility
    } = "artefact-hostile", Own;
    /// A hook returned a requirement with which an installer would do more than look up a name.
    RequirementReturned {
        /// What.
        what: Demanded
    } = "requirement-returned", Own;
    /// A reader of CI logs takes a line of the build for a command.
    LogCommand {
        /// Which reader.
        what: LogReader
    } = "log-command", Own;
    /// The build used more than it may, as measured outside.
    LimitExceeded {
        /// Of what.
        what: Resource,
        /// This much is allowed: bytes, a number, or milliseconds.
        most: u64
    } = "limit-exceeded", Own;
    /// A hook still ran when the time that the sandbox was told was over.
    HookOutlivedDeadline = "hook-outlived-deadline", Nothing;
    /// A process of the build opened the file.
    FileOpened {
        /// Where, a template.
        path: String
    } = "file-opened", Watched;
    /// A process of the build had the file open for writing. It need not have written.
    FileWritable {
        /// Where, a template.
        path: String
    } = "file-writable", Watched;
    /// A file that was there before the build can afterwards be written by everybody.
    FileExposed {
        /// Where, a template.
        path: String
    } = "file-exposed", Listed;
    /// The lab has another host name than before.
    HostnameChanged = "hostname-changed", Nothing;
    /// The kernel treats the victim `plant` otherwise than before: it gets less of the processor,
    /// or is the first to go when memory is short.
    VictimDisturbed {
        /// The process.
        plant: String
    } = "victim-disturbed", Plant;
}
