//! What of an environment acts by itself, beside its packages and its programs.
//!
//! Interpreters load libraries from `lib` beside their own directory at every start, those of conda
//! and those that stand alone among them. Shells read what conda has below `etc`, whenever somebody
//! enters the environment. What of `lib` and `etc` is known to do nothing unless somebody names it is
//! told here, and the rest is not; so it is with [`share`](super::shared), and with `include`, of which
//! every extension module is compiled. Elsewhere it is the other way
//! round. On Windows the root is a directory of packages, of libraries and of programs as well.
//! Paths are taken as [`folded`](super::twins::folded).
#![forbid(unsafe_code)]

use super::project_names::is_own;
use super::twins::folded_path;
use super::{modules, shared};
use crate::harvest::note::NoteKind;

/// Libraries that an interpreter, a module of the standard library, or one of these loads.
const LOADED: &str = "\
    c m dl rt util pthread crypt xcrypt resolv nsl tirpc gcc_s stdc++ c++ c++abi unwind intl iconv \
    z bz2 lzma zstd crypto ssl ffi expat sqlite3 uuid mpdec mpdec++ b2 gdbm gdbm_compat db readline \
    history edit ncurses ncursesw tinfo tinfow panel panelw form formw menu menuw tcl tk X11 Xft Xss \
    Xext Xrender Xau Xdmcp xcb fontconfig freetype png16 krb5 gssapi_krb5 k5crypto com_err krb5support \
    keyutils python pypy";

/// Directories of `lib` in which nothing is loaded unless somebody names it.
const INERT_OF_LIB: [&str; 4] = ["pkgconfig", "cmake", "terminfo", "locale"];

/// Names below `etc` that shells, and what conda brings, read by themselves, whosever they seem to be.
const READ_OF_ETC: &str = "\
    conda ipython profile bash zsh fish csh environment ssl pip gitconfig ssh cron systemd init.d ld.so";

/// Directories below `include` that the system's compiler or an interpreter has, whosever they seem to be.
const NOBODYS_OF_INCLUDE: &str = "\
    arpa asm asm-generic bits c++ gnu linux net netinet rpc scsi sys thread_db.h";

/// Names right in an environment that conda, Python, Tcl or OpenSSL read, and where conda has others.
const READ: [&str; 11] = [
    "pip.conf",
    "pip.ini",
    ".condarc",
    "condarc",
    "condarc.d",
    "conda-meta",
    "ssl",
    "dlls",
    "tcl",
    "envs",
    "pkgs",
];

/// Directories that are in PATH, or of which a compiler takes its tools.
const PROGRAMS: [&str; 6] = ["bin", "sbin", "scripts", "condabin", "games", "compiler_compat"];

/// What libraries begin with that an interpreter on Windows, or what it loads, looks for beside it.
const LOADED_ON_WINDOWS: &str = "\
    python2 python3 pythoncom pywintypes pypy libpypy vcruntime msvcp ucrtbase concrt api-ms-win- libcrypto libssl libeay \
    ssleay libffi ffi sqlite3 liblzma libbz2 bzip2 zlib libexpat libmpdec tcl8 tcl9 tk8 tk9 tcl86 tk86 \
    version bcrypt cryptbase cryptsp userenv iphlpapi dnsapi propsys wldp profapi mswsock";

/// Files beside an interpreter, or above it, from which it learns where its library is.
pub(super) fn is_configuration(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    matches!(&*lower, "pyvenv.cfg" | "pybuilddir.txt") || lower.ends_with("._pth")
}

/// Whether a place, by its path from the root of the environment, is below a directory in which some
/// interpreter looks for modules, or has others in which it does.
pub(super) fn is_library(path: &str) -> bool {
    let is_one = |first| is_lib(first) || matches!(first, "dlls" | "lib-python" | "lib_pypy");
    below_prefixes(&folded_path(path)).split_once('/').is_some_and(|(first, _)| is_one(first))
}

/// The path from the directory of programs that a place is in, by its path from the root of the
/// environment, if it is in one.
pub(super) fn program(path: &str) -> Option<&str> {
    match below_prefixes(path).split_once('/') {
        Some((first, program)) => PROGRAMS.contains(&first).then_some(program),
        // The root of an environment is in PATH on Windows.
        None => [".exe", ".com", ".bat", ".cmd", ".dll"]
            .iter()
            .any(|end| path.ends_with(end))
            .then_some(path),
    }
}

/// Whether it is a library that an interpreter on Windows loads from beside itself.
pub(super) fn is_loaded_on_windows(path: &str) -> bool {
    let mut known = LOADED_ON_WINDOWS.split_ascii_whitespace();
    path.strip_suffix(".dll").is_some() && known.any(|start| path.starts_with(start))
}

/// What a file there does by itself, by its path from the root of the environment, if a release of one
/// of `projects` brings it.
pub(super) fn acts(path: &str, projects: &[&str]) -> Option<NoteKind> {
    let lower = path.to_ascii_lowercase();
    let archive = lower.starts_with("python") && lower.strip_suffix(".zip").is_some();
    if modules::is_start_up(&lower, projects) || modules::comes_first(&lower, projects) || archive {
        return Some(NoteKind::StartUp);
    }
    let lower = below_prefixes(&lower);
    let (first, inner) = lower.split_once('/').unwrap_or((lower, ""));
    let named = inner.split('/').next().unwrap_or_default();
    let acts = match first {
        _ if is_lib(first) && !inner.is_empty() => return in_lib(inner, projects),
        // The standard library of older PyPy.
        "lib-python" | "lib_pypy" => return Some(NoteKind::StartUp),
        "etc" if !inner.is_empty() => acts_in_etc(inner, projects),
        "share" if !inner.is_empty() => shared::acts(inner, projects),
        // Programs that other programs start by their paths.
        "libexec" if !inner.is_empty() => !is_own(named, projects),
        "include" if !inner.is_empty() => acts_in_include(inner, projects),
        _ => is_configuration(lower) || READ.contains(&first),
    };
    acts.then_some(NoteKind::Environment)
}

fn is_lib(part: &str) -> bool {
    matches!(part, "lib" | "lib64" | "lib32" | "libx32")
}

/// The rest of a path behind the directories that some systems, and conda, have on the way to the others.
fn below_prefixes(mut path: &str) -> &str {
    while let Some((first, rest)) = path.split_once('/')
        && (matches!(first, "usr" | "local" | "library" | "mingw-w64") || first.contains("-linux-"))
    {
        path = rest;
    }
    path
}

fn in_lib(inner: &str, projects: &[&str]) -> Option<NoteKind> {
    // The first entry of `sys.path` is an archive beside the directory.
    let standard = inner.contains('/') || inner.strip_suffix(".zip").is_some();
    if standard && ["python", "pypy"].iter().any(|name| inner.starts_with(name)) {
        return Some(NoteKind::StartUp);
    }
    // On Windows it is the standard library itself, and of conda's as well.
    if is_standard_on_windows(inner, projects) {
        return Some(NoteKind::StartUp);
    }
    let last = inner.rsplit('/').next().unwrap_or(inner);
    let mut parts = inner.split('/').peekable();
    // Debian has its libraries in a directory for each machine.
    parts.next_if(|part| part.contains("-linux-"));
    let first = parts.next().unwrap_or_default();
    let inert = parts.peek().is_none() || INERT_OF_LIB.contains(&first) || is_own(first, projects);
    (!inert || is_loaded(last)).then_some(NoteKind::Environment)
}

/// Whether it is a module, or where modules are looked for, if `lib` is the standard library.
fn is_standard_on_windows(inner: &str, projects: &[&str]) -> bool {
    let ends = |ends: &[&str]| ends.iter().any(|end| inner.ends_with(end));
    let library = inner.starts_with("lib") || is_own(inner, projects);
    modules::comes_first(inner, projects)
        || inner.starts_with("__pycache__/")
        || (!inner.contains('/')
            && (ends(&[".py", ".pyc", ".pyo", ".pyd", ".pth", ".zip"])
                || (ends(&[".so"]) && !library)))
}

/// Whether it is the name of a library that is loaded at a start, in whatever version.
fn is_loaded(name: &str) -> bool {
    let Some(name) = name.strip_prefix("lib") else { return false };
    if name.starts_with("python") || name.starts_with("pypy") || name.starts_with("nss_") {
        return true;
    }
    let ends = [".so", ".dylib"].iter().filter_map(|end| name.find(end));
    let Some(stem) = ends.min().and_then(|at| name.get(..at)) else { return false };
    let bare = stem.trim_end_matches(|it: char| it.is_ascii_digit() || matches!(it, '.' | '-'));
    LOADED.split_ascii_whitespace().any(|it| {
        let known = it.to_ascii_lowercase();
        known == stem || known == bare
    })
}

/// Every extension module is compiled with what lies there, so nothing does that no name of a project
/// stands before: in a directory of that name, right there or below those of Python's own headers.
fn acts_in_include(inner: &str, projects: &[&str]) -> bool {
    let inner = inner.strip_prefix("site/").unwrap_or(inner);
    let python = |first: &str| first.starts_with("python") || first.starts_with("pypy");
    let inner = match inner.split_once('/') {
        Some((first, rest)) if python(first) => rest,
        _ => inner,
    };
    let nobodys = |name: &str| NOBODYS_OF_INCLUDE.split_ascii_whitespace().any(|it| it == name);
    !inner.split_once('/').is_some_and(|(first, _)| !nobodys(first) && is_own(first, projects))
}

fn acts_in_etc(inner: &str, projects: &[&str]) -> bool {
    let (first, rest) = inner.split_once('/').unwrap_or((inner, ""));
    if first == "jupyter" {
        return shared::configures_jupyter(rest, projects);
    }
    let read = READ_OF_ETC.split_ascii_whitespace().any(|name| first.starts_with(name));
    read || !is_own(first, projects)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    fn what_an_interpreter_or_a_shell_reads_at_its_start_is_told_wherever_prefixes_lead(
        #[values("", "usr/", "local/", "usr/local/", "USR/Local/", "Library/")] prefix: &str,
        #[values(
            "pip.conf",
            ".condarc",
            "conda-meta/state",
            "conda-meta/pinned",
            "ssl/openssl.cnf",
            "ssl/cacert.pem",
            "etc/conda/activate.d/x.sh",
            "etc/conda/deactivate.d/x.sh",
            "etc/conda/env_vars.d/x.json",
            "etc/profile.d/x.sh",
            "etc/fish/conf.d/x.fish",
            "etc/ipython/ipython_config.py",
            "etc/gitconfig",
            "etc/bash_completion.d/x",
            "etc/another.conf",
            "lib/libz.so.1",
            "lib/libcrypto.so.3",
            "lib/libssl.so",
            "lib/libc.so.6",
            "lib/libc-2.36.so",
            "lib/libstdc++.so.6.0.30",
            "lib/libncursesw.so.6",
            "lib/libtcl8.6.so",
            "lib/libdb-5.3.so",
            "lib/libX11.so.6",
            "lib/libnss_files.so.2",
            "lib64/libffi.so.8",
            "lib/libz.1.dylib",
            "lib/libpython3.11.so.1.0",
            "lib/x86_64-linux-gnu/libpython3.11.so.1.0",
            "lib/x86_64-linux-gnu/libz.so.1",
            "lib/glibc-hwcaps/x86-64-v3/libpkg.so.1",
            "lib/haswell/libz.so.1",
            "lib/pkg/libz.so.1",
            "lib/tcl8.6/init.tcl",
            "lib/ossl-modules/x.so",
            "lib/engines-3/x.so",
            "lib/gconv/gconv-modules",
            "lib/systemd/system/x.service",
            "share/git-core/templates/hooks/post-checkout",
            "share/config.site",
            "libexec/git-core/git-remote-https",
            "libexec/sudo",
            "include/python3.11/Python.h",
            "include/python3.11/pyconfig.h",
            "include/python3.11/cpython/object.h",
            "include/string.h",
            "include/pkg.h",
            "include/sys/types.h",
            "include/site/python3.11/another/x.h",
            "etc/jupyter/jupyter_config.py",
            "etc/jupyter/jupyter_config.json",
            "etc/jupyter/pkg.json",
            "etc/jupyter/pkg/pkg.json",
            "etc/jupyter/jupyter_config.d/x.json",
            "etc/jupyter/jupyter_config.d/pkg.py",
            "etc/jupyter/jupyter_config.d/pkg/x.json",
            "share/jupyter/kernels/python3/kernel.json",
            "share/applications/firefox.desktop",
            "share/applications/mimeapps.list",
            "tcl/tcl8.6/init.tcl",
            "envs/base/bin/python",
            "pkgs/x/info/index.json"
        )]
        path: &str,
    ) {
        assert_eq!(acts(&format!("{prefix}{path}"), &["pkg"]), Some(NoteKind::Environment));
    }

    #[rstest]
    fn the_standard_library_runs_at_a_start(
        #[values("", "local/", "usr/local/")] prefix: &str,
        #[values(
            "lib/python3.11/os.py",
            "Lib64/Python3.11/encodings/__init__.py",
            "lib/python311.zip",
            "lib/pypy3.10/os.py",
            "lib-python/3/os.py",
            "lib_pypy/_x.py",
            "Lib/os.py",
            "Lib/encodings/__init__.py",
            "Lib/anything.py",
            "Lib/anything.pyd",
            "lib/anything.so",
            "lib/x.pth",
            "lib/x.zip",
            "lib/__pycache__/x.cpython-311.pyc"
        )]
        path: &str,
    ) {
        assert_eq!(acts(&format!("{prefix}{path}"), &["pkg"]), Some(NoteKind::StartUp));
    }

    #[rstest]
    fn what_lies_there_until_somebody_names_it_is_not(
        #[values("", "usr/", "usr/local/")] prefix: &str,
        #[values(
            "share/doc/pkg/x.txt",
            "share/jupyter/kernels/pkg/kernel.json",
            "share/pkg/lib/libz.so.1",
            "share/pkg/etc/conda/activate.d/x.sh",
            "etc/jupyter/jupyter_config.d/pkg.json",
            "etc/jupyter/jupyter_server_config.d/pkg-jupyter.json",
            "etc/jupyter/nbconfig/notebook.d/jupyterlab-my_pkg.json",
            "etc/pkg.conf",
            "etc/pkg/x.toml",
            "etc/my_pkg-server.conf",
            "etc",
            "lib",
            "lib/libpkg.so",
            "lib/pkg.so",
            "lib/libmkl_core.so.2",
            "lib/libtbb.so.12",
            "lib/libz.a",
            "lib/libzip.so.5",
            "lib/x.bc",
            "lib/pkgconfig/zlib.pc",
            "lib/cmake/pkg/pkg-config.cmake",
            "lib/pkg/libpkg.so",
            "lib/my-pkg/x.so",
            "lib/x86_64-linux-gnu/libpkg.so",
            "lib/x86_64-linux-gnu/pkgconfig/x.pc",
            "lib/terminfo/x/y",
            "include/pkg/pkg.h",
            "include/my_pkg/string.h",
            "include/python3.11/pkg/string.h",
            "include/site/python3.13t/my-pkg/x.h",
            "include/pypy3.10/pkg/x.h",
            "libexec/pkg/tool",
            "libexec/pkg-tool",
            "cmake/x.cmake",
            "LICENSE",
            "tests/pip.conf"
        )]
        path: &str,
    ) {
        assert_eq!(acts(&format!("{prefix}{path}"), &["pkg", "my-pkg"]), None);
    }

    #[test]
    fn nobody_owns_what_conda_reads() {
        for (path, project) in [
            ("etc/conda/activate.d/x.sh", "conda"),
            ("etc/profile.d/x.sh", "profile-d"),
            ("lib/haswell/libz.so", "haswell"),
            ("include/sys/types.h", "sys"),
            ("include/string.h", "string"),
            ("etc/jupyter/jupyter_config.py", "jupyter"),
        ] {
            assert_eq!(acts(path, &[project]), Some(NoteKind::Environment), "{path}");
        }
    }
}
