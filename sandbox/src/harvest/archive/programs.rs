//! Names of programs that other programs start, or a person types, without a path.
//!
//! An environment's `bin` stands first in PATH as soon as it is activated, so a wheel that puts a
//! program of such a name there is run in the place of the real one. Which programs a machine has is
//! not looked at: the answer would differ from machine to machine, and the machine that builds is not
//! the one that installs. The list has what every system has and what handles secrets and packages.
//! Tools that are honestly distributed as wheels (`cmake`, `ninja`, `ruff`, `node`) are not in it.
#![forbid(unsafe_code)]

/// Programs of every system: shells, those of POSIX and of coreutils, and what gives or takes rights.
const SYSTEM: &str = "\
    [ at awk basename bash batch bc bg busybox c99 cal cat cd chattr chcon chgrp chmod chown chpasswd \
    chroot chsh cksum clear cmp col comm command cp cpio cron crontab csh csplit curl cut dash date dd \
    df diff dig dir dirname dmesg doas dpkg apt apt-get dnf yum rpm zypper apk pacman brew snap flatpak \
    du echo ed egrep env ex expand expr false fc fg fgrep file find findmnt fish fold ftp fuser gawk \
    getconf getent getfacl getopt getopts grep groups gunzip gzip halt hash head hexdump host hostid \
    hostname iconv id ifconfig install ip ipcrm ipcs iptables jobs join journalctl kill killall ksh \
    less link ln locale locate logger login logname lp ls lsattr lsblk lsof mail mailx man mawk md5sum \
    mesg mkdir mkfifo mknod mktemp modprobe more mount mv nano nawk nc ncat netcat netstat newgrp nice \
    nl nohup nproc nslookup nsenter numfmt od openssl parted passwd paste patch pathchk pax perl pgrep \
    ping pkexec pkill pmap poweroff pr printenv printf ps pwd read readelf readlink realpath reboot \
    renice rev rm rmdir rsh rsync run0 runcon runuser scp screen script sed seq service setfacl \
    setpriv setsid sftp sh sha1sum sha224sum sha256sum sha384sum sha512sum shred shutdown shuf sleep \
    sort split ss ssh ssh-add ssh-agent ssh-keygen ssh-keyscan stat stdbuf strace strings strip stty \
    su sudo sudoedit sum sync systemctl systemd-run tac tail talk tar taskset tcsh tee telnet test time \
    timeout tmux top touch tput tr traceroute true truncate tset tsort tty ulimit umask umount unalias \
    uname uncompress unexpand uniq unlink unshare unxz unzip uptime useradd userdel usermod uudecode \
    uuencode vi view vim visudo w wait watch wc wget whereis which who whoami write xargs xxd xz yes \
    zcat zip zsh zstd bwrap bulkhead firejail nsjail docker podman runc buildah skopeo kubectl helm";

/// Compilers and what belongs to them, and tools that hold credentials or sign.
const DEVELOPMENT: &str = "\
    addr2line ar as autoconf autoreconf bison c++ c89 c99 cc clang clang++ cpp ctags dwp elfedit flex \
    g++ gcc gcc-ar gcc-nm gcc-ranlib gcov gdb gfortran f77 f95 fc gmake go gofmt gold gprof ld ld.bfd \
    ld.gold ld.lld lex libtool lld lldb m4 make mold nm objcopy objdump pkg-config pkgconf ranlib rustc \
    cargo rustup size yacc java javac ccache sccache \
    git git-lfs gh glab hg svn gpg gpg-agent gpgv gpgsm age pass secret-tool security keyring cosign \
    aws gcloud az vault op terraform ansible";

/// Names by which other programs start helpers, of which nobody who uses these has heard: `git` and
/// `docker` for a repository or a password, `ssh` and `gpg` for a passphrase, loaders and linkers for a
/// library, desktops for a file.
const HELPERS: &str = "\
    codesign dbus-launch gpgconf install_name_tool ksshaskpass ldconfig ldd lipo notify-send otool pinentry \
    scdaemon ssh-askpass ssh-keysign ssh-pkcs11-helper ssh-sk-helper systemd-ask-password \
    x11-ssh-askpass xdg-open xcodebuild xcrun";

/// What such names begin with.
const HELPERS_BEGIN: [&str; 4] = ["docker-credential-", "git-", "pinentry-", "ssh-askpass-"];

/// Of these, what runs every command or gives the rights of another user: it is nobody's own.
const NOBODYS: &str = "\
    [ ash bash busybox chroot command csh dash doas env exec fish ksh login newgrp passwd pkexec run0 \
    runcon runuser setpriv sh su sudo sudoedit tcsh test visudo zsh";

/// Programs by which packages are installed, built or published, and others that a project of another
/// name brings, each with the project whose own they are.
const TOOLS: [(&str, &str); 27] = [
    ("build", "pyproject-build"),
    ("conda", "conda"),
    ("easy-install", "easy_install"),
    ("hatch", "hatch"),
    ("mamba", "mamba"),
    ("nox", "nox"),
    ("pdm", "pdm"),
    ("pip", "pip"),
    ("pip-tools", "pip-compile"),
    ("pip-tools", "pip-sync"),
    ("pipenv", "pipenv"),
    ("pipx", "pipx"),
    ("pixi", "pixi"),
    ("poetry", "poetry"),
    ("setuptools", "easy_install"),
    ("tox", "tox"),
    ("twine", "twine"),
    ("uv", "uv"),
    ("uv", "uvx"),
    ("virtualenv", "virtualenv"),
    ("wheel", "wheel"),
    ("fromager", "fromager"),
    ("ansible-base", "ansible"),
    ("ansible-core", "ansible"),
    ("awscli", "aws"),
    ("azure-cli", "az"),
    ("mercurial", "hg"),
];

/// What is not written behind the name of a program on Windows: `PATHEXT`, and what `PowerShell` and
/// launchers add to it.
const RUN_ON_WINDOWS: [&str; 16] = [
    ".com", ".exe", ".bat", ".cmd", ".vbs", ".vbe", ".js", ".jse", ".wsf", ".wsh", ".msc", ".cpl",
    ".ps1", ".pif", ".scr", ".lnk",
];

/// Whether a program `name` in an environment's `bin` would be run in the place of another one, if a
/// release of one of `projects` (in their normal form) brings it.
pub(super) fn is_taken(name: &str, projects: &[&str]) -> bool {
    let lower = name.to_ascii_lowercase();
    let suffix = RUN_ON_WINDOWS.iter().find_map(|it| lower.strip_suffix(it));
    let bare = suffix.unwrap_or(&lower);
    let cross = bare.rsplit_once("-linux-").and_then(|(_, rest)| rest.split_once('-'));
    let versioned =
        [Some(bare), Some(without_version(bare)), cross.map(|(_, name)| without_version(name))];
    let versioned = || versioned.into_iter().flatten();
    if is_interpreter(bare) || activates(&lower) || is_in(NOBODYS, bare) {
        return true;
    }
    let others = |name: &&str| !is_own(name, projects);
    let is_tool = |name: &str| TOOLS.iter().any(|(_, tool)| *tool == name);
    let helps = is_in(HELPERS, bare) || HELPERS_BEGIN.iter().any(|it| bare.starts_with(it));
    ((helps || is_in(SYSTEM, bare)) && others(&bare))
        || versioned().filter(others).any(|name| is_in(DEVELOPMENT, name) || is_tool(name))
}

fn is_in(list: &str, name: &str) -> bool {
    list.split_ascii_whitespace().any(|it| it == name)
}

/// Whether it is a program of one of `projects`: it has the name of the project, or is known for one of
/// its tools.
fn is_own(name: &str, projects: &[&str]) -> bool {
    let words: Vec<_> = name.split(['-', '_', '.']).filter(|word| !word.is_empty()).collect();
    projects.contains(&words.join("-").as_str())
        || TOOLS.iter().any(|(owner, tool)| *tool == name && projects.contains(owner))
}

/// What shells read to enter an environment and to leave it.
fn activates(name: &str) -> bool {
    matches!(name, "activate" | "activate_this.py" | "deactivate")
        || ["activate.", "deactivate."].iter().any(|stem| name.starts_with(stem))
}

/// `python`, `python3.11`, `python3.13t`, `python3-config`, `pythonw`, `pypy3` and the like.
fn is_interpreter(name: &str) -> bool {
    let name = name.strip_suffix("-config").unwrap_or(name);
    ["python", "pypy", "idle", "pydoc", "2to3"].iter().any(|interpreter| {
        name.strip_prefix(interpreter).is_some_and(|rest| {
            let rest = rest.trim_start_matches('w').trim_start_matches('-');
            let rest = rest.trim_start_matches(|it: char| it.is_ascii_digit() || it == '.');
            rest.bytes().all(|flag| b"dmt".contains(&flag)) && rest.len() <= 2
        })
    })
}

/// `gcc` of `gcc-12`, `pip` of `pip3.11`.
fn without_version(name: &str) -> &str {
    let bare = name.trim_end_matches(|it: char| it.is_ascii_digit() || it == '.');
    if bare.len() == name.len() { name } else { bare.strip_suffix('-').unwrap_or(bare) }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    fn programs_that_others_start_are_taken(
        #[values(
            "python",
            "python3",
            "python3.11",
            "Python3",
            "python3.13t",
            "python3-config",
            "pythonw",
            "python.exe",
            "git.EXE",
            "git.ps1",
            "sudo.vbs",
            "make.pif",
            "pypy3.10",
            "pip",
            "pip3",
            "pip3.12",
            "PIP",
            "easy_install",
            "easy_install-3.8",
            "sh",
            "bash",
            "git",
            "sudo",
            "make",
            "cc",
            "gcc",
            "gcc-12",
            "g++",
            "c++",
            "clang-16",
            "x86_64-linux-gnu-gcc",
            "x86_64-linux-gnu-gcc-12",
            "aarch64-linux-gnu-ld",
            "ld.gold",
            "env",
            "unshare",
            "bwrap",
            "bulkhead",
            "ssh",
            "curl",
            "gpg",
            "docker",
            "uv",
            "uvx",
            "twine",
            "[",
            "activate",
            "activate.fish",
            "Activate.ps1",
            "activate_this.py",
            "deactivate.bat",
            "tar",
            "id",
            "test",
            "ls",
            "git-credential-store",
            "git-remote-https",
            "git-filter-repo",
            "docker-credential-helper",
            "ssh-askpass",
            "pinentry",
            "pinentry-curses",
            "ldd",
            "codesign",
            "codesign.exe"
        )]
        name: &str,
    ) {
        assert!(is_taken(name, &["pkg"]));
    }

    #[rstest]
    fn commands_of_honest_wheels_are_not(
        #[values(
            "pkg",
            "pkg-tool",
            "cmake",
            "ninja",
            "ruff",
            "black",
            "cython",
            "meson",
            "node",
            "flask",
            "pip-audit",
            "pipdeptree",
            "python-argcomplete-check-easy-install-script",
            "f2py",
            "isort",
            "jupyter",
            "http",
            "gitlint",
            "docker-compose",
            "lddtree",
            "sphinx-build",
            "pytest",
            "py.test",
            "markdown-it",
            "pyproject-to-x",
            "makefile",
            "ssh-audit",
            "activate-global-python-argcomplete",
            "register-python-argcomplete",
            "2to4",
            "id3",
            "test.py",
            "w3m",
            "idlers",
            "pydocstyle",
            "patchelf",
            "clang-format",
            "x86_64-linux-gnu-tool",
            ""
        )]
        name: &str,
    ) {
        assert!(!is_taken(name, &["pkg"]), "{name}");
    }

    #[test]
    fn what_runs_every_command_or_gives_rights_is_nobodys_own() {
        let every =
            NOBODYS.split_ascii_whitespace().chain(["python", "python3", "activate", "pypy"]);
        for name in every {
            assert!(is_taken(name, &[name]), "{name}");
        }
        for name in SYSTEM.split_ascii_whitespace().chain(DEVELOPMENT.split_ascii_whitespace()) {
            let own = name.replace(['.', '_'], "-");
            let nobodys = is_in(NOBODYS, name);
            assert_eq!(
                (is_taken(name, &[&own]), is_taken(name, &["pkg"])),
                (nobodys, true),
                "{name}"
            );
        }
    }

    #[rstest]
    #[case("pip", &["pip3", "pip3.11", "pip"])]
    #[case("uv", &["uv", "uvx"])]
    #[case("setuptools", &["easy_install"])]
    #[case("build", &["pyproject-build"])]
    #[case("pip-tools", &["pip-compile", "pip-sync"])]
    #[case("keyring", &["keyring", "keyring.exe"])]
    #[case("ansible", &["ansible"])]
    #[case("ansible-core", &["ansible"])]
    #[case("awscli", &["aws"])]
    #[case("mercurial", &["hg"])]
    #[case("ccache", &["ccache"])]
    #[case("age", &["age"])]
    #[case("screen", &["screen"])]
    #[case("git-lfs", &["git-lfs"])]
    #[case("git-filter-repo", &["git-filter-repo"])]
    #[case("docker-credential-x", &["docker-credential-x"])]
    #[case("pinentry", &["pinentry"])]
    #[case("secret-tool", &["secret-tool"])]
    fn a_tool_may_bring_its_own_and_no_other(#[case] project: &str, #[case] own: &[&str]) {
        for name in own {
            assert!(!is_taken(name, &[project]), "{name}");
            assert!(is_taken(name, &["pkg"]), "{name}");
        }
        assert!(is_taken("twine", &[project]) && is_taken("python3", &[project]));
    }
}
