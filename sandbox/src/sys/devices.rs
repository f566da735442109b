//! Which devices the processes of a control group of version 2 may use: a program of BPF that the kernel
//! asks at each open(2) and mknod(2) (`BPF_PROG_TYPE_CGROUP_DEVICE`, bpf(2)).

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use nix::libc;
use rustix::io::Errno;

/// A character device by its numbers; without a minor one, all of that major one.
pub type Characters = (u32, Option<u32>);

/// Commands of bpf(2), the kind of program, and where it is attached.
const LOAD: libc::c_long = 5;
const ATTACH: libc::c_long = 8;
const CGROUP_DEVICE: u32 = 15;
const AT_DEVICE: u32 = 6;

/// One instruction (`struct bpf_insn`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
struct Instruction {
    code: u8,
    /// The destination in the lower half, the source in the upper one.
    registers: u8,
    offset: i16,
    immediate: i32,
}

/// What bpf(2) is given to load a program, as far as that is needed (`union bpf_attr`).
#[repr(C)]
#[derive(Default)]
struct Load {
    kind: u32,
    instructions: u32,
    program: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    version: u32,
    flags: u32,
}

/// The same for attaching it.
#[repr(C)]
#[derive(Default)]
struct Attach {
    group: u32,
    program: u32,
    place: u32,
    flags: u32,
}

/// Refuses every other device to the processes of the directory `group`, and of those below it, as long
/// as it exists.
///
/// # Errors
/// Those of bpf(2): EPERM without `CAP_BPF` or `CAP_SYS_ADMIN`, EINVAL where the kernel has no such
/// programs or `group` is of another version.
pub fn allow_only(group: impl AsFd, devices: &[Characters]) -> Result<(), Errno> {
    const LICENSE: &CStr = c"Apache-2.0";
    let program = program(devices);
    let load = Load {
        kind: CGROUP_DEVICE,
        instructions: u32::try_from(program.len()).map_err(|_too_large| Errno::TOOBIG)?,
        program: program.as_ptr().addr() as u64,
        license: LICENSE.as_ptr().addr() as u64,
        ..Load::default()
    };
    let loaded = call(LOAD, &load)?;
    // SAFETY: the kernel has just given this descriptor to us, and nobody else knows it.
    #[expect(unsafe_code, reason = "neither nix nor rustix wraps bpf(2)")]
    let loaded = unsafe { OwnedFd::from_raw_fd(loaded) };
    let number = |descriptor: i32| u32::try_from(descriptor).map_err(|_too_large| Errno::BADF);
    let attach = Attach {
        group: number(group.as_fd().as_raw_fd())?,
        program: number(loaded.as_raw_fd())?,
        place: AT_DEVICE,
        flags: 0,
    };
    call(ATTACH, &attach).map(drop)
}

fn call<T>(command: libc::c_long, attributes: &T) -> Result<i32, Errno> {
    // SAFETY: the kernel reads as many bytes as it is told from a value that lives until it returns; the
    // addresses in it are of a program and a text that do as well.
    #[expect(unsafe_code, reason = "neither nix nor rustix wraps bpf(2)")]
    let answer = unsafe {
        libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(attributes), size_of::<T>())
    };
    match i32::try_from(answer) {
        Ok(descriptor) if descriptor >= 0 => Ok(descriptor),
        _ => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL)),
    }
}

/// The program: its argument is the kind, the major and the minor number of a device, each of four bytes,
/// and its answer one for those that are allowed (`struct bpf_cgroup_dev_ctx`).
fn program(devices: &[Characters]) -> Vec<Instruction> {
    const LOAD_WORD: u8 = 0x61;
    const AND: u8 = 0x57;
    const MOVE: u8 = 0xb7;
    const IF_EQUAL: u8 = 0x15;
    const UNLESS_EQUAL: u8 = 0x55;
    const EXIT: u8 = 0x95;
    /// `BPF_DEVCG_DEV_CHAR`
    const CHARACTERS: i32 = 2;
    let one =
        |code, registers, offset, immediate| Instruction { code, registers, offset, immediate };
    let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    let mut all = vec![
        one(LOAD_WORD, 0x12, 0, 0),
        one(LOAD_WORD, 0x13, 4, 0),
        one(LOAD_WORD, 0x14, 8, 0),
        one(AND, 2, 0, 0xffff),
        // A block device is none of them.
        one(IF_EQUAL, 2, 2, CHARACTERS),
        one(MOVE, 0, 0, 0),
        one(EXIT, 0, 0, 0),
    ];
    for (major, minor) in devices {
        let body = 2 + i16::from(minor.is_some());
        all.push(one(UNLESS_EQUAL, 3, body, number(*major)));
        if let Some(minor) = minor {
            all.push(one(UNLESS_EQUAL, 4, 2, number(*minor)));
        }
        all.extend([one(MOVE, 0, 0, 1), one(EXIT, 0, 0, 0)]);
    }
    all.extend([one(MOVE, 0, 0, 0), one(EXIT, 0, 0, 0)]);
    all
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::path::Path;

    use super::*;

    #[test]
    fn a_process_in_such_a_group_opens_those_devices_alone() {
        let unified = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].map(Path::new);
        let unified = unified.into_iter().find(|it| it.join("cgroup.procs").exists());
        let group = unified.map(|it| it.join(format!("bulkhead-test-{}", std::process::id())));
        let Some(group) = group.filter(|group| fs::create_dir(group).is_ok()) else { return };
        let allowed = allow_only(File::open(&group).unwrap(), &[(1, Some(3)), (136, None)]);
        // It joins, and tries the null device and the one of zeros.
        let script = "echo 0 > $0/cgroup.procs && true < /dev/null && ! true < /dev/zero";
        let tried = std::process::Command::new("sh").args(["-c", script]).arg(&group).status();
        fs::remove_dir(&group).unwrap();
        match allowed {
            Ok(()) => assert!(tried.unwrap().success()),
            // A kernel without it, or a caller without the right.
            Err(errno) => assert!([Errno::PERM, Errno::INVAL, Errno::NOSYS].contains(&errno)),
        }
    }
}
