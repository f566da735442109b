//! How the words of a manifest are spelt, in one list for each vocabulary.
#![forbid(unsafe_code)]

use sandbox::{Layer, Level, UnknownWord};

use super::attack::{
    Demanded, Expected, FrontendStep, Hook, Hostility, InterruptSignal, Lent, LogReader, Namespace,
    Need, Privilege, Resource, Second, Severity, Whom,
};
use super::diagnostic::Code;

/// A vocabulary: a type whose values are words of the manifest.
pub(crate) trait Spelt: Copy + PartialEq + 'static {
    /// What one of the words is called in a message.
    const KIND: &'static str;
    /// The mistake that a word outside of it is.
    const CODE: Code = Code::BadValue;
    /// The words, with their spelling.
    const WORDS: &'static [(Self, &'static str)];

    /// The value of a word.
    fn read(word: &str) -> Result<Self, UnknownWord> {
        Self::WORDS.iter().find(|(_, name)| *name == word).map(|(value, _)| *value).ok_or_else(
            || {
                let known: Vec<_> = Self::WORDS.iter().map(|(_, name)| *name).collect();
                UnknownWord::new(Self::KIND, word, &known)
            },
        )
    }

    /// The word of a value.
    fn spelt(self) -> &'static str;
}

/// The known word that is nearest to `word`, if one is near.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    sandbox::nearest(word, known, UnknownWord::MOST_WRONG)
}

macro_rules! spelt {
    ($type:ty, $kind:literal, $({ $($code:tt)* })? [$($value:ident = $name:literal),+ $(,)?]
     $(but $other:ident)?) => {
        impl Spelt for $type {
            const KIND: &'static str = $kind;
            $($($code)*)?
            const WORDS: &'static [(Self, &'static str)] = &[$((Self::$value, $name)),+];

            fn spelt(self) -> &'static str {
                // Whoever adds a value hears from the compiler that it has no word yet.
                match self {
                    $(Self::$value => $name,)+
                    $(Self::$other => "",)?
                }
            }
        }
    };
}

spelt!(Level, "level", [None = "none", Network = "network", Proposal = "proposal", Full = "full",]);

spelt!(Layer, "layer", { const CODE: Code = Code::UnknownLayer; } [
    Userns = "userns",
    Identity = "identity",
    Environment = "environment",
    Network = "network",
    Pid = "pid",
    Proc = "proc",
    Ipc = "ipc",
    Hostname = "hostname",
    Mounts = "mounts",
    Privileges = "privileges",
    Syscalls = "syscalls",
    Landlock = "landlock",
    Limits = "limits",
    Descriptors = "descriptors",
    Session = "session",
    Leash = "leash",
    Harvest = "harvest",
]);

spelt!(
    Severity,
    "severity",
    [Low = "low", Medium = "medium", High = "high", Critical = "critical",]
);

spelt!(
    Hook,
    "hook",
    [
        GetRequiresForBuildWheel = "get_requires_for_build_wheel",
        GetRequiresForBuildSdist = "get_requires_for_build_sdist",
        GetRequiresForBuildEditable = "get_requires_for_build_editable",
        PrepareMetadataForBuildWheel = "prepare_metadata_for_build_wheel",
        PrepareMetadataForBuildEditable = "prepare_metadata_for_build_editable",
        BuildWheel = "build_wheel",
        BuildSdist = "build_sdist",
        BuildEditable = "build_editable",
    ]
);

spelt!(
    Lent,
    "thing that a lab lends",
    [Handles = "file-handles", Bpf = "bpf", Perf = "perf", Tracing = "tracing",]
);

spelt!(InterruptSignal, "signal", [Kill = "KILL", Term = "TERM", Int = "INT"]);

spelt!(Whom, "receiver of the signal", [Supervisor = "supervisor", Frontend = "frontend"]);

spelt!(
    Second,
    "place of the second build",
    [Before = "before", Beside = "beside", After = "after",]
);

spelt!(
    Need,
    "probe",
    [
        Userns = "userns",
        Useradd = "useradd",
        Compiler = "compiler",
        PythonHeaders = "python-headers",
        Loopback = "loopback",
        Shm = "shm",
        Tmp = "tmp",
        Ipv6 = "ipv6",
        Keyring = "keyring",
        Root = "root",
    ]
);

spelt!(
    Privilege,
    "privilege",
    [
        CallerUid = "caller-uid",
        Capabilities = "capabilities",
        NestedUserns = "nested-userns",
        CallerGroup = "caller-group",
        NewPrivileges = "new-privileges",
        IoUring = "io-uring",
        Userfaultfd = "userfaultfd",
        PerfEvent = "perf-event",
        BpfMap = "bpf-map",
        BpfProgram = "bpf-program",
        PacketSocket = "packet-socket",
    ]
);

spelt!(
    FrontendStep,
    "step of the front end",
    [
        BuildLog = "build-log",
        CopyRequirements = "copy-requirements",
        ReadMetadata = "read-metadata",
        ReadPyproject = "read-pyproject",
        InstallRequirements = "install-requirements",
        OutputInTree = "output-in-tree",
    ]
);

spelt!(
    Hostility,
    "kind of hostile artefact",
    [
        Symlink = "symlink",
        Fifo = "fifo",
        Device = "device",
        Socket = "socket",
        Directory = "directory",
        HardLink = "hard-link",
        SetId = "set-id",
        NameOutside = "name-outside",
        Extra = "extra",
        ZipTraversal = "zip-traversal",
        ZipSymlink = "zip-symlink",
        ZipDuplicate = "zip-duplicate",
        Bomb = "bomb",
        RecordMismatch = "record-mismatch",
        MetadataMismatch = "metadata-mismatch",
        TarTraversal = "tar-traversal",
        TarLink = "tar-link",
        TarDevice = "tar-device",
        TarDuplicate = "tar-duplicate",
        TarTwoNames = "tar-two-names",
        TarHidden = "tar-hidden",
        Twin = "twin",
        ZipHidden = "zip-hidden",
        BuildTag = "build-tag",
        StartUp = "start-up",
        Program = "program",
        ProgramOutside = "program-outside",
        OtherRelease = "other-release",
        ShellStartUp = "shell-start-up",
    ]
);

spelt!(Namespace, "namespace", [Net = "net", Mnt = "mnt", Pid = "pid", Ipc = "ipc", Uts = "uts",]);

spelt!(
    Demanded,
    "kind of requirement",
    [Url = "url", Argument = "argument", Path = "path", Archive = "archive"]
);

spelt!(
    LogReader,
    "reader of logs",
    [
        Github = "github",
        GithubV1 = "github-v1",
        Azure = "azure",
        Teamcity = "teamcity",
        Gitlab = "gitlab",
        Terminal = "terminal",
        Unicode = "utf-8",
    ]
);

spelt!(
    Resource,
    "resource",
    [
        Memory = "memory",
        Processes = "processes",
        Disk = "disk",
        Files = "files",
        Time = "time",
        Log = "log",
        Core = "core",
    ]
);

// That nothing was run is what no manifest expects.
spelt!(Expected, "outcome", [Blocked = "blocked", Escaped = "escaped", Built = "built"] but NotRun);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_and_levels_are_spelt_as_the_sandbox_spells_them() {
        for layer in Layer::ALL {
            assert_eq!(layer.spelt(), layer.name());
        }
        for level in Level::ALL {
            assert_eq!(level.spelt(), level.name());
        }
    }

    #[test]
    fn a_near_word_is_found_and_a_far_one_is_not() {
        assert_eq!(nearest("titel", &["title", "id"]), Some("title"));
        assert_eq!(nearest("zz", &["title", "id"]), None);
    }
}
