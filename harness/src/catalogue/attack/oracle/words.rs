//! The words that stand at `what` in an `[[oracle]]` table.
#![forbid(unsafe_code)]

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
