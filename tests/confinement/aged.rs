//! A launch as older kernels would answer it: their refusals, given under `ptrace(2)`.
//!
//! Real kernels are tried in virtual machines, which few have at hand. What was added to this one
//! since, as far as a launch could lean on it, is taken away here again, each by what the older kernel
//! looks at before it refuses.

use std::cell::{Cell, RefCell};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

use nix::errno::Errno;
use nix::libc::{self, user_regs_struct};
use nix::unistd::Pid;
use rstest::rstest;

use crate::apart::set_apart;
use crate::faults::scene::{Caller, Scene, WAIT, let_go, waiting};
use crate::faults::tracer::{Disturbance, Traced, follow};
use crate::machine::is_root;

type Release = (u32, u32);

/// A kernel, by what it does not have yet.
struct Age {
    release: Release,
    /// The version of Landlock's interface.
    landlock: i64,
    /// Its last system call.
    last: u64,
    /// An idmapped mount was made.
    mapped: Cell<bool>,
    /// The contexts that are to become overlays.
    overlays: RefCell<Vec<(Pid, u64)>>,
}

/// Of each kernel that is known to be in use: release, Landlock, last system call.
const AGES: [(Release, i64, u64); 6] = [
    ((5, 13), 1, 446),
    ((5, 15), 1, 448),
    ((6, 1), 2, 450),
    ((6, 6), 3, 452),
    ((6, 8), 4, 461),
    ((6, 12), 6, 462),
];

const TMPFS: i64 = 0x0102_1994;

impl Age {
    fn new((release, landlock, last): (Release, i64, u64)) -> Self {
        let (mapped, overlays) = (Cell::new(false), RefCell::default());
        Self { release, landlock, last, mapped, overlays }
    }

    /// What this kernel answers to a call, where a newer one would answer otherwise.
    fn answer(&self, pid: Pid, call: &user_regs_struct) -> Option<i64> {
        let refuse = |errno: Errno| Some(-i64::from(errno as i32));
        let before = |release: Release| self.release < release;
        let arguments = [call.rdi, call.rsi, call.rdx, call.r10, call.r8];
        let [first, second, third, fourth, _] = arguments;
        match i64::try_from(call.orig_rax).unwrap() {
            _ if call.orig_rax > self.last => refuse(Errno::ENOSYS),
            libc::SYS_landlock_create_ruleset if third == 1 => Some(self.landlock),
            // `check_mnt` of the kernel: the mount must be one of the caller's namespace.
            libc::SYS_open_tree
                if before((6, 15)) && third & 1 == 1 && is_detached(pid, first, second) =>
            {
                refuse(Errno::EINVAL)
            }
            libc::SYS_move_mount if before((6, 15)) && is_detached(pid, third, fourth) => {
                refuse(Errno::EINVAL)
            }
            libc::SYS_mount_setattr if is_mapping(pid, fourth) => {
                let refused = before((6, 3)) && is_in_memory(pid, first);
                self.mapped.set(self.mapped.get() || !refused);
                if refused { refuse(Errno::EINVAL) } else { None }
            }
            libc::SYS_fsetxattr
                if before((6, 6))
                    && text(pid, second).starts_with(b"user.")
                    && is_in_memory(pid, first) =>
            {
                refuse(Errno::EOPNOTSUPP)
            }
            libc::SYS_fsconfig => {
                self.configure(pid, arguments).map(|errno| -i64::from(errno as i32))
            }
            _ => None,
        }
    }

    /// `fsconfig(2)`: the layers of an overlay.
    fn configure(&self, pid: Pid, [context, command, key, ..]: [u64; 5]) -> Option<Errno> {
        const STRING: u64 = 1;
        const DESCRIPTOR: u64 = 5;
        const CREATE: u64 = 6;
        let key = text(pid, key);
        let is_layer = [&b"lowerdir"[..], b"lowerdir+", b"upperdir", b"workdir"].contains(&&*key);
        match command {
            DESCRIPTOR if self.release < (6, 13) && is_layer => Some(Errno::EINVAL),
            STRING if self.release < (6, 8) && key == b"lowerdir+" => Some(Errno::EINVAL),
            STRING if key == b"lowerdir" => {
                self.overlays.borrow_mut().push((pid, context));
                None
            }
            CREATE if self.release < (5, 19) && self.mapped.get() => {
                let is_overlay = self.overlays.borrow().contains(&(pid, context));
                is_overlay.then_some(Errno::EINVAL)
            }
            _ => None,
        }
    }
}

fn memory(pid: Pid, address: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let read =
        File::open(format!("/proc/{pid}/mem")).and_then(|it| it.read_at(&mut bytes, address));
    bytes.truncate(read.unwrap_or(0));
    bytes
}

/// The string at an address of the process.
fn text(pid: Pid, address: u64) -> Vec<u8> {
    if address == 0 {
        return vec![];
    }
    let bytes = memory(pid, address, 256);
    bytes.split(|byte| *byte == 0).next().unwrap_or_default().to_vec()
}

fn descriptor(number: u64) -> Option<i32> {
    i32::try_from(number & 0xffff_ffff).ok()
}

/// Whether a path leads from a mount that is not in the namespace of the process.
fn is_detached(pid: Pid, directory: u64, path: u64) -> bool {
    let Some(directory) = descriptor(directory).filter(|_| !text(pid, path).starts_with(b"/"))
    else {
        return false;
    };
    let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{directory}")).unwrap_or_default();
    let Some(id) = info.lines().find_map(|line| line.strip_prefix("mnt_id:")) else { return false };
    let table = fs::read(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
    let start = format!("{} ", id.trim());
    !table.split(|byte| *byte == b'\n').any(|line| line.starts_with(start.as_bytes()))
}

/// Whether `mount_setattr(2)` is to show the files of one as another's.
fn is_mapping(pid: Pid, attributes: u64) -> bool {
    let set = memory(pid, attributes, 8).try_into().map_or(0, u64::from_ne_bytes);
    set & libc::MOUNT_ATTR_IDMAP != 0
}

fn is_in_memory(pid: Pid, number: u64) -> bool {
    let Some(number) = descriptor(number) else { return false };
    let found = rustix::fs::statfs(Path::new(&format!("/proc/{pid}/fd/{number}")));
    found.is_ok_and(|found| found.f_type == TMPFS)
}

/// What is needed to be an overlay: for root files in memory that are shown as another's, and layers
/// that are; for a user notes in memory.
fn shares(release: Release, caller: Caller, in_memory: bool) -> bool {
    match caller {
        Caller::Root if in_memory => release >= (6, 3),
        Caller::Root => release >= (5, 19),
        _ => release >= (6, 6),
    }
}

/// The launches that are tried; the number is that of the scene's uid.
fn scenes(number: u32) -> Vec<(Scene, Caller, bool)> {
    let root = |name, options, number| Scene::new(name, Caller::Root, options, number);
    let user = |name, options, number| Scene::new(name, Caller::User, options, number);
    vec![
        (root("full", &[], number), Caller::Root, false),
        (root("on disk", &[], number + 1).on_disk(), Caller::Root, false),
        (root("paths", &["--ro", "../out", "--ro", "/var"], number + 2), Caller::Root, false),
        (root("without mounts", &["--without", "mounts"], number + 3), Caller::Root, false),
        (root("without userns", &["--without", "userns"], number + 4), Caller::Root, false),
        (root("shared", &[], number + 5).large(), Caller::Root, true),
        (root("shared on disk", &[], number + 6).large().on_disk(), Caller::Root, true),
        (user("rootless", &[], number + 7), Caller::User, false),
        (user("rootless, paths", &["--rw", "../out"], number + 8), Caller::User, false),
        (user("rootless, shared", &[], number + 9).large(), Caller::User, true),
    ]
}

/// How the source tree is shown to a payload.
fn tree(traced: &Traced) -> Option<&'static str> {
    let posture = traced.payload.as_ref()?;
    let (_, mounts) = posture.seen.iter().find(|(what, _)| what == "mounts")?;
    let line = mounts.lines().find(|line| line.contains("/work "))?;
    Some(if line.ends_with(" overlay") { "overlay" } else { "a copy" })
}

#[rstest]
fn a_launch_goes_on_every_kernel_and_holds_the_same(#[values(0, 1, 2, 3, 4, 5)] age: usize) {
    if !is_root() {
        return;
    }
    let _apart = set_apart();
    let number = u32::try_from(age).unwrap() * 10 + 8;
    let in_memory = rustix::fs::statfs(std::env::temp_dir()).unwrap().f_type == TMPFS;
    for (scene, caller, large) in scenes(number) {
        let undisturbed = scene.launch(Disturbance::Nothing);
        assert_eq!(undisturbed.status, Some(0), "{}: {}", scene.name, undisturbed.stderr);
        let aged = Age::new(AGES[age]);
        let what = format!("{} on Linux {:?}", scene.name, aged.release);
        let traced = scene.launch(Disturbance::Answers(&|pid, call| aged.answer(pid, call)));
        assert_eq!(traced.status, Some(0), "{what}: {}", traced.stderr);
        assert!(traced.reached, "{what}: nothing was answered otherwise");
        if large {
            let best = shares(aged.release, caller, in_memory);
            assert_eq!(tree(&undisturbed), Some("overlay"), "{what}: the control");
            assert_eq!(tree(&traced), Some(if best { "overlay" } else { "a copy" }), "{what}");
        }
        let postures = (traced.payload.unwrap(), undisturbed.payload.unwrap());
        let differences = postures.0.differences(&postures.1);
        let other = |line: &&String| !(large && line.starts_with("mounts:"));
        assert_eq!(differences.iter().find(other), None, "{what}");
        assert_eq!(scene.remnants(), [""; 0], "{what}");
    }
}

/// What older kernels refuse, done by a program that shows what it was answered.
const REFUSED: &str = r#"
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    answer = libc.syscall(number, *arguments)
    return answer if answer >= 0 else -ctypes.get_errno()
context = call(430, b"tmpfs", 1)
call(431, context, 6, None, None, 0)
mount = call(432, context, 1, 0)
os.mkdir("d", dir_fd=mount)
clone = 1 | 0x80000
print(call(428, -100, b"/dev", clone) >= 0, call(428, mount, b"d", clone),
      call(429, call(428, -100, b"/dev/null", clone), b"", mount, b"d", 4))
overlay = call(430, b"overlay", 1)
print(call(431, overlay, 5, b"upperdir", None, mount), call(431, overlay, 1, b"lowerdir+", b"/usr", 0))
print(call(190, mount, b"user.x", b"y", 1, 0), call(467, -1, b"", 0, None, 0), call(444, None, 0, 1))
"#;

/// What the program prints, on this kernel and on an older one.
fn refused(age: Option<(Release, i64, u64)>) -> Traced {
    let python = fs::canonicalize("/usr/bin/python3").unwrap();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", WAIT, "sh", "exec \"$@\""]).arg(&python).args(["-c", REFUSED]);
    let aged = age.map(Age::new);
    let answers = |pid: Pid, call: &user_regs_struct| aged.as_ref()?.answer(pid, call);
    follow(waiting(&mut command), &python, Disturbance::Answers(&answers), let_go)
}

#[test]
fn what_is_refused_in_the_name_of_an_older_kernel_works_on_this_one() {
    if !is_root() {
        return;
    }
    let old = refused(Some(AGES[0]));
    assert_eq!(old.stdout, "True -22 -22\n-22 -22\n-95 -38 1\n", "{}", old.stderr);
    let new = refused(None);
    let numbers: Vec<i64> =
        new.stdout.split_whitespace().filter_map(|it| it.parse().ok()).collect();
    assert_eq!(numbers.len(), 7, "{new:?}");
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let newest = release.split('.').next().unwrap().parse::<u32>().unwrap() > 6
        || release.starts_with("6.18");
    if newest {
        // A file is not mounted on a directory (ENOTDIR or EINVAL), so the third is left out.
        let others = [numbers[0], numbers[2], numbers[3], numbers[4], numbers[5]];
        assert_eq!(others.iter().find(|it| matches!(**it, -22 | -38 | -95)), None, "{numbers:?}");
        assert!(numbers[6] > 1, "{numbers:?}");
    }
}
