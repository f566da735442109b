//! Whether a path of the host leads to what may be a secret: by the words that mark a variable as one,
//! and by names and ends of names of files that have none of these words.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::path::Path;

use crate::policy::environment;

/// Names of files and directories in which people and tools keep what nobody else is to have, and
/// sockets behind which somebody acts for whoever asks; in small letters.
const NAMES: &str = "\
    .ssh .gnupg .aws .azure .kube .docker .gitconfig .mozilla .thunderbird .config .env .envrc .s3cfg \
    .my.cnf .pypirc .npmrc .yarnrc .gem .databricks .terraform.d .boto .oci .m2 .subversion .irssi \
    .bash_history .zsh_history .python_history .psql_history .mysql_history .lesshst .viminfo \
    .electrum .bitcoin .ethereum .step .putty .vpn .keychain \
    shadow shadow- gshadow gshadow- sudoers sudoers.d private keyrings kubeconfig wallet.dat wallets \
    wireguard openvpn ipsec.d strongswan letsencrypt vault pki rclone.conf krb5.conf.d \
    docker.sock containerd.sock podman.sock crio.sock buildkitd.sock libvirt-sock dbus bus pulse \
    system_bus_socket .x11-unix";

/// Ends of such names.
const ENDS: [&str; 24] = [
    ".pem",
    ".key",
    ".kdbx",
    ".kdb",
    ".p8",
    ".p12",
    ".pfx",
    ".jks",
    ".ppk",
    ".ovpn",
    ".keytab",
    ".gpg",
    ".pgp",
    ".asc",
    ".age",
    ".wallet",
    ".keystore",
    ".tfvars",
    ".tfstate",
    ".env",
    ".htpasswd",
    ".mobileconfig",
    ".agilekeychain",
    "_history",
];
/// Beginnings of such names.
const BEGINS: [&str; 8] =
    ["id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "id_xmss", ".env.", "s.gpg-agent", "agent."];

/// Ends of names of files that are parts of programs, whose names are of what they do.
const CODE: [&str; 51] = [
    ".h", ".hh", ".hpp", ".hxx", ".inc", ".ipp", ".c", ".cc", ".cpp", ".cxx", ".s", ".o", ".a",
    ".la", ".lo", ".so", ".f", ".f90", ".mod", ".py", ".pyc", ".pyi", ".pyx", ".pxd", ".rs",
    ".rlib", ".go", ".java", ".class", ".jar", ".js", ".mjs", ".ts", ".css", ".html", ".svg",
    ".pc", ".cmake", ".m4", ".ac", ".am", ".po", ".mo", ".pl", ".pm", ".rb", ".md", ".rst", ".1",
    ".3", ".7",
];

/// Whether a part of a path marks what it leads to as a secret.
pub(super) fn may_be_secret(path: &Path) -> bool {
    path.iter().any(is_secret)
}

/// Whether the name of a file or directory marks it as a secret.
pub(super) fn is_secret(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_lowercase();
    let is_code = CODE.iter().any(|end| name.ends_with(end)) || name.contains(".so.");
    is_listed(&name) || (!is_code && environment::may_be_secret(&words(&name)))
}

/// Whether it is one of those names that are secrets without such a word.
pub(super) fn is_listed(name: &str) -> bool {
    NAMES.split_ascii_whitespace().any(|it| it == name)
        || ENDS.iter().any(|end| name.ends_with(end))
        || (BEGINS.iter().any(|begin| name.starts_with(begin))
            && name.strip_suffix(".pub").is_none())
}

/// The words of a name as those of a variable are set apart, without such as only begin or end as a
/// marked one does.
fn words(name: &str) -> String {
    let innocent = |word: &&str| {
        let begins = ["path", "patch", "patt", "patr", "compat", "passiv", "credits", "authors"];
        (word.ends_with("pat") && *word != "pat") || begins.iter().any(|it| word.starts_with(it))
    };
    let words = name.split(|it: char| !it.is_alphanumeric()).filter(|word| !innocent(word));
    words.collect::<Vec<_>>().join("_")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    fn a_secret_is_known_by_any_part_of_its_path(
        #[values(
            ".ssh/config",
            ".aws/credentials",
            ".config/gh/hosts.yml",
            "shadow",
            "run/docker.sock",
            "tls/site.key",
            ".cargo/credentials.toml",
            ".env",
            ".ENV",
            ".env.local",
            "prod.env",
            "id_rsa",
            "id_rsa.old",
            "id_ed25519",
            "id_ecdsa_sk",
            "ssh_host_ed25519_key",
            "secret.txt",
            "my-secrets/db.txt",
            "passwords",
            "Passwords.ods",
            "client.p12",
            "prod.ovpn",
            "krb5.keytab",
            "auth.json",
            "kubeconfig",
            "wallet.dat",
            "tokens.json",
            "token",
            "ApiKey.txt",
            "api_key",
            "access-key.csv",
            ".netrc",
            ".pgpass",
            ".git-credentials",
            ".password-store/x",
            ".vault-token",
            "cookies.sqlite",
            "backup.gpg",
            "server.pem",
            "github.pat",
            "S.gpg-agent.ssh",
            ".bash_history",
            "terraform.tfstate"
        )]
        path: &str,
    ) {
        assert!(may_be_secret(&Path::new("/srv").join(path)));
        assert!(may_be_secret(&Path::new("/srv").join(path).join("deep/x.h")));
    }

    #[rstest]
    fn what_only_sounds_like_one_is_none(
        #[values(
            "/opt/acme/include/acme.h",
            "/opt/acme/include/token.h",
            "/opt/acme/include/openssl/passwd.hpp",
            "/opt/acme/lib/libauth.so.3",
            "/opt/acme/lib/libkeyutils.so",
            "/opt/acme/src/keys.c",
            "/home/u/.local/bin/tool",
            "/usr/lib/x.so",
            "/srv/data/pathnames.txt",
            "/srv/data/patches/0001.diff",
            "/srv/data/compat",
            "/srv/data/AUTHORS",
            "/srv/data/keyboard.map",
            "/srv/data/monkey",
            "/srv/id_map.txt",
            "/home/u/id_rsa.pub",
            "/opt/acme/share/environment.txt"
        )]
        path: &str,
    ) {
        assert!(!may_be_secret(Path::new(path)));
    }
}
