//! The variables that builds use, by name.
//!
//! What is not here does not pass unless the caller names it. A prefix stands here only where a tool
//! makes up the names behind it; nothing of a tool that also talks to a server or a registry does.
#![forbid(unsafe_code)]

use std::collections::HashSet;
use std::sync::LazyLock;

/// Exact names. None of them is where a documented tool keeps a secret.
const NAMES: &[&str] = &[
    // what every program looks at
    "PATH LANG LANGUAGE TERM COLUMNS TZ NO_COLOR FORCE_COLOR CLICOLOR CLICOLOR_FORCE CI",
    "SOURCE_DATE_EPOCH ZERO_AR_DATE",
    // C, C++, Fortran: the tools
    "CC CXX CPP FC F77 F90 F95 LD AR AS NM RANLIB STRIP OBJCOPY OBJDUMP READELF WINDRES LIBTOOL",
    "CC_FOR_BUILD CXX_FOR_BUILD HOSTCC HOST_CC HOST_CXX HOST_AR TARGET_CC TARGET_CXX TARGET_AR",
    "GCC GXX CLANG LLVM_CONFIG LLVM_DIR LLVM_PATH LIBCLANG_PATH CLANG_PATH",
    // their flags, and the places in which they look
    "CFLAGS CXXFLAGS CPPFLAGS FFLAGS F90FLAGS FCFLAGS LDFLAGS LDSHARED LDCXXSHARED LIBS OPT",
    "HOST_CFLAGS TARGET_CFLAGS DEBUG_CFLAGS CCSHARED ARFLAGS ARCHFLAGS BASECFLAGS",
    "CPATH C_INCLUDE_PATH CPLUS_INCLUDE_PATH OBJC_INCLUDE_PATH LIBRARY_PATH COMPILER_PATH",
    "GCC_EXEC_PREFIX LD_RUN_PATH SDKROOT SYSROOT HOST BUILD TARGET MACOSX_DEPLOYMENT_TARGET",
    // systems of building
    "MAKE MAKEFLAGS MAKELEVEL MAX_JOBS NUM_JOBS NINJA NINJAFLAGS NINJA_STATUS CONFIG_SITE ACLOCAL_PATH",
    "PKG_CONFIG M4 AUTOCONF AUTOMAKE AUTOM4TE BISON FLEX YACC LEX",
    "MESON MESON_ARGS MESON_TESTTHREADS MESON_PACKAGE_CACHE_DIR MESON_FORCE_BACKTRACE",
    "MESON_RSP_THRESHOLD MESONPY_EDITABLE_VERBOSE BAZELISK_SKIP_WRAPPER VCPKG_ROOT CONAN_HOME",
    "DEB_BUILD_OPTIONS DEB_BUILD_PROFILES DEB_HOST_MULTIARCH RPM_OPT_FLAGS RPM_BUILD_ROOT",
    // caches of compilers, without the remote ones
    "CCACHE_DIR CCACHE_BASEDIR CCACHE_DISABLE CCACHE_CPP2 CCACHE_NOHASHDIR CCACHE_MAXSIZE CCACHE_PREFIX",
    "CCACHE_SLOPPINESS CCACHE_COMPILERCHECK CCACHE_CONFIGPATH CCACHE_READONLY CCACHE_RECACHE",
    "SCCACHE_DIR SCCACHE_CACHE_SIZE SCCACHE_IDLE_TIMEOUT SCCACHE_NO_DAEMON DISTCC_HOSTS",
    // how many threads
    "OMP_NUM_THREADS OPENBLAS_NUM_THREADS MKL_NUM_THREADS NUMEXPR_NUM_THREADS RAYON_NUM_THREADS",
    // libraries that extension modules are built against, by the names that their own finders use
    "BLAS LAPACK ATLAS BLAS_LIBS LAPACK_LIBS BLAS_OPT LAPACK_OPT MKLROOT OPENBLAS OPENBLAS_ROOT",
    "BOOST_ROOT BOOST_INCLUDEDIR BOOST_LIBRARYDIR EIGEN3_INCLUDE_DIR HDF5_DIR HDF5_VERSION HDF5_MPI",
    "NETCDF4_DIR GDAL_CONFIG GDAL_VERSION GDAL_HOME GEOS_CONFIG GEOS_DIR PROJ_DIR PROJ_VERSION",
    "PG_CONFIG MYSQL_CONFIG MYSQLCLIENT_CFLAGS MYSQLCLIENT_LDFLAGS XML2_CONFIG XSLT_CONFIG",
    "STATIC_DEPS LIBXML2_VERSION LIBXSLT_VERSION SODIUM_INSTALL PYCURL_SSL_LIBRARY PYCURL_CURL_CONFIG",
    "OPENSSL_DIR OPENSSL_ROOT_DIR OPENSSL_LIB_DIR OPENSSL_INCLUDE_DIR OPENSSL_LIBS OPENSSL_STATIC",
    "OPENSSL_NO_VENDOR ZLIB_ROOT ZLIB_DIR BZIP2_DIR LZMA_DIR LZO_DIR BLOSC_DIR FREETYPE_ROOT JPEG_ROOT",
    "LIBSSH2_SYS_USE_PKG_CONFIG LIBGIT2 LIBGIT2_NO_VENDOR LIBZ_SYS_STATIC SNAPPY_INCLUDE_DIR",
    "LIBFFI_INCLUDEDIR LIBFFI_LIBDIR FFI_CONFIG SWIG SWIG_LIB SWIG_FEATURES PROTOC PROTOC_INCLUDE",
    "PROTOBUF_ROOT MPICC MPICXX MPIFC MPI_HOME MPICFG MPI_DIR PETSC_DIR PETSC_ARCH SLEPC_DIR",
    "QMAKE QT_DIR QTDIR QT_SELECT WX_CONFIG SDL_CONFIG CUPS_CONFIG PORTAUDIO_DIR LIBMEMCACHED",
    // the graphics processors' tool chains
    "CUDA_HOME CUDA_PATH CUDA_ROOT CUDA_TOOLKIT_ROOT_DIR CUDA_VERSION CUDACXX CUDAHOSTCXX CUDAARCHS",
    "CUDAFLAGS CUDA_ARCH_LIST TORCH_CUDA_ARCH_LIST CUDNN_HOME CUDNN_PATH NCCL_ROOT NCCL_HOME",
    "NVCC NVCC_FLAGS NVCC_APPEND_FLAGS NVCC_PREPEND_FLAGS NVCC_THREADS NVCC_CCBIN NVCC_WRAPPER",
    "ROCM_HOME ROCM_PATH ROCM_VERSION ROCM_ARCH HIP_PATH HIP_PLATFORM HIPCC HIPCC_COMPILE_FLAGS_APPEND",
    "PYTORCH_ROCM_ARCH FORCE_CUDA USE_CUDA USE_ROCM USE_NINJA USE_MKLDNN USE_DISTRIBUTED BUILD_TEST",
    "PYTORCH_BUILD_VERSION PYTORCH_BUILD_NUMBER ONEAPI_ROOT CMPLR_ROOT TBBROOT DPCPPROOT",
    // Rust
    "CARGO CARGO_HOME CARGO_INCREMENTAL CARGO_CACHE_RUSTC_INFO CARGO_ENCODED_RUSTFLAGS CARGO_LOG",
    "CARGO_MAKEFLAGS CARGO_NET_OFFLINE CARGO_TERM_COLOR CARGO_TERM_QUIET CARGO_TERM_VERBOSE",
    "CARGO_TERM_PROGRESS_WHEN CARGO_TERM_PROGRESS_WIDTH RUSTFLAGS RUSTDOCFLAGS RUST_BACKTRACE",
    "RUST_MIN_STACK RUSTC RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER RUSTC_BOOTSTRAP RUSTC_LINKER RUSTDOC",
    "RUSTUP_HOME RUSTUP_TOOLCHAIN RUSTUP_IO_THREADS RUSTUP_NO_BACKTRACE BINDGEN_EXTRA_CLANG_ARGS",
    "PYO3_PYTHON PYO3_CONFIG_FILE PYO3_CROSS PYO3_CROSS_LIB_DIR PYO3_CROSS_PYTHON_VERSION",
    "PYO3_CROSS_PYTHON_IMPLEMENTATION PYO3_NO_PYTHON PYO3_NO_REUSE PYO3_PRINT_CONFIG",
    "PYO3_USE_ABI3_FORWARD_COMPATIBILITY PYO3_BUILD_EXTENSION_MODULE PYO3_ENVIRONMENT_SIGNATURE",
    "MATURIN_PEP517_ARGS MATURIN_PEP517_USE_BASE_PYTHON MATURIN_SETUP_ARGS MATURIN_NO_INSTALL_RUST",
    "MATURIN_EMSCRIPTEN_VERSION MATURIN_IMPORT_HOOK_ENABLED",
    // Go, Java and others
    "GOFLAGS GOARCH GOOS GOROOT GOAMD64 GOARM GOARM64 GOTOOLCHAIN GO111MODULE GOEXPERIMENT",
    "CGO_ENABLED CGO_CFLAGS CGO_CPPFLAGS CGO_CXXFLAGS CGO_FFLAGS CGO_LDFLAGS",
    "JAVA_HOME JDK_HOME JRE_HOME JAVAC JCC_JDK JCC_CFLAGS R_HOME R_ARCH RSCRIPT PERL JULIA_BINDIR",
    "ZIG_GLOBAL_CACHE_DIR ZIG_LOCAL_CACHE_DIR NODE_ENV EMSDK EM_CONFIG PYODIDE_ROOT WASI_SDK_PATH",
    // Python's own switches, none of which names code to load
    "PYTHONHASHSEED PYTHONDONTWRITEBYTECODE PYTHONUNBUFFERED PYTHONUTF8 PYTHONWARNINGS PYTHONOPTIMIZE",
    "PYTHONIOENCODING PYTHONNOUSERSITE PYTHONSAFEPATH PYTHONDEVMODE PYTHONFAULTHANDLER PYTHONMALLOC",
    "PYTHON_GIL PYTHON_COLORS _PYTHON_HOST_PLATFORM _PYTHON_SYSCONFIGDATA_NAME VIRTUAL_ENV",
    // where the tools themselves come from
    "CONDA_PREFIX CONDA_DEFAULT_ENV CONDA_SHLVL CONDA_BUILD CONDA_BUILD_SYSROOT CONDA_EXE MAMBA_EXE",
    "MAMBA_ROOT_PREFIX CONDA_TOOLCHAIN_BUILD CONDA_TOOLCHAIN_HOST PYENV_ROOT PYENV_VERSION",
    "NIX_STORE NIX_CC NIX_BINTOOLS NIX_BUILD_CORES NIX_HARDENING_ENABLE NIX_ENFORCE_NO_NATIVE",
    "NIX_ENFORCE_PURITY NIX_INDENT_MAKE NIX_DONT_SET_RPATH NIX_NO_SELF_RPATH NIX_SSL_CERT_FILE",
    "GUIX_ENVIRONMENT GUIX_PROFILE GUIX_LOCPATH GUIX_LD_WRAPPER_ALLOW_IMPURITIES GUIX_BUILD_OPTIONS",
    // back ends and what they read versions from
    "DISTUTILS_USE_SDK DISTUTILS_DEBUG SETUPTOOLS_USE_DISTUTILS SETUPTOOLS_EXT_SUFFIX",
    "SETUPTOOLS_ENABLE_FEATURES SETUPTOOLS_RUST_CARGO_PROFILE SETUPTOOLS_RUST_PEP517_USE_BASE_PYTHON",
    "SETUPTOOLS_DANGEROUSLY_SKIP_PYPROJECT_VALIDATION SETUPTOOLS_SCM_PRETEND_VERSION",
    "SETUPTOOLS_SCM_PRETEND_METADATA SETUPTOOLS_SCM_DEBUG SETUPTOOLS_SCM_IGNORE_VCS_ROOTS",
    "SETUPTOOLS_SCM_IGNORE_DUBIOUS_OWNER SETUPTOOLS_SCM_SUBPROCESS_TIMEOUT SETUPTOOLS_SCM_HG_COMMAND",
    "VCS_VERSIONING_PRETEND_VERSION VCS_VERSIONING_DEBUG VERSIONEER_PEP518 MYPYC_OPT_LEVEL",
    "PBR_VERSION PBR_REQUIREMENTS_FILES SKIP_GENERATE_AUTHORS SKIP_WRITE_GIT_CHANGELOG SKIP_GIT_SDIST",
    "SKIP_GENERATE_RENO FLIT_ALLOW_INVALID HATCH_METADATA_CLASSIFIERS_NO_VERIFY",
    "POETRY_DYNAMIC_VERSIONING_BYPASS UV_DYNAMIC_VERSIONING_BYPASS PDM_BUILD_SCM_VERSION",
    "CYTHON_FORCE_REGEN CYTHON_CACHE_DIR CYTHON_TRACE CYTHON_TRACE_NOGIL CYTHON_USE_SYS_MONITORING",
    "CYTHON_LIMITED_API CYTHON_COMPRESS_STRINGS",
    "NPY_NUM_BUILD_JOBS NPY_BLAS_ORDER NPY_LAPACK_ORDER NPY_BLAS_LIBS NPY_CBLAS_LIBS NPY_LAPACK_LIBS",
    "NPY_USE_BLAS_ILP64 NPY_DISTUTILS_APPEND_FLAGS NPY_DISABLE_SVML NPY_LAPACK_SUFFIX NPY_USE_G77_ABI",
    "NPY_DISABLE_CPU_FEATURES NPY_RELAXED_STRIDES_CHECKING NPY_PROMOTION_STATE",
    // that a wheel is built for many machines
    "CIBUILDWHEEL CIBUILDWHEEL_BUILD_IDENTIFIER AUDITWHEEL_PLAT AUDITWHEEL_ARCH AUDITWHEEL_POLICY",
    "DEVTOOLSET_ROOTPATH",
    // the protocol of the front end
    "_PYPROJECT_HOOKS_BUILD_BACKEND _PYPROJECT_HOOKS_BACKEND_PATH PEP517_BUILD_BACKEND",
    "PEP517_BACKEND_PATH",
];

/// Names that are made up behind a prefix or before a suffix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Family {
    begins: &'static str,
    ends: &'static str,
    open: Open,
}

/// What stands in the open part of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    /// A word, which may mark a secret.
    Word,
    /// The name of a package, which says nothing: `AUTHLIB` is one, and `TOKENIZERS`.
    Package,
}

const fn words(begins: &'static str) -> Family {
    Family { begins, ends: "", open: Open::Word }
}

const fn packages(begins: &'static str, ends: &'static str) -> Family {
    Family { begins, ends, open: Open::Package }
}

/// Families whose every member is a switch of a build.
const FAMILIES: &[Family] = &[
    words("LC_"),
    // The protocol of the front end, in every version of it.
    words("_PYPROJECT_HOOKS_"),
    // CMake reads `CMAKE_<LANG>_…` and hands the rest to projects and tool chain files.
    words("CMAKE_"),
    words("PKG_CONFIG_"),
    words("SKBUILD_"),
    // Keys of cargo's configuration: [build], [profile.NAME], [target.TRIPLE]; not [registries].
    words("CARGO_BUILD_"),
    words("CARGO_PROFILE_"),
    words("CARGO_TARGET_"),
    words("HATCH_BUILD_"),
    words("PDM_BUILD_"),
    // The crate `cc` by target, and the wrappers of Nix.
    words("CFLAGS_"),
    words("CXXFLAGS_"),
    words("CC_x86_64_"),
    words("CC_aarch64_"),
    words("CXX_x86_64_"),
    words("CXX_aarch64_"),
    words("AR_x86_64_"),
    words("AR_aarch64_"),
    words("NIX_CFLAGS_COMPILE"),
    words("NIX_LDFLAGS"),
    words("NIX_CC_WRAPPER_TARGET_"),
    words("NIX_BINTOOLS_WRAPPER_TARGET_"),
    words("NIX_PKG_CONFIG_WRAPPER_TARGET_"),
    // Versions by package, and the switch that many packages have for a build without a compiler.
    packages("SETUPTOOLS_SCM_PRETEND_VERSION_FOR_", ""),
    packages("SETUPTOOLS_SCM_PRETEND_METADATA_FOR_", ""),
    packages("SETUPTOOLS_SCM_OVERRIDES_FOR_", ""),
    packages("VCS_VERSIONING_PRETEND_VERSION_FOR_", ""),
    packages("", "_NO_EXTENSIONS"),
];

/// How a name is on the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listed {
    /// It is known for what it is.
    Exactly,
    /// By what it begins with, so that it may be a secret by the rest of it.
    ByBeginning,
}

/// Whether and how `name`, with its case, is on the list.
pub(super) fn listed(name: &str) -> Option<Listed> {
    /// Made once: some thirty variables are looked up for each launch, most of them twice.
    static KNOWN: LazyLock<HashSet<&str>> = LazyLock::new(|| all().collect());
    if KNOWN.contains(name) {
        return Some(Listed::Exactly);
    }
    let member = |family: &&Family| {
        let rest = name.strip_prefix(family.begins).and_then(|rest| rest.strip_suffix(family.ends));
        // Names with no open part are for the list above.
        rest.is_some_and(|rest| !rest.is_empty() || family.ends.is_empty())
    };
    FAMILIES.iter().find(member).map(|family| match family.open {
        Open::Word => Listed::ByBeginning,
        Open::Package => Listed::Exactly,
    })
}

/// Every exact name.
fn all() -> impl Iterator<Item = &'static str> {
    NAMES.iter().flat_map(|line| line.split(' '))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::secrets::marks_secret;
    use super::*;

    #[test]
    fn no_name_stands_twice_and_none_looks_like_a_secret() {
        let mut seen = BTreeSet::new();
        for name in all() {
            assert!(seen.insert(name), "{name} stands twice");
            assert!(!marks_secret(name), "{name}");
        }
        for family in FAMILIES {
            assert!(!marks_secret(family.begins) && !marks_secret(family.ends), "{family:?}");
        }
    }

    #[test]
    fn a_family_has_its_members_and_no_one_elses() {
        for name in ["LC_ALL", "CMAKE_PREFIX_PATH", "NIX_LDFLAGS", "HATCH_BUILD_CLEAN"] {
            assert_eq!(listed(name), Some(Listed::ByBeginning), "{name}");
        }
        for name in ["MULTIDICT_NO_EXTENSIONS", "SETUPTOOLS_SCM_PRETEND_VERSION_FOR_AUTHLIB"] {
            assert_eq!(listed(name), Some(Listed::Exactly), "{name}");
        }
        for name in ["_NO_EXTENSIONS", "HATCH_INDEX_AUTH", "CARGO_REGISTRY_TOKEN", "cmake_ARGS"] {
            assert_eq!(listed(name), None, "{name}");
        }
    }
}
