//! Modules that an interpreter imports by itself from where a wheel can put one.
//!
//! In the directory of packages that is what `site` reads, and what the standard library tries to
//! import and many a platform does not have. The directory of the program that was started comes before
//! the standard library, so there it is any module of that, and of the tools that a person starts.
//! Names are taken as [`folded`](super::twins::folded).
#![forbid(unsafe_code)]

/// Modules that something imports at every start: `site` itself, and the files that virtualenv,
/// setuptools and Debian put beside it.
const IMPORTED: &str = "sitecustomize usercustomize _virtualenv _distutils_hack apport_python_hook";

/// Modules that the standard library imports where they are there, and goes on without where not: from
/// the `try` statements of `CPython` 2.7 to 3.14 whose imports are no part of every installation.
const TRIED: &str = "\
    _abc _aix_support _android_support _asyncio _bisect _blake2 _bootsubprocess _codecs _collections \
    _contextvars _crypt _ctypes _curses _curses_panel _datetime _dbm _decimal _elementtree _functools \
    _gdbm _gestalt _hashlib _heapq _imp _interpchannels _interpqueues _interpreters _io _ios_support \
    _json _locale _lsprof _lzma _md5 _multiprocessing _opcode _operator _osx_support _overlapped _pickle \
    _posixshmem _posixsubprocess _queue _random _remote_debugging _scproxy _sha1 _sha2 _sha256 _sha3 \
    _sha512 _socket _sqlite3 _ssl _stat _statistics _string _struct _suggestions _symtable \
    _testinternalcapi _thread _tkinter _tracemalloc _types _typing _uuid _warnings _weakref _winapi \
    _winreg _wmi _zoneinfo _zstd carbon ce edbm errno fcntl grp java msvcrt nt org os2 posix pwd pyexpat \
    readline riscos select termios vms_lib win32api win32con win32evtlog win32evtlogutil winreg winsound \
    zipimport zlib";

/// The modules of the standard library of `CPython` 2.7 to 3.14, but for those that begin with `_`.
const STANDARD: &str = "\
    abc aifc annotationlib antigravity anydbm argparse array ast asynchat asyncio asyncore atexit \
    audiodev audioop base64 basehttpserver bastion bdb binascii binhex bisect bsddb builtins bz2 \
    calendar cgi cgihttpserver cgitb chunk cmath cmd code codecs codeop collections colorsys commands \
    compileall compiler compression concurrent config configparser contextlib contextvars cookie \
    cookielib copy copy_reg copyreg cpickle cprofile crypt cstringio csv ctypes curses dataclasses \
    datetime dbhash dbm decimal difflib dircache dis distutils docxmlrpcserver dumbdbm dummy_thread \
    dummy_threading email encodings ensurepip enum errno exceptions faulthandler fcntl filecmp \
    fileinput fnmatch formatter fpformat fractions ftplib functools future_builtins gc genericpath \
    getopt getpass gettext glob graphlib grp gzip hashlib heapq hmac hotshot html htmlentitydefs \
    htmllib htmlparser http httplib idlelib ihooks imaplib imghdr imp importlib imputil inspect io \
    ipaddress itertools json keyword lib2to3 linecache linuxaudiodev locale logging lzma macpath \
    macurl2path mailbox mailcap markupbase marshal math md5 mhlib mimetools mimetypes mimewriter \
    mimify mmap modulefinder msilib msvcrt multifile multiprocessing mutex netrc new nis nntplib nt \
    ntpath nturl2path numbers opcode operator optparse os os2emxpath ossaudiodev parser pathlib pdb \
    pickle pickletools pipes pkgutil platform plistlib popen2 poplib posix posixfile posixpath pprint \
    profile pstats pty pwd py_compile pyclbr pydoc pydoc_data pyexpat queue quopri random re readline \
    repr reprlib resource rexec rfc822 rlcompleter robotparser runpy sched secrets select selectors \
    sets sgmllib sha shelve shlex shutil signal simplehttpserver simplexmlrpcserver site smtpd smtplib \
    sndhdr socket socketserver spwd sqlite3 sre sre_compile sre_constants sre_parse ssl stat statistics \
    statvfs string stringio stringold stringprep strop struct subprocess sunau sunaudio symbol symtable \
    sys sysconfig syslog tabnanny tarfile telnetlib tempfile termios textwrap this threading time \
    timeit tkinter toaiff token tokenize tomllib trace traceback tracemalloc tty turtle turtledemo types \
    typing unicodedata unittest urllib urllib2 urlparse user userdict userlist userstring uu uuid venv \
    warnings wave weakref webbrowser whichdb winreg winsound wsgiref xdrlib xml xmllib xmlrpc xmlrpclib \
    xxlimited zipapp zipfile zipimport zlib zoneinfo";

/// Modules of the tools that install, build and publish, each with the projects whose own they are, but
/// for the one of the very name.
const TOOLS: [(&str, &[&str]); 25] = [
    ("build", &[]),
    ("conda", &[]),
    ("distlib", &[]),
    ("easy_install", &["setuptools"]),
    ("flit", &[]),
    ("flit_core", &[]),
    ("hatch", &[]),
    ("hatchling", &[]),
    ("installer", &[]),
    ("keyring", &[]),
    ("mamba", &["mamba", "libmambapy"]),
    ("maturin", &[]),
    ("mesonpy", &["meson-python"]),
    ("nox", &[]),
    ("packaging", &[]),
    ("pdm", &["pdm-backend", "pdm-pep517"]),
    ("pip", &[]),
    ("pipenv", &[]),
    ("pipx", &[]),
    ("pkg_resources", &["setuptools", "distribute"]),
    ("poetry", &["poetry-core"]),
    ("pyproject_hooks", &[]),
    ("scikit_build_core", &[]),
    ("setuptools", &["distribute"]),
    ("tox", &[]),
];

/// More of them, and what many of these import.
const MORE_TOOLS: &str = "twine uv virtualenv wheel";
const LIBRARIES: &str = "\
    cachecontrol certifi charset_normalizer colorama cryptography filelock idna importlib_metadata \
    platformdirs requests rich six tomli truststore typing_extensions urllib3 zipp";

/// What the name of a file ends in that can be imported.
const IMPORTABLE: [&str; 6] = [".py", ".pyw", ".pyc", ".pyo", ".so", ".pyd"];

/// Whether the file, by its path from the directory of packages, is run by the interpreter without being
/// asked for: path configuration files, the start files of PEP 829, and modules that one of these,
/// `site` or the standard library imports, in whatever form and also from their cache. Modules of tools
/// count as well, for who starts the tool has not asked for another's. What a module of the last two kinds
/// is called one of `projects` may be called.
pub(super) fn is_start_up(path: &str, projects: &[&str]) -> bool {
    let (module, first, deeper) = taken_apart(path);
    let suffix = [".pth", ".start"].iter().any(|suffix| first.ends_with(suffix));
    (suffix && !deeper)
        || is_in(IMPORTED, module)
        || (is_in(TRIED, module) && is_importable(path) && !is_own(module, projects))
        // Not what old setuptools pack by mistake.
        || (is_tools(module, projects) && is_importable(path) && !path.starts_with("build/lib"))
}

/// Whether the file, by its path from the directory of programs, is a module that programs import, and
/// find there before the one that they mean; unless it is a tool's of one of `projects`.
pub(super) fn comes_first(path: &str, projects: &[&str]) -> bool {
    let (module, ..) = taken_apart(path);
    let of_library = is_in(LIBRARIES, module) && !is_own(module, projects);
    let standard = is_in(STANDARD, module) || is_in(IMPORTED, module) || module.starts_with('_');
    is_importable(path) && (standard || of_library || is_tools(module, projects))
}

/// Whether it is a module of a tool that none of `projects` is.
fn is_tools(module: &str, projects: &[&str]) -> bool {
    let owners = TOOLS.iter().find(|(name, _)| *name == module).map(|(_, owners)| *owners);
    let owned = |owners: &[&str]| owners.iter().any(|owner| projects.contains(owner));
    (owners.is_some_and(|it| !owned(it)) || is_in(MORE_TOOLS, module)) && !is_own(module, projects)
}

/// The module that a file is a part of, the first component of its path, and whether there are more.
/// What lies in a cache is a part of the module that it was made of.
fn taken_apart(path: &str) -> (&str, &str, bool) {
    let inner = path.strip_prefix("__pycache__/").unwrap_or(path);
    let (first, deeper) = match inner.split_once('/') {
        Some((first, _)) => (first, true),
        None => (inner, false),
    };
    (first.split('.').next().unwrap_or_default(), first, deeper)
}

fn is_importable(path: &str) -> bool {
    IMPORTABLE.iter().any(|end| path.ends_with(end))
}

fn is_in(list: &str, name: &str) -> bool {
    list.split_ascii_whitespace().any(|it| it == name)
}

/// Whether a module has the name of one of `projects`, as `gnureadline` and `pyreadline3` bring one.
fn is_own(module: &str, projects: &[&str]) -> bool {
    let name = module.replace('_', "-");
    projects.iter().any(|project| {
        let bare = project.trim_start_matches("gnu").trim_start_matches("py");
        *project == name || bare.trim_end_matches(|it: char| it.is_ascii_digit()) == name
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    fn what_the_standard_library_only_tries_to_import_runs_by_itself_where_packages_lie(
        #[values(
            "msvcrt.py",
            "winreg/__init__.py",
            "org/python/core.py",
            "java/lang.py",
            "_winapi.cpython-311-x86_64-linux-gnu.so",
            "_winapi.pyd",
            "readline.py",
            "__pycache__/nt.cpython-311.pyc"
        )]
        path: &str,
    ) {
        assert!(is_start_up(path, &["pkg"]), "{path}");
        assert!(comes_first(path, &["pkg"]) || path.starts_with(['o', 'j']), "{path}");
    }

    #[rstest]
    #[case("re.py", true)]
    #[case("re/__init__.py", true)]
    #[case("json.abi3.so", true)]
    #[case("_weakrefset.py", true)]
    #[case("__pycache__/os.cpython-311.pyc", true)]
    #[case("sitecustomize.py", true)]
    #[case("pip.py", true)]
    #[case("pkg_resources/__init__.py", true)]
    #[case("re", false)]
    #[case("re.sh", false)]
    #[case("re/data.txt", false)]
    #[case("rst2html.py", false)]
    #[case("pkg.py", false)]
    #[case("calendar.exe", false)]
    fn a_module_beside_a_program_comes_first(#[case] path: &str, #[case] expected: bool) {
        assert_eq!(comes_first(path, &["pkg"]), expected);
    }

    #[rstest]
    #[case("pip/__init__.py", "pip")]
    #[case("pip/_internal/cli/main.py", "pip")]
    #[case("__pycache__/pip.cpython-311.pyc", "pip")]
    #[case("setuptools/__init__.py", "setuptools")]
    #[case("pkg_resources/__init__.py", "setuptools")]
    #[case("easy_install.py", "setuptools")]
    #[case("poetry/core/factory.py", "poetry-core")]
    #[case("pdm/backend/__init__.py", "pdm-backend")]
    #[case("wheel/cli.py", "wheel")]
    #[case("uv/__init__.py", "uv")]
    fn a_tools_modules_are_its_own(#[case] path: &str, #[case] project: &str) {
        assert!(is_start_up(path, &["pkg"]) && comes_first(path, &["pkg"]), "{path}");
        assert!(!is_start_up(path, &[project]) && !comes_first(path, &[project]), "{path}");
        assert!(is_start_up(path, &[&format!("{project}-more")]), "{path}");
    }

    #[rstest]
    #[case("readline.py", "gnureadline")]
    #[case("readline.py", "pyreadline3")]
    #[case("readline.cpython-36m-x86_64-linux-gnu.so", "readline")]
    fn a_project_may_bring_the_module_of_its_name(#[case] path: &str, #[case] project: &str) {
        assert!(!is_start_up(path, &[project]));
        assert!(is_start_up(path, &["pkg"]) && is_start_up("msvcrt.py", &[project]));
        assert!(comes_first("pip.py", &[project]) && !comes_first("pip.py", &["pip"]));
        let (site, re) = ("sitecustomize.py", "re.py");
        assert!(is_start_up(site, &["sitecustomize"]) && comes_first(re, &["re"]));
    }

    #[rstest]
    fn other_modules_are_not_taken_for_one(
        #[values(
            "pkg/msvcrt.py",
            "java/README",
            "orga.py",
            "nt.txt",
            "typing.py",
            "enum/__init__.py",
            "requests/__init__.py",
            "setuptools_scm/__init__.py",
            "build/lib/pkg.py",
            "pkg/pip/__init__.py"
        )]
        path: &str,
    ) {
        assert!(!is_start_up(path, &["pkg"]), "{path}");
    }
}
