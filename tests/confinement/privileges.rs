//! A payload has no privilege and gains none.

use crate::machine::{is_root, prints};

#[test]
fn no_capability_is_left_in_any_set() {
    let script = "grep -E '^Cap(Inh|Prm|Eff|Bnd|Amb)' /proc/self/status | cut -f2 | sort -u";
    assert_eq!(prints(&[], script), "0000000000000000\n");
    let control = prints(&["--level", "network"], script);
    assert_ne!(control, "0000000000000000\n", "the control keeps them");
}

#[test]
fn set_id_programs_give_nothing() {
    let script = "grep NoNewPrivs /proc/self/status | cut -f2";
    assert_eq!(prints(&["--without", "privileges"], script), "0\n", "the control");
    assert_eq!(prints(&[], script), "1\n");
}

#[test]
fn nested_user_namespaces_cannot_be_created() {
    let script = "unshare --user true 2>/dev/null && echo nested || echo refused";
    let control = ["--without", "privileges", "--without", "syscalls"];
    assert_eq!(prints(&control, script), "nested\n", "the control");
    assert_eq!(prints(&["--without", "syscalls"], script), "refused\n", "no privileges alone");
    assert_eq!(prints(&["--without", "privileges"], script), "refused\n", "the filter alone");
    assert_eq!(prints(&[], script), "refused\n");
}

#[test]
fn read_only_mounts_cannot_be_changed() {
    if is_root() {
        // The control: the same programs do it where it is allowed, in mounts that are root's own.
        let script = "mount --bind /usr /usr && mount -o remount,bind,ro /usr && \
                      mount -o remount,bind,rw /usr && umount -l /usr && mount -t tmpfs none /tmp";
        let mut command = std::process::Command::new("/usr/bin/unshare");
        assert!(command.args(["--mount", "/bin/sh", "-c", script]).status().unwrap().success());
    }
    for change in [
        "mount -o remount,rw /usr",
        "mount -o remount,bind,rw /usr",
        "umount /usr",
        "umount -l /usr",
        "mount -t tmpfs none /tmp",
        "umount /proc/sys",
        "umount -l /proc/keys",
    ] {
        let script = format!("{change} 2>/dev/null && echo changed || echo refused");
        assert_eq!(prints(&[], &script), "refused\n", "{change}");
    }
}

/// CVE-2019-5736: runc was overwritten through `/proc/PID/exe`.
#[test]
fn the_program_of_the_init_cannot_be_opened_or_overwritten() {
    if is_root() {
        let open = ["--without", "userns", "--without", "identity", "--without", "privileges"];
        let open = [&open[..], &["--without", "landlock"]].concat();
        assert_eq!(prints(&open, "head -c 4 /proc/1/exe | tail -c 3"), "ELF", "the control");
        let overwrite = "(exec 3<>/proc/1/exe) 2>/dev/null && echo opened || echo refused";
        assert_eq!(prints(&[], overwrite), "refused\n");
    }
    for path in ["/proc/1/exe", "/proc/1/mem", "/proc/1/environ", "/proc/1/root/etc", "/proc/1/cwd"]
    {
        let script =
            format!("ls {path}/ >/dev/null 2>&1 || cat {path} >/dev/null 2>&1 && echo read; true");
        assert_eq!(prints(&[], &script), "", "{path}");
    }
}

#[test]
fn the_supervisors_command_line_and_environment_do_not_show() {
    let script = "tr -d '\\0' < /proc/1/cmdline | wc -c";
    assert_ne!(prints(&["--without", "environment"], script), "0\n", "the control");
    assert_eq!(prints(&[], script), "0\n");
    // Were the init readable, its environment would still be empty.
    let open = ["--without", "userns", "--without", "identity", "--without", "privileges"];
    let open = [&open[..], &["--without", "landlock"]].concat();
    let script = "tr -d '\\0' < /proc/1/environ | wc -c";
    assert_eq!(prints(&open, script), "0\n");
    let control = [&open[..], &["--without", "environment"]].concat();
    assert_ne!(prints(&control, script), "0\n", "the control");
}
