//! The contained plan: what holds a build where namespaces are refused, as under Docker's default
//! profile.
//!
//! Files are held by Landlock and by a leased uid where the caller may change users, sockets and
//! shared objects by the filter, processes by both. Private directories lie on disk, below a
//! staging directory, at paths of their own.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::path::Path;

use super::relocation::Relocation;
use crate::host::Host;
use crate::layers::landlock::{Access, Grant};
use crate::layers::mounts::SCRATCH;
use crate::payload::Payload;
use crate::policy::files::DEVICES;
use crate::policy::syscalls::{Choice, Syscalls};
use crate::words::{Layer, LayerSet};

/// The layers that need no namespace.
pub const LAYERS: LayerSet = LayerSet::of(&[
    Layer::Identity,
    Layer::Environment,
    Layer::Privileges,
    Layer::Syscalls,
    Layer::Landlock,
    Layer::Limits,
    Layer::Descriptors,
    Layer::Session,
    Layer::Leash,
    Layer::Harvest,
]);

/// Files of the host's `/etc` without which a user has no name and no loopback an address.
const NAMES: [&str; 4] = ["/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/hosts"];

/// A device that is not the build's: its own terminal is none, and the caller's is the caller's.
const TERMINAL: &str = "tty";

/// What the filter has to refuse because no namespace makes it harmless; less where the build has
/// a user of its own.
#[must_use]
pub const fn syscalls(chosen: Syscalls, own_user: bool) -> Syscalls {
    chosen
        .set(Choice::Internet, false)
        .set(Choice::Interfaces, false)
        .set(Choice::SharedObjects, false)
        .set(Choice::Watches, false)
        .set(Choice::Attributes, false)
        .set(Choice::SetGroupId, false)
        .set(Choice::Others, own_user)
}

/// What the build may use of the host, and of its staging directory.
#[must_use]
pub fn grants(payload: &Payload, host: &Host, relocation: &Relocation) -> Vec<Grant> {
    let read = Access::READ | Access::EXECUTE;
    let grant = |path: &Path, access| Grant { path: path.to_owned(), access };
    let root = Path::new("/");
    let mut grants = Vec::new();
    for name in &host.root.directories {
        grants.push(grant(&root.join(name), read));
    }
    for (name, target) in &host.root.links {
        // A rule is for what the link leads to.
        grants.push(grant(&root.join(name), read));
        grants.push(grant(&root.join(target), read));
    }
    let etc = Path::new("/etc");
    for (name, _) in &host.root.etc.shown {
        // Rules only add: of a directory that holds something else too each of the rest is named.
        let whole = !host.root.etc.withholds_below(name);
        grants.push(grant(&etc.join(name), if whole { read } else { Access::LIST }));
    }
    grants.extend(host.root.etc.beside.iter().map(|name| grant(&etc.join(name), read)));
    grants.extend(NAMES.map(|path| grant(Path::new(path), Access::READ)));
    for name in DEVICES.iter().filter(|name| **name != TERMINAL) {
        grants.push(grant(&Path::new("/dev").join(name), Access::READ | Access::WRITE));
    }
    // Without it `rustc` and the substitution of processes in shells break.
    grants.push(grant(Path::new("/proc"), Access::READ));
    for wanted in &payload.grants {
        let access = if wanted.writable { read | Access::WRITE } else { read };
        if wanted.hidden.is_empty() {
            grants.push(grant(&wanted.path, access));
            continue;
        }
        // Rules only add: what is hidden is what none of them names. Its names can be listed.
        grants.push(grant(&wanted.path, Access::LIST));
        grants.extend(wanted.shown.iter().map(|path| grant(path, access)));
    }
    let own = SCRATCH.iter().map(|(name, _)| relocation.directory(name));
    let private = own.chain(relocation.moved().map(|(_, place)| place.to_owned()));
    grants.extend(private.map(|path| grant(&path, read | Access::WRITE)));
    grants
}

/// The same payload, which starts `program`, with the paths at which it finds its private directories.
#[must_use]
pub fn relocated(payload: &Payload, program: &Path, relocation: &Relocation) -> Payload {
    let mut argv: Vec<_> = payload.argv.iter().map(|word| relocation.word(word)).collect();
    // A name that leads out of the source tree leads elsewhere from where the tree is now, and an
    // interpreter looks for its library by the name that it was started by.
    let leads_out =
        |word: &OsString| Path::new(word).is_relative() && word.as_encoded_bytes().contains(&b'/');
    if let Some(name) = argv.first_mut().filter(|word| leads_out(word))
        && relocation.place(program).is_none()
    {
        program.as_os_str().clone_into(name);
    }
    let environment =
        payload.environment.iter().map(|(name, value)| (name.clone(), relocation.list(value)));
    Payload {
        argv,
        directory: relocation.path(&payload.directory),
        needs: payload.needs.iter().map(|path| relocation.path(path)).collect(),
        environment: environment.collect(),
        ..payload.clone()
    }
}
