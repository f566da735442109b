//! To whom a user namespace belongs: whoever creates it, by effective uid (`user_namespaces(7)`).
//!
//! What the kernel counts for a user of the namespace it counts for the owner too, in the namespace
//! around it. So the sandbox's belongs to the build's user and not to the supervisor's, else all
//! builds of root would draw on what root may have.
#![forbid(unsafe_code)]

use nix::unistd::{Gid as NixGid, ResGid, ResUid, Uid as NixUid, getresgid, getresuid};
use rustix::io::Errno;
use rustix::process::{
    DumpableBehavior, Gid, Signal, Uid, dumpable_behavior, getpid, getppid, kill_process,
    parent_process_death_signal, set_dumpable_behavior, set_parent_process_death_signal,
};
use rustix::thread::{
    CapabilitySets, UnshareFlags, capabilities, set_capabilities, set_thread_res_gid,
    set_thread_res_uid,
};

use crate::step::{At, Fault, Step};
use crate::sys::clone::{Side, Started, clone_into};

/// Why no process was started in namespaces of its own.
#[derive(Debug)]
pub enum NotStarted {
    /// The namespaces were refused.
    Refused(Errno),
    /// They could not be given to their owner.
    Owner(Fault),
}

/// Starts a process in new `namespaces`, the user namespace of which belongs to `owner`, or to the
/// caller where none is given.
///
/// For that moment the calling process has the owner's effective uid and gid. It keeps its
/// capabilities, and what it opens it opens as before. The new process begins with those ids, and
/// is no more to be looked into than a set-id program (`PR_SET_DUMPABLE`) until it changes that.
///
/// The caller must have one thread only, as for [`clone_into`].
///
/// # Errors
/// What was refused; the calling process is what it was.
pub fn start(
    namespaces: UnshareFlags,
    owner: Option<(u32, u32)>,
) -> Result<Side<Started>, NotStarted> {
    let Some(owner) = owner else { return clone_into(namespaces).map_err(NotStarted::Refused) };
    let failed = |fault| NotStarted::Owner(fault);
    let before = Before::look().at(Step::OwnNamespaces).map_err(failed)?;
    if let Err(fault) = before.act_as(owner).at(Step::OwnNamespaces) {
        before.restore().map_err(failed)?;
        return Err(NotStarted::Owner(fault));
    }
    match clone_into(namespaces) {
        Ok(Side::Child) => Ok(Side::Child),
        Ok(Side::Parent(started)) => match before.restore() {
            Ok(()) => Ok(Side::Parent(started)),
            Err(fault) => {
                crate::sys::clone::end(&started);
                Err(NotStarted::Owner(fault))
            }
        },
        Err(errno) => {
            before.restore().map_err(failed)?;
            Err(NotStarted::Refused(errno))
        }
    }
}

/// What a change of user changes of a process, as it was before.
struct Before {
    uids: ResUid,
    gids: ResGid,
    capabilities: CapabilitySets,
    dumpable: DumpableBehavior,
    death_signal: Option<Signal>,
    parent: Option<rustix::process::Pid>,
}

impl Before {
    fn look() -> Result<Self, Errno> {
        let known = |errno: nix::errno::Errno| Errno::from_raw_os_error(errno as i32);
        Ok(Self {
            uids: getresuid().map_err(known)?,
            gids: getresgid().map_err(known)?,
            capabilities: capabilities(None)?,
            dumpable: dumpable_behavior()?,
            death_signal: parent_process_death_signal()?,
            parent: getppid(),
        })
    }

    /// Takes the effective ids of `owner`. The old ones stay saved, so that they can be had again; files
    /// are opened with them all the while.
    fn act_as(&self, (uid, gid): (u32, u32)) -> Result<(), Errno> {
        let Self { uids, gids, .. } = self;
        set_thread_res_gid(group(gids.real), Gid::from_raw(gid), group(gids.effective))?;
        open_as_group(gids.effective)?;
        set_thread_res_uid(user(uids.real), Uid::from_raw(uid), user(uids.effective))?;
        open_as_user(uids.effective)?;
        // Root that becomes somebody else has them permitted, and in effect no more.
        set_capabilities(None, self.capabilities)?;
        let uids = [uids.real.as_raw(), uid, uids.effective.as_raw()];
        self.compare(uids, [gids.real.as_raw(), gid, gids.effective.as_raw()])
    }

    /// Looks whether the kernel has this process' ids (real, effective, saved) and capabilities as they
    /// were asked for.
    fn compare(&self, uids: [u32; 3], gids: [u32; 3]) -> Result<(), Errno> {
        let now = Self::look()?;
        let users = [now.uids.real, now.uids.effective, now.uids.saved].map(NixUid::as_raw);
        let groups = [now.gids.real, now.gids.effective, now.gids.saved].map(NixGid::as_raw);
        let same = users == uids && groups == gids && now.capabilities == self.capabilities;
        if same { Ok(()) } else { Err(Errno::NOTRECOVERABLE) }
    }

    /// Becomes what it was. Tried twice, for whatever comes next needs it, the clearing away too.
    fn restore(&self) -> Result<(), Fault> {
        self.try_restore().or_else(|_| self.try_restore()).at(Step::OwnNamespaces)
    }

    fn try_restore(&self) -> Result<(), Errno> {
        let Self { uids, gids, .. } = self;
        set_thread_res_uid(user(uids.real), user(uids.effective), user(uids.saved))?;
        set_thread_res_gid(group(gids.real), group(gids.effective), group(gids.saved))?;
        set_capabilities(None, self.capabilities)?;
        self.compare(
            [uids.real.as_raw(), uids.effective.as_raw(), uids.saved.as_raw()],
            [gids.real.as_raw(), gids.effective.as_raw(), gids.saved.as_raw()],
        )?;
        set_dumpable_behavior(self.dumpable)?;
        if let Some(signal) = self.death_signal {
            set_parent_process_death_signal(Some(signal))?;
            if getppid() != self.parent {
                // It died meanwhile, when nobody was to be told.
                kill_process(getpid(), signal)?;
            }
        }
        Ok(())
    }
}

fn user(id: NixUid) -> Uid {
    Uid::from_raw(id.as_raw())
}

fn group(id: NixGid) -> Gid {
    Gid::from_raw(id.as_raw())
}

/// Opens files as `id` from here on (`setfsuid(2)`). The call gives no error, only who it was before.
fn open_as_user(id: NixUid) -> Result<(), Errno> {
    nix::unistd::setfsuid(id);
    if nix::unistd::setfsuid(id) == id { Ok(()) } else { Err(Errno::PERM) }
}

fn open_as_group(id: NixGid) -> Result<(), Errno> {
    nix::unistd::setfsgid(id);
    if nix::unistd::setfsgid(id) == id { Ok(()) } else { Err(Errno::PERM) }
}
