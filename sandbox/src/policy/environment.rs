//! Which variables of the caller reach a build.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;

/// Variables that a build may see, by exact name or by a prefix with a trailing `*`.
pub const KEPT: &[&str] = &[
    "PATH",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "TERM",
    "COLUMNS",
    "NO_COLOR",
    "TZ",
    "SOURCE_DATE_EPOCH",
    // C, C++, Fortran and their build systems
    "CC",
    "CXX",
    "CPP",
    "FC",
    "F77",
    "F90",
    "LD",
    "AR",
    "AS",
    "NM",
    "RANLIB",
    "STRIP",
    "OBJCOPY",
    "CFLAGS",
    "CXXFLAGS",
    "CPPFLAGS",
    "FFLAGS",
    "FCFLAGS",
    "LDFLAGS",
    "LDSHARED",
    "LIBS",
    "ARCHFLAGS",
    "MAKEFLAGS",
    "MAKE",
    "MAX_JOBS",
    "NPY_*",
    "CMAKE_*",
    "NINJAFLAGS",
    "MESON*",
    "SKBUILD_*",
    "PKG_CONFIG",
    "PKG_CONFIG_*",
    "BLAS",
    "LAPACK",
    "CUDA_HOME",
    "CUDA_PATH",
    "NVCC*",
    "ROCM_*",
    // other languages
    "CARGO_*",
    "RUSTC",
    "RUSTC_*",
    "RUSTDOC",
    "RUSTFLAGS",
    "RUSTUP_*",
    "RUST_BACKTRACE",
    "PYO3_*",
    "MATURIN_*",
    "GOFLAGS",
    "GOARCH",
    "GOOS",
    "CGO_*",
    "JAVA_HOME",
    "CYTHON_*",
    "CIBW_*",
    // Python's own switches, none of which names code to load
    "PYTHONHASHSEED",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONUNBUFFERED",
    "PYTHONUTF8",
    "PYTHONWARNINGS",
    "PYTHONIOENCODING",
    "PYTHONNOUSERSITE",
    "PYTHONSAFEPATH",
    "VIRTUAL_ENV",
    "DISTUTILS_*",
    "SETUPTOOLS_*",
    "VCS_VERSIONING_*",
    "PBR_*",
    "FLIT_*",
    "HATCH_*",
    "PDM_BUILD_*",
    "POETRY_CORE_*",
    // the protocol of the front end
    "_PYPROJECT_HOOKS_*",
    "PEP517_BUILD_BACKEND",
    "PEP517_BACKEND_PATH",
];

/// Parts of a name that mark a secret: such a name never passes by a pattern.
pub const SECRET_WORDS: &[&str] =
    &["TOKEN", "PASSWORD", "PASSWD", "SECRET", "CREDENTIAL", "API_KEY", "PRIVATE_KEY", "COOKIE"];

/// Variables that the sandbox sets, because a build has no network to ask.
pub const OFFLINE: &[(&str, &str)] = &[
    ("CARGO_NET_OFFLINE", "true"),
    ("GOPROXY", "off"),
    ("HF_HUB_OFFLINE", "1"),
    ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
    ("PIP_NO_INDEX", "1"),
    ("UV_OFFLINE", "1"),
    ("npm_config_offline", "true"),
];

/// What the caller asks for beyond the allow list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnvironmentPolicy {
    /// Further names or patterns to keep; compared with their case.
    pub keep: Vec<Pattern>,
    /// Names or patterns to delete; compared without their case; these win over what is kept.
    pub delete: Vec<Pattern>,
    /// Variables that the caller sets; these win over everything.
    pub set: Vec<(OsString, OsString)>,
}

/// A variable's name, or the beginning of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    stem: String,
    open: bool,
}

impl Pattern {
    /// The pattern that `text` spells: a name, or a prefix with a trailing `*`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        match text.strip_suffix('*') {
            Some(stem) => Self { stem: stem.to_owned(), open: true },
            None => Self { stem: text.to_owned(), open: false },
        }
    }

    /// Whether the pattern is the beginning of names rather than one name.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.open
    }

    /// Whether `name` matches, with its case.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        if self.open { name.starts_with(&self.stem) } else { name == self.stem }
    }

    /// Whether `name` matches, whatever the case.
    #[must_use]
    pub fn matches_any_case(&self, name: &str) -> bool {
        let (name, stem) = (name.as_bytes(), self.stem.as_bytes());
        let begins = name.get(..stem.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(stem));
        begins && (self.open || name.len() == stem.len())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.stem, if self.open { "*" } else { "" })
    }
}

/// Why a variable of the caller reaches the build, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// It is on the allow list.
    Listed,
    /// The caller named it.
    Named,
    /// It is on no list.
    Unlisted,
    /// The caller deleted it.
    Deleted,
    /// Its name has a word that marks a secret.
    SecretName,
    /// Its value has the form of an address with a password in it.
    SecretValue,
    /// Its name is no name of a variable, or an exported shell function.
    BadName,
}

impl Ruling {
    /// Whether the variable passes.
    #[must_use]
    pub const fn passes(self) -> bool {
        matches!(self, Self::Listed | Self::Named)
    }

    /// The rule in words.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Listed => "on the allow list",
            Self::Named => "named by the caller",
            Self::Unlisted => "on no list",
            Self::Deleted => "deleted by the caller",
            Self::SecretName => "its name marks a secret",
            Self::SecretValue => "its value has a password in it",
            Self::BadName => "its name is no variable's",
        }
    }
}

impl EnvironmentPolicy {
    /// Whether the caller's variable `name` with `value` reaches the build, and why.
    #[must_use]
    pub fn rule(&self, name: &OsStr, value: &OsStr) -> Ruling {
        let Some(name) = name.to_str().filter(|name| is_portable(name)) else {
            return Ruling::BadName;
        };
        if self.delete.iter().any(|pattern| pattern.matches_any_case(name)) {
            return Ruling::Deleted;
        }
        if self.keep.iter().any(|pattern| !pattern.is_open() && pattern.matches(name)) {
            return Ruling::Named;
        }
        let upper = name.to_ascii_uppercase();
        let ruling = if self.keep.iter().any(|pattern| pattern.matches(name)) {
            Ruling::Named
        } else if KEPT.iter().any(|text| matches(text, name)) {
            Ruling::Listed
        } else {
            return Ruling::Unlisted;
        };
        if SECRET_WORDS.iter().any(|word| upper.contains(word)) {
            return Ruling::SecretName;
        }
        if has_password(value) { Ruling::SecretValue } else { ruling }
    }
}

/// Whether the pattern that `text` spells matches `name`, with its case.
fn matches(text: &str, name: &str) -> bool {
    text.strip_suffix('*').map_or(name == text, |stem| name.starts_with(stem))
}

/// A name that every shell can set: letters, digits and `_`, not beginning with a digit (POSIX,
/// Base Definitions 8.1). Exported shell functions (`BASH_FUNC_x%%`) are none.
fn is_portable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.starts_with("BASH_FUNC_")
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whether the value holds an address with user information: `https://user:password@host`.
fn has_password(value: &OsStr) -> bool {
    let value = String::from_utf8_lossy(value.as_bytes());
    value.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', '?', '#', ' ', '"', '\'']).next().unwrap_or_default();
        authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("PATH", "/usr/bin", Ruling::Listed)]
    #[case("LC_ALL", "C", Ruling::Listed)]
    #[case("CARGO_HOME", "/x", Ruling::Listed)]
    #[case("CARGO_REGISTRY_TOKEN", "x", Ruling::SecretName)]
    #[case("CARGO_REGISTRIES_X_INDEX", "sparse+https://u:p@h/", Ruling::SecretValue)]
    #[case("CMAKE_ARGS", "-DURL=https://host/a@b:c", Ruling::Listed)]
    #[case("GITHUB_TOKEN", "x", Ruling::Unlisted)]
    #[case("LD_PRELOAD", "x", Ruling::Unlisted)]
    #[case("PYTHONPATH", "x", Ruling::Unlisted)]
    #[case("path", "x", Ruling::Unlisted)]
    #[case("BASH_FUNC_ls%%", "() { :; }", Ruling::BadName)]
    #[case("1ST", "x", Ruling::BadName)]
    #[case("", "x", Ruling::BadName)]
    fn a_variable_passes_only_by_the_allow_list(
        #[case] name: &str,
        #[case] value: &str,
        #[case] ruling: Ruling,
    ) {
        let policy = EnvironmentPolicy::default();
        assert_eq!(policy.rule(OsStr::new(name), OsStr::new(value)), ruling);
    }

    #[test]
    fn deleting_wins_over_keeping_whatever_the_case() {
        let policy = EnvironmentPolicy {
            keep: vec![Pattern::new("MY_*"), Pattern::new("DEPLOY_TOKEN")],
            delete: vec![Pattern::new("my_sec*")],
            set: vec![],
        };
        let rule = |name| policy.rule(OsStr::new(name), OsStr::new("x"));
        assert_eq!(rule("MY_FLAG"), Ruling::Named);
        assert_eq!(rule("my_flag"), Ruling::Unlisted);
        assert_eq!(rule("MY_SECOND"), Ruling::Deleted);
        assert_eq!(rule("MY_TOKEN"), Ruling::SecretName);
        assert_eq!(rule("DEPLOY_TOKEN"), Ruling::Named);
    }
}
