//! The rule over the variables that known tools have.

use super::*;
use rstest::rstest;

fn rule(name: &str, value: &str) -> Ruling {
    EnvironmentPolicy::default().rule(OsStr::new(name), OsStr::new(value))
}

#[rstest]
#[case("PATH", "/usr/bin", Ruling::Listed)]
#[case("PATH", "/opt/openssl@3/bin:/usr/bin", Ruling::Listed)]
#[case("LC_ALL", "C", Ruling::Listed)]
#[case("CARGO_HOME", "/x", Ruling::Listed)]
#[case("CARGO_REGISTRY_TOKEN", "x", Ruling::SecretName)]
#[case("CARGO_REGISTRIES_X_INDEX", "sparse+https://u:p@h/", Ruling::SecretValue)]
#[case("CARGO_BUILD_RUSTFLAGS", "sparse+https://u:p@h/", Ruling::SecretValue)]
#[case("CMAKE_ARGS", "-DURL=https://host/a@b:c", Ruling::Listed)]
#[case("CMAKE_ARGS", "-DURL=https://t@host/", Ruling::SecretValue)]
#[case("CMAKE_AUTH_HEADER", "x", Ruling::SecretName)]
#[case("CMAKE_DEPLOYKEY", "x", Ruling::SecretName)]
#[case("SETUPTOOLS_SCM_PRETEND_VERSION_FOR_AUTHLIB", "1.2.3", Ruling::Listed)]
#[case("TOKENIZERS_NO_EXTENSIONS", "1", Ruling::Listed)]
#[case("GITHUB_TOKEN", "x", Ruling::SecretName)]
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
    assert_eq!(rule(name, value), ruling);
}

#[test]
fn deleting_wins_over_keeping_whatever_the_case() {
    let policy = EnvironmentPolicy {
        keep: vec![
            "MY_*".parse().unwrap(),
            "DEPLOY_TOKEN".parse().unwrap(),
            "MY_TOKEN".parse().unwrap(),
        ],
        delete: vec!["my_sec*".parse().unwrap()],
        set: vec![],
    };
    let rule = |name, value| policy.rule(OsStr::new(name), OsStr::new(value));
    assert_eq!(rule("MY_FLAG", "x"), Ruling::Named);
    assert_eq!(rule("my_flag", "x"), Ruling::Unlisted);
    assert_eq!(rule("MY_SECOND", "x"), Ruling::Deleted);
    assert_eq!(rule("MY_AUTH", "x"), Ruling::SecretName);
    assert_eq!(rule("MY_FLAG", "https://me@host/"), Ruling::SecretValue);
    assert_eq!(rule("MY_TOKEN", "x"), Ruling::NamedSecret);
    assert_eq!(rule("DEPLOY_TOKEN", "x"), Ruling::NamedSecret);
    assert!(Ruling::NamedSecret.passes() && !Ruling::SecretValue.passes());
}

#[test]
fn what_the_caller_names_exactly_passes_and_is_said_to_look_like_a_secret() {
    for (name, value) in [("PATH", "/x"), ("HF_TOKEN", "x"), ("PLAIN", "https://me@host/")] {
        let keep = vec![name.parse().unwrap()];
        let policy = EnvironmentPolicy { keep, ..EnvironmentPolicy::default() };
        let ruling = policy.rule(OsStr::new(name), OsStr::new(value));
        let expected = if name == "PATH" { Ruling::Named } else { Ruling::NamedSecret };
        assert_eq!(ruling, expected, "{name}");
        assert_eq!(ruling.text().contains("secret"), name != "PATH", "{name}");
    }
}

/// Variables by which documented tools take secrets, user names, addresses with either, or the
/// whereabouts of either. By tool; `X` stands for a name that the user makes up.
const SECRETS: &[(&str, &str)] = &[
    (
        "pip",
        "PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_PROXY PIP_CERT PIP_CLIENT_CERT PIP_CONFIG_FILE \
         PIP_FIND_LINKS PIP_KEYRING_PROVIDER PIP_TRUSTED_HOST",
    ),
    (
        "uv",
        "UV_INDEX UV_DEFAULT_INDEX UV_INDEX_URL UV_EXTRA_INDEX_URL UV_PUBLISH_TOKEN \
         UV_PUBLISH_USERNAME UV_PUBLISH_PASSWORD UV_PUBLISH_URL UV_INDEX_X_USERNAME \
         UV_INDEX_X_PASSWORD UV_CONFIG_FILE UV_GITHUB_TOKEN UV_KEYRING_PROVIDER UV_NETRC UV_ENV_FILE \
         UV_CREDENTIALS_DIR UV_HTTP_BASIC_X",
    ),
    (
        "twine",
        "TWINE_USERNAME TWINE_PASSWORD TWINE_REPOSITORY_URL TWINE_CERT TWINE_REPOSITORY \
         PYPI_TOKEN PYPI_API_TOKEN PYPI_PASSWORD PYPI_USERNAME TEST_PYPI_TOKEN",
    ),
    (
        "hatch",
        "HATCH_INDEX_AUTH HATCH_INDEX_USER HATCH_INDEX_REPO HATCH_INDEX_CA_CERT \
         HATCH_INDEX_CLIENT_CERT HATCH_INDEX_CLIENT_KEY HATCH_INDEX_PUBLISHER_TOKEN HATCH_CONFIG \
         HATCH_BUILD_AUTH HATCH_BUILD_TOKEN",
    ),
    (
        "poetry",
        "POETRY_PYPI_TOKEN_PYPI POETRY_PYPI_TOKEN_X POETRY_HTTP_BASIC_X_USERNAME \
         POETRY_HTTP_BASIC_X_PASSWORD POETRY_REPOSITORIES_X_URL POETRY_CERTIFICATES_X_CLIENT_CERT \
         POETRY_CORE_TOKEN POETRY_CONFIG_DIR",
    ),
    (
        "flit, pdm, maturin",
        "FLIT_USERNAME FLIT_PASSWORD FLIT_INDEX_URL FLIT_PYPIRC PDM_PUBLISH_USERNAME \
         PDM_PUBLISH_PASSWORD PDM_PUBLISH_REPO PDM_PYPI_USERNAME PDM_PYPI_PASSWORD PDM_BUILD_TOKEN \
         MATURIN_PYPI_TOKEN MATURIN_USERNAME MATURIN_PASSWORD MATURIN_REPOSITORY \
         MATURIN_REPOSITORY_URL",
    ),
    (
        "cargo and rustup",
        "CARGO_REGISTRY_TOKEN CARGO_REGISTRIES_X_TOKEN CARGO_REGISTRIES_X_INDEX \
         CARGO_REGISTRIES_X_CREDENTIAL_PROVIDER CARGO_REGISTRY_CREDENTIAL_PROVIDER CARGO_HTTP_PROXY \
         CARGO_HTTP_CAINFO CARGO_SOURCE_X_REPLACE_WITH CARGO_REGISTRY_DEFAULT CARGO_ALIAS_X \
         CARGO_BUILD_TOKEN RUSTUP_DIST_SERVER RUSTUP_UPDATE_ROOT",
    ),
    (
        "npm, yarn, node",
        "NPM_TOKEN NPM_AUTH_TOKEN NODE_AUTH_TOKEN npm_config__auth npm_config__authToken \
         npm_config__password npm_config_registry NPM_CONFIG_USERCONFIG NPM_CONFIG__AUTH \
         NPM_CONFIG_PROXY YARN_NPM_AUTH_TOKEN YARN_NPM_AUTH_IDENT YARN_RC_FILENAME NODE_OPTIONS",
    ),
    (
        "other languages",
        "GOPRIVATE GOAUTH GONOSUMDB GOPROXY GOINSECURE GEM_HOST_API_KEY BUNDLE_X__COM \
         RUBYGEMS_API_KEY COMPOSER_AUTH HEX_API_KEY CLOJARS_PASSWORD MAVEN_PASSWORD MAVEN_USERNAME \
         ORG_GRADLE_PROJECT_signingKey ORG_GRADLE_PROJECT_ossrhPassword GRADLE_OPTS MAVEN_OPTS \
         NUGET_API_KEY CONAN_PASSWORD CONAN_LOGIN_USERNAME ARTIFACTORY_API_KEY JFROG_ACCESS_TOKEN \
         HOMEBREW_GITHUB_API_TOKEN VCPKG_BINARY_SOURCES",
    ),
    (
        "Amazon",
        "AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_SECURITY_TOKEN AWS_PROFILE \
         AWS_SHARED_CREDENTIALS_FILE AWS_CONFIG_FILE AWS_WEB_IDENTITY_TOKEN_FILE AWS_ROLE_ARN \
         AWS_CONTAINER_CREDENTIALS_FULL_URI AWS_CONTAINER_AUTHORIZATION_TOKEN",
    ),
    (
        "Google",
        "GOOGLE_APPLICATION_CREDENTIALS GOOGLE_CREDENTIALS GOOGLE_API_KEY GOOGLE_OAUTH_ACCESS_TOKEN \
         GCLOUD_SERVICE_KEY CLOUDSDK_AUTH_ACCESS_TOKEN CLOUDSDK_CONFIG GCP_SA_KEY GEMINI_API_KEY \
         FIREBASE_TOKEN",
    ),
    (
        "Azure",
        "AZURE_CLIENT_ID AZURE_CLIENT_SECRET AZURE_TENANT_ID AZURE_CLIENT_CERTIFICATE_PATH \
         AZURE_STORAGE_CONNECTION_STRING AZURE_STORAGE_KEY AZURE_STORAGE_SAS_TOKEN AZURE_DEVOPS_EXT_PAT \
         AZURE_FEDERATED_TOKEN_FILE ARM_CLIENT_SECRET SYSTEM_ACCESSTOKEN VSS_NUGET_ACCESSTOKEN \
         VSS_NUGET_EXTERNAL_FEED_ENDPOINTS IDENTITY_HEADER MSI_SECRET",
    ),
    (
        "containers and clusters",
        "DOCKER_AUTH_CONFIG DOCKER_PASSWORD DOCKER_USERNAME DOCKER_CONFIG DOCKER_HOST \
         DOCKERHUB_TOKEN REGISTRY_AUTH_FILE QUAY_PASSWORD KUBECONFIG KUBE_TOKEN \
         KUBERNETES_SERVICE_HOST HELM_REPO_PASSWORD VAULT_TOKEN VAULT_ADDR CONSUL_HTTP_TOKEN \
         NOMAD_TOKEN TF_VAR_password TF_TOKEN_app_terraform_io PULUMI_ACCESS_TOKEN",
    ),
    (
        "GitHub",
        "GITHUB_TOKEN GH_TOKEN GITHUB_PAT GH_PAT GH_ENTERPRISE_TOKEN GITHUB_API_TOKEN \
         ACTIONS_RUNTIME_TOKEN ACTIONS_RUNTIME_URL ACTIONS_CACHE_URL ACTIONS_RESULTS_URL \
         ACTIONS_ID_TOKEN_REQUEST_TOKEN ACTIONS_ID_TOKEN_REQUEST_URL GITHUB_ENV GITHUB_PATH \
         GITHUB_OUTPUT GITHUB_STEP_SUMMARY GITHUB_STATE GITHUB_EVENT_PATH INPUT_TOKEN",
    ),
    (
        "GitLab",
        "CI_JOB_TOKEN CI_REGISTRY_PASSWORD CI_DEPLOY_PASSWORD CI_REPOSITORY_URL CI_JOB_JWT \
         CI_JOB_JWT_V2 CI_REGISTRY_USER CI_DEPENDENCY_PROXY_PASSWORD CI_RUNNER_SHORT_TOKEN \
         GITLAB_TOKEN GITLAB_PRIVATE_TOKEN SIGSTORE_ID_TOKEN",
    ),
    (
        "other services of CI",
        "CIRCLE_TOKEN CIRCLE_OIDC_TOKEN TRAVIS_API_TOKEN DRONE_TOKEN BUILDKITE_AGENT_ACCESS_TOKEN \
         JENKINS_API_TOKEN APPVEYOR_API_KEY BITBUCKET_STEP_OIDC_TOKEN CODECOV_TOKEN \
         COVERALLS_REPO_TOKEN CC_TEST_REPORTER_ID SONAR_TOKEN SNYK_TOKEN SENTRY_AUTH_TOKEN SENTRY_DSN \
         READTHEDOCS_TOKEN CIBW_ENVIRONMENT CIBW_ENVIRONMENT_PASS_LINUX",
    ),
    (
        "models and chats",
        "HF_TOKEN HUGGING_FACE_HUB_TOKEN HUGGINGFACE_TOKEN OPENAI_API_KEY ANTHROPIC_API_KEY \
         MISTRAL_API_KEY COHERE_API_KEY NGC_API_KEY WANDB_API_KEY REPLICATE_API_TOKEN SLACK_TOKEN \
         SLACK_BOT_TOKEN SLACK_WEBHOOK_URL DISCORD_TOKEN DISCORD_WEBHOOK TELEGRAM_BOT_TOKEN BOT_PAT \
         TWILIO_AUTH_TOKEN SENDGRID_API_KEY STRIPE_SECRET_KEY MAILGUN_API_KEY",
    ),
    (
        "databases",
        "DATABASE_URL PGPASSWORD PGPASSFILE PGUSER MYSQL_PWD MYSQL_ROOT_PASSWORD MONGO_URL \
         REDIS_URL REDISCLI_AUTH CLICKHOUSE_PASSWORD SNOWFLAKE_PASSWORD",
    ),
    (
        "caches of compilers",
        "SCCACHE_REDIS SCCACHE_REDIS_PASSWORD SCCACHE_REDIS_ENDPOINT SCCACHE_MEMCACHED \
         SCCACHE_WEBDAV_TOKEN SCCACHE_WEBDAV_PASSWORD SCCACHE_GCS_KEY_PATH SCCACHE_AZURE_CONNECTION_STRING \
         SCCACHE_S3_USE_SSL SCCACHE_GHA_RUNTIME_TOKEN CCACHE_REMOTE_STORAGE CCACHE_SECONDARY_STORAGE \
         TURBO_TOKEN NX_CLOUD_ACCESS_TOKEN BAZEL_REMOTE_PASSWORD BUILDBUDDY_API_KEY",
    ),
    (
        "the session",
        "HTTP_PROXY HTTPS_PROXY http_proxy https_proxy ALL_PROXY NO_PROXY SSH_AUTH_SOCK \
         SSH_AGENT_PID SSH_ASKPASS GPG_AGENT_INFO GPG_PASSPHRASE GNUPGHOME GPG_TTY \
         DBUS_SESSION_BUS_ADDRESS XAUTHORITY KRB5CCNAME NETRC CURL_HOME WGETRC GIT_ASKPASS \
         GIT_CONFIG_PARAMETERS GIT_CONFIG_VALUE_0 GIT_HTTP_EXTRAHEADER GIT_SSH_COMMAND \
         XDG_RUNTIME_DIR XDG_CONFIG_HOME PASSWORD_STORE_DIR SOPS_AGE_KEY OP_SERVICE_ACCOUNT_TOKEN \
         BW_SESSION COOKIE_FILE",
    ),
    (
        "what loads code",
        "LD_PRELOAD LD_AUDIT LD_LIBRARY_PATH PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONUSERBASE \
         PYTHONBREAKPOINT PYTHONEXECUTABLE BASH_ENV ENV PERL5OPT PERL5LIB RUBYOPT JAVA_TOOL_OPTIONS \
         _JAVA_OPTIONS GIO_MODULE_DIR",
    ),
];

#[test]
fn no_variable_in_which_a_known_tool_takes_a_secret_passes_by_itself() {
    let mut passed = Vec::new();
    let mut count = 0;
    for (tool, names) in SECRETS {
        for name in names.split_whitespace() {
            count += 1;
            let ruling = rule(name, "some-value");
            if ruling.passes() {
                passed.push(format!("{tool}: {name}"));
            }
            // Nor by the prefix that a caller names it by, if its name says what it is.
            let stem = name.split('_').next().unwrap_or(name);
            let keep = format!("{stem}*").parse().into_iter().collect();
            let policy = EnvironmentPolicy { keep, ..EnvironmentPolicy::default() };
            let marked =
                ["TOKEN", "PASSWORD", "SECRET", "AUTH", "_KEY", "PAT_", "_PAT", "CREDENTIAL"];
            let upper = name.to_ascii_uppercase();
            if stem != name
                && marked.iter().any(|mark| upper.contains(mark))
                && !upper.contains("PATH")
                && policy.rule(OsStr::new(name), OsStr::new("some-value")).passes()
            {
                passed.push(format!("{tool}: {name}, by {stem}*"));
            }
        }
    }
    assert!(passed.is_empty(), "{passed:#?}");
    assert!(count > 250, "{count} names");
}

/// Variables that steer builds, as documented tools and packages have them.
const SWITCHES: &[&str] = &[
    "CC CXX CFLAGS CXXFLAGS CPPFLAGS LDFLAGS FC AR LD CPATH C_INCLUDE_PATH CPLUS_INCLUDE_PATH",
    "LIBRARY_PATH PKG_CONFIG_PATH PKG_CONFIG_LIBDIR PKG_CONFIG_SYSROOT_DIR MAKEFLAGS MAX_JOBS",
    "CMAKE_ARGS CMAKE_PREFIX_PATH CMAKE_GENERATOR CMAKE_BUILD_PARALLEL_LEVEL CMAKE_TOOLCHAIN_FILE",
    "CMAKE_CXX_COMPILER_LAUNCHER CMAKE_BUILD_TYPE SKBUILD_CMAKE_ARGS SKBUILD_CONFIGURE_OPTIONS",
    "LLVM_CONFIG OPENSSL_DIR OPENSSL_LIB_DIR JAVA_HOME CUDA_HOME HDF5_DIR GDAL_CONFIG PG_CONFIG",
    "CARGO_HOME CARGO_TARGET_DIR CARGO_BUILD_TARGET CARGO_BUILD_JOBS CARGO_PROFILE_RELEASE_LTO",
    "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER RUSTFLAGS RUSTC_WRAPPER RUSTUP_TOOLCHAIN",
    "PYO3_CROSS_LIB_DIR PYO3_CONFIG_FILE MATURIN_PEP517_ARGS CFLAGS_x86_64_unknown_linux_gnu",
    "GOFLAGS CGO_ENABLED CGO_CFLAGS CIBUILDWHEEL CIBUILDWHEEL_BUILD_IDENTIFIER AUDITWHEEL_PLAT CI",
    "HATCH_BUILD_CLEAN HATCH_BUILD_HOOKS_ONLY HATCH_BUILD_NO_HOOKS HATCH_BUILD_HOOKS_ENABLE",
    "HATCH_BUILD_HOOK_ENABLE_CUSTOM HATCH_BUILD_LOCATION HATCH_BUILD_CLEAN_HOOKS_AFTER",
    "PDM_BUILD_SCM_VERSION POETRY_DYNAMIC_VERSIONING_BYPASS FLIT_ALLOW_INVALID PBR_VERSION",
    "SETUPTOOLS_SCM_PRETEND_VERSION SETUPTOOLS_SCM_PRETEND_VERSION_FOR_PASSLIB SETUPTOOLS_USE_DISTUTILS",
    "AIOHTTP_NO_EXTENSIONS MULTIDICT_NO_EXTENSIONS YARL_NO_EXTENSIONS FROZENLIST_NO_EXTENSIONS",
    "NPY_BLAS_ORDER NPY_NUM_BUILD_JOBS MESON_ARGS CYTHON_TRACE TORCH_CUDA_ARCH_LIST FORCE_CUDA",
    "VIRTUAL_ENV CONDA_PREFIX CONDA_BUILD_SYSROOT NIX_CFLAGS_COMPILE NIX_LDFLAGS CCACHE_DIR",
    "PYTHONHASHSEED PYTHONUTF8 SOURCE_DATE_EPOCH LC_ALL LANG TZ _PYPROJECT_HOOKS_BUILD_BACKEND",
    "PEP517_BACKEND_PATH _PYPROJECT_HOOKS_BACKEND_PATH",
];

#[test]
fn what_steers_a_build_passes() {
    for name in SWITCHES.iter().flat_map(|line| line.split(' ')) {
        assert_eq!(rule(name, "/some/place"), Ruling::Listed, "{name}");
        assert_eq!(rule(name, "https://user:secret@host/"), Ruling::SecretValue, "{name}");
    }
}

#[test]
fn what_could_match_no_variable_is_no_pattern() {
    for text in ["CFLAGS", "CFLAGS*", "_*", "a1"] {
        let pattern: Pattern = text.parse().unwrap();
        assert_eq!(pattern.to_string(), text);
    }
    let none = ["", "*", "*FLAGS", "C*FLAGS", "C**", "CFLAGS ", "CFLAGS=", "$CFLAGS", "A,B", "A?"];
    for text in none.into_iter().chain(["^CFLAGS$", "1A", "\u{e9}T\u{c9}", "A\0"]) {
        assert!(text.parse::<Pattern>().is_err(), "{text:?}");
    }
}
