//! The users of a container that has its own: its root is somebody else outside (`user_namespaces(7)`).
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::{Gid, Uid, setfsgid, setfsuid, setgroups, setresgid, setresuid};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::thread::{capabilities, set_capabilities};
use sandbox::sys::mount::map_ids;

use super::host_tree::HostTree;
use super::mounts::part;
use super::profile::Profile;
use super::root::Root;

/// The argument by which the program knows that it is to lend its user namespace.
pub(super) const ROLE: &str = "__users";

/// A user namespace in which the caller of `profile` is root, and in which nobody is yet.
///
/// # Errors
/// A sentence that says what this machine refuses.
pub fn namespace(program: &Path, profile: Profile, host: &HostTree) -> Result<OwnedFd, String> {
    let map = profile.users().unwrap_or_default();
    let namespace = made(program, map)
        .map_err(|error| format!("a user namespace with a range of users is refused: {error}"))?;
    let refused = |error| format!("the files of / cannot be shown as another user's: {error}");
    let root = host.clone_of(Path::new("/")).map_err(refused)?;
    map_ids(&root, namespace.as_fd()).map_err(|errno| refused(errno.into()))?;
    Ok(namespace)
}

/// Makes the files of a lab as root of `profile` has them, for whom `namespace` is, and throws them
/// away. The calling thread gives up its mounts and its user for that.
///
/// # Errors
/// A sentence that says what this machine refuses.
pub fn try_out(profile: Profile, namespace: BorrowedFd<'_>, host: &HostTree) -> Result<(), String> {
    // A temporary file system as another user's needs Linux 6.3, an overlay over one 5.19.
    part()
        .and_then(|()| write_as_root_of(profile))
        .and_then(|()| Root::make(host, None, Some(namespace)).map(drop))
        .map_err(|error| format!("this kernel cannot show a lab as another user's: {error}"))
}

/// A program has to be in a user namespace for it to be made; it ends once it has been mapped.
fn made(program: &Path, map: &str) -> io::Result<OwnedFd> {
    let mut member = Command::new(program)
        .arg(ROLE)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut answer = [0];
    let ready = member.stdout.take().map(|mut out| out.read_exact(&mut answer));
    let place = format!("/proc/{}", member.id());
    let namespace = match ready {
        Some(Ok(())) => std::fs::write(format!("{place}/uid_map"), map)
            .and_then(|()| std::fs::write(format!("{place}/gid_map"), map))
            .and_then(|()| File::open(format!("{place}/ns/user"))),
        Some(Err(error)) => Err(error),
        None => Err(io::ErrorKind::BrokenPipe.into()),
    };
    drop(member.stdin.take());
    member.wait()?;
    Ok(namespace?.into())
}

/// Lends a user namespace: says when it is there, and ends when standard input does.
#[must_use]
pub fn play() -> ExitCode {
    let lend = || -> io::Result<()> {
        unshare(CloneFlags::CLONE_NEWUSER)?;
        io::stdout().write_all(b"u")?;
        io::stdout().flush()?;
        io::stdin().read_exact(&mut [0])
    };
    // The end of the input is what it waits for.
    match lend() {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Lets files that the calling thread makes belong to the root of `profile`. It keeps the rights to
/// all of them, which the kernel takes away with uid 0 (capabilities(7)).
///
/// # Errors
/// Those of capget(2) and capset(2).
pub fn write_as_root_of(profile: Profile) -> io::Result<()> {
    if !profile.is_mapped() {
        return Ok(());
    }
    let own = capabilities(None)?;
    setfsgid(Gid::from_raw(profile.caller()));
    setfsuid(Uid::from_raw(profile.caller()));
    Ok(set_capabilities(None, own)?)
}

/// Makes the calling process root of `namespace`; it has one thread.
///
/// # Errors
/// Those of setns(2) and setresuid(2).
pub fn enter(namespace: OwnedFd) -> io::Result<()> {
    setns(namespace, CloneFlags::CLONE_NEWUSER)?;
    setgroups(&[])?;
    setresgid(Gid::from_raw(0), Gid::from_raw(0), Gid::from_raw(0))?;
    setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0))?;
    // A change of user takes this away; the first process of a container can be looked at.
    Ok(set_dumpable_behavior(DumpableBehavior::Dumpable)?)
}
