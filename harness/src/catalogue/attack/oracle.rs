//! What is looked for from outside, as a manifest says it.
#![forbid(unsafe_code)]

/// One oracle of a manifest.
#[derive(Clone, Debug)]
pub struct OracleSpec {
    /// Its name; what the report lists under `saw`.
    pub id: String,
    /// What it looks for.
    pub kind: OracleKind,
}

/// What an oracle looks for; all of it from outside the sandbox.
#[derive(Clone, Debug)]
pub enum OracleKind {
    /// The canary of `plant` arrived at some listener of the lab.
    CanaryReceived {
        /// The plant whose canary it is.
        plant: String,
    },
    /// The canary of `plant` is in the wheel, the sdist, a name or the log.
    CanaryInArtefact {
        /// The plant whose canary it is.
        plant: String,
    },
    /// The listener `plant` heard this trial's nonce.
    SocketReached {
        /// The listener.
        plant: String,
    },
    /// A path that was not there before the build is there after it.
    FileCreated {
        /// Where, a template; a trailing `*` matches the rest.
        path: String,
    },
    /// A path that was there before the build is another one, or gone, after it.
    FileChanged {
        /// Where, a template.
        path: String,
    },
    /// A file that was there before the build can afterwards be written by everybody.
    FileExposed {
        /// Where, a template.
        path: String,
    },
    /// The lab has another host name than before.
    HostnameChanged,
    /// A process that is not the lab's outlives the build.
    ProcessSurvives,
    /// `/etc/passwd` has an account that it had not before the build.
    UserLeaked,
    /// A mount, cgroup or namespace outlives the build.
    MountLeft,
    /// The victim `plant` was stopped or ended by a signal.
    VictimSignalled {
        /// The process.
        plant: String,
    },
    /// The kernel treats the victim `plant` otherwise than before: it gets less of the processor,
    /// or is the first to go when memory is short.
    VictimDisturbed {
        /// The process.
        plant: String,
    },
    /// The memory of the victim or segment `plant` is another than before.
    VictimChanged {
        /// The process or shared memory segment.
        plant: String,
    },
    /// The hook, held still and looked at from outside, has a privilege that it should not.
    PrivilegeGained {
        /// Which.
        what: Privilege,
    },
    /// Something arrived on the input of the front end's terminal, where a shell would read it.
    TerminalInput,
    /// The settings of the front end's terminal are others than before.
    TerminalChanged,
    /// The wheel of the second, honest build is not the one that its source gives.
    SecondBuildChanged,
    /// The front end finds something in its output directory that could be used against it.
    ArtefactHostile {
        /// What.
        what: Hostility,
    },
    /// A hook returned a requirement with which an installer would do more than look up a name.
    RequirementReturned {
        /// What.
        what: Demanded,
    },
    /// A reader of CI logs takes a line of the build for a command.
    LogCommand {
        /// Which reader.
        what: LogReader,
    },
    /// The build used more than it may, as measured outside.
    LimitExceeded {
        /// Of what.
        what: Resource,
        /// This much is allowed: bytes, a number, or milliseconds.
        most: u64,
    },
    /// A hook still ran when the time that the sandbox was told was over.
    HookOutlivedDeadline,
    /// A process of the build opened the file.
    FileOpened {
        /// Where, a template.
        path: String,
    },
    /// A process of the build had the file open for writing. It need not have written.
    FileWritable {
        /// Where, a template.
        path: String,
    },
}

/// What may be hostile about an artefact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hostility {
    /// A symbolic link in the place of a file.
    Symlink,
    /// A FIFO, at which a reader hangs.
    Fifo,
    /// A device node.
    Device,
    /// A socket.
    Socket,
    /// A directory in the place of a wheel or an sdist.
    Directory,
    /// A second name of some other file.
    HardLink,
    /// A set-user-ID or set-group-ID bit, on the file or on a member of it.
    SetId,
    /// The hook returned a name that leads out of the output directory.
    NameOutside,
    /// A file beside the one that the hook named.
    Extra,
    /// A wheel's member is unpacked outside.
    ZipTraversal,
    /// A wheel's member is a symbolic link.
    ZipSymlink,
    /// A wheel has two members of one name, or its two directories of members differ.
    ZipDuplicate,
    /// An archive unpacks to far more than it is.
    Bomb,
    /// A wheel's `RECORD` does not describe its members.
    RecordMismatch,
    /// A wheel's metadata name another project or version than its file name.
    MetadataMismatch,
    /// An sdist's member is unpacked outside.
    TarTraversal,
    /// An sdist's member is a link that leads outside.
    TarLink,
    /// An sdist's member is a device or a FIFO.
    TarDevice,
    /// An sdist has two members of one name.
    TarDuplicate,
    /// An sdist's member has another name in its own header than in the one before it.
    TarTwoNames,
    /// Something lies behind the members of an sdist, or in the header of what it is packed in.
    TarHidden,
    /// Two members have names that are one where case makes no difference.
    Twin,
    /// A second archive lies in a wheel where no member is.
    ZipHidden,
    /// A wheel has a build tag.
    BuildTag,
    /// A wheel brings a file that the interpreter runs at every start.
    StartUp,
    /// An entry point of a wheel becomes a program that is run in the place of another.
    Program,
    /// An entry point of a wheel becomes a program outside of the directory of programs.
    ProgramOutside,
    /// A wheel brings what counts as another release that is installed.
    OtherRelease,
    /// A wheel brings a file that a shell runs whenever somebody enters the environment.
    ShellStartUp,
}

/// What a returned requirement asks of an installer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demanded {
    /// To fetch an address.
    Url,
    /// To take an option.
    Argument,
    /// To read a path.
    Path,
    /// To build a file that has the name of an archive.
    Archive,
}

/// Programs that find commands in the log of a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogReader {
    /// The runner of `GitHub` Actions, `::command::` at the beginning of a line.
    Github,
    /// Its older form, `##[command]` anywhere in a line.
    GithubV1,
    /// The agent of Azure Pipelines, `##vso[command]`.
    Azure,
    /// `TeamCity`, `##teamcity[…]`.
    Teamcity,
    /// The marks of `GitLab` for sections.
    Gitlab,
    /// A terminal: escape sequences.
    Terminal,
    /// A program that reads UTF-8 and ends at what is none.
    Unicode,
}

/// What a build uses up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Memory of the whole lab, its files included, in bytes at the peak.
    Memory,
    /// Processes and threads of the whole lab at the peak.
    Processes,
    /// Bytes in files, when the build is over.
    Disk,
    /// Files and directories, when the build is over.
    Files,
    /// Milliseconds of the longest hook.
    Time,
    /// Bytes of output.
    Log,
    /// Bytes of a core dump that a held process may leave.
    Core,
}

/// What a posture oracle looks for in `/proc/PID` of the held process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privilege {
    /// Its uid, as the host sees it, is the front end's own.
    CallerUid,
    /// Its effective capability set is not empty.
    Capabilities,
    /// It is in another user namespace than the hook that started it.
    NestedUserns,
    /// Its group, or one of its further groups, is the front end's own.
    CallerGroup,
    /// What it executes may have more rights than it has: `no_new_privs` is not set.
    NewPrivileges,
    /// It holds a queue of `io_uring(7)`.
    IoUring,
    /// It holds a descriptor of `userfaultfd(2)`.
    Userfaultfd,
    /// It holds a counter of `perf_event_open(2)`.
    PerfEvent,
    /// It holds a map of `bpf(2)`.
    BpfMap,
    /// It holds a program of `bpf(2)`.
    BpfProgram,
    /// It holds a socket of `packet(7)`.
    PacketSocket,
}
