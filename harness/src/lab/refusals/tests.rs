use sandbox::layers::syscalls::interpreter;

use super::*;

const ALLOWED: Decision = Decision::Allow;
const X86_64: u32 = 0xc000_003e;

/// What the compiled filter decides about a call of x86-64 by its name.
fn decision(refusals: Refusals, call: Call, arguments: &[u64]) -> Decision {
    let mut six = [0; 6];
    six[..arguments.len()].copy_from_slice(arguments);
    let number = call.number(Architecture::X86_64).unwrap();
    by_number(refusals, X86_64, number, &six)
}

fn by_number(refusals: Refusals, entry: u32, number: u32, arguments: &[u64; 6]) -> Decision {
    let program = refusals.compiled().unwrap().program;
    interpreter::run(&program, number, entry, arguments).unwrap()
}

#[test]
#[cfg(target_arch = "x86_64")]
fn docker_refuses_namespaces_and_says_that_there_is_no_clone3() {
    let cases = [
        (numbers::SYS_unshare, 0, REFUSED),
        (numbers::SYS_clone, 0x1000_0000, REFUSED),
        (numbers::SYS_clone, 0x0120_0011, ALLOWED),
        (numbers::SYS_clone3, 0, ABSENT),
        (numbers::SYS_cachestat, 0, ABSENT),
        (numbers::SYS_keyctl, 0, REFUSED),
        (numbers::SYS_ptrace, 0, ALLOWED),
        (numbers::SYS_io_uring_setup, 0, ALLOWED),
        (numbers::SYS_personality, 0x4_0000, REFUSED),
        (numbers::SYS_personality, 8, ALLOWED),
    ];
    for (call, argument, then) in cases {
        assert_eq!(decision(docker(), call, &[argument]), then, "{}", call.name);
    }
    for (number, then) in [(21, REFUSED), (435, ABSENT), (3, ALLOWED), (470, ABSENT)] {
        assert_eq!(by_number(docker(), I386, number, &[0; 6]), then, "{number}");
    }
    assert_eq!(by_number(docker(), 0xc000_00b7, 0, &[0; 6]), Decision::Kill);
}

#[test]
#[cfg(target_arch = "x86_64")]
fn podman_leaves_namespaces_and_mounts_to_the_kernel() {
    for call in [numbers::SYS_unshare, numbers::SYS_clone, numbers::SYS_clone3, numbers::SYS_mount]
    {
        assert_eq!(decision(podman(), call, &[0x1000_0000]), ALLOWED, "{}", call.name);
    }
    assert_eq!(decision(podman(), numbers::SYS_add_key, &[]), ABSENT);
    assert_eq!(decision(podman(), numbers::SYS_bpf, &[]), REFUSED);
    assert_eq!(
        decision(podman(), numbers::SYS_socket, &[16, 3, 9]),
        Decision::Refuse(Errno::EINVAL)
    );
    assert_eq!(decision(podman(), numbers::SYS_socket, &[16, 3, 0]), ALLOWED);
}

#[test]
#[cfg(target_arch = "x86_64")]
fn ubuntu_lets_a_user_namespace_be_made_and_nothing_be_done_in_it() {
    let cases: [(Call, &[u64], Decision); 8] = [
        (numbers::SYS_unshare, &[0x1000_0000], ALLOWED),
        (numbers::SYS_unshare, &[0x1002_0000], ALLOWED),
        (numbers::SYS_unshare, &[0x0002_0000], REFUSED),
        (numbers::SYS_mount, &[], REFUSED),
        (numbers::SYS_open_tree, &[0, 0, 1], REFUSED),
        (numbers::SYS_open_tree, &[0, 0, 0x8_0000], ALLOWED),
        (numbers::SYS_socket, &[2, 0x8_0003, 1], REFUSED),
        (numbers::SYS_socket, &[16, 3, 0], ALLOWED),
    ];
    for (call, arguments, then) in cases {
        assert_eq!(decision(ubuntu(), call, arguments), then, "{} {arguments:?}", call.name);
    }
}
