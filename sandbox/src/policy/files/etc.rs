//! What a build sees of `/etc`: settings of the system's programs, and nothing that names or guards
//! the machine.
//!
//! A name is here because programs below `/usr` read it, and only if it says nothing of this machine
//! but what is installed on it. Not here, each on purpose: `passwd`, `group`, `hosts`, `hostname`,
//! `resolv.conf` and `nsswitch.conf` (made up instead); `machine-id` and `machine-info` (they name the
//! machine, its place and its owner); `shadow`, `sudoers`, `ssh`, `krb5.conf`, `ssl/private`,
//! `pki/tls/private`, `pip.conf`, `odbc.ini`, `environment` and `profile.d` (they hold or name secrets
//! and services); `motd`, `issue` and `fstab` (they name the machine or its disks).
#![forbid(unsafe_code)]

/// A name below `/etc` that a build sees where the host has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shared {
    /// The name, or the beginning of names with a trailing `*`.
    pub name: &'static str,
    /// Who reads it.
    pub why: &'static str,
}

impl Shared {
    /// The names that this one stands for, where `present` is what lies in `/etc`.
    pub(crate) fn among(self, present: &[String]) -> Vec<String> {
        match self.name.strip_suffix('*') {
            Some(stem) => present.iter().filter(|name| name.starts_with(stem)).cloned().collect(),
            None => vec![self.name.to_owned()],
        }
    }
}

const fn shared(name: &'static str, why: &'static str) -> Shared {
    Shared { name, why }
}

/// What a build sees of `/etc`.
pub const ETC: &[Shared] = &[
    shared("ImageMagick-*", "ImageMagick's limits and delegates, for documentation"),
    shared("OpenCL", "the list of OpenCL's drivers"),
    shared("R", "R's own settings: /usr/lib/R/etc leads here on Debian"),
    shared("X11/rgb.txt", "names of colours: /usr/share/X11/rgb.txt leads here on Debian"),
    shared("alpine-release", "the distribution's version, which configure scripts read"),
    shared("alternatives", "links of /usr/bin lead through it"),
    shared("ant", "settings of Ant"),
    shared("arch-release", "the distribution's version"),
    shared("ca-certificates", "certificates of authorities, where p11-kit keeps them"),
    shared("crypto-policies", "OpenSSL, GnuTLS and Java of Fedora do not start without"),
    shared("debian_version", "the distribution's version, which configure scripts read"),
    shared("fedora-release", "the distribution's version"),
    shared("fonts", "fontconfig, for plots in documentation and tests"),
    shared("gai.conf", "the order of addresses, so that loopback is found as outside"),
    shared("ghostscript", "Ghostscript's fonts"),
    shared("groff", "groff's settings: /usr/share/groff leads here"),
    shared("java", "Java's settings on Fedora"),
    shared("java-*", "Java's settings on Debian and Arch: `conf` of a JDK leads here"),
    shared("julia", "Julia's start-up file, which it reports as missing"),
    shared("ld.so.cache", "the loader finds shared libraries by it"),
    shared("ld.so.conf", "ldconfig and ctypes.util read where libraries lie"),
    shared("ld.so.conf.d", "the rest of ld.so.conf"),
    shared("locale.alias", "names of locales: /usr/share/locale/locale.alias leads here"),
    shared("localtime", "the time zone of dates that a build prints"),
    shared("lsb-release", "the distribution's version, which `platform` and scripts read"),
    shared("magic", "additions to the kinds of files that file(1) knows"),
    shared("maven*", "Maven's settings: /usr/share/maven/conf leads here; not the user's"),
    shared("mime.types", "Python's mimetypes reads it"),
    shared("openmpi*", "Open MPI's parameters: its `etc` leads here"),
    shared("os-release", "the distribution, for configure scripts and `platform`"),
    shared("perl", "a directory of Perl's @INC on Debian"),
    shared("pki/ca-trust", "certificates of authorities on Fedora; no private key lies here"),
    shared("pki/java", "the same for Java"),
    shared("pki/tls/cert.pem", "the same as one file"),
    shared("pki/tls/certs", "the same as a directory"),
    shared("protocols", "numbers of protocols, getprotobyname(3)"),
    shared("python3*", "sitecustomize of Debian's Python: /usr/lib/python3 leads here"),
    shared("redhat-release", "the distribution's version"),
    shared("services", "numbers of ports, getservbyname(3)"),
    shared("sgml", "catalogues of document types, so that they are not fetched"),
    shared("ssl/cert.pem", "certificates of authorities as one file"),
    shared("ssl/certs", "the same as a directory; the private keys lie beside it"),
    shared("ssl/openssl.cnf", "OpenSSL's settings"),
    shared("system-release", "the distribution's version"),
    shared("texmf", "TeX's settings: /usr/share/texmf leads here on Debian"),
    shared("timezone", "the time zone's name"),
    shared("xml", "catalogues of document types, so that they are not fetched"),
];

/// What of it a build does not see all the same, by its path below `/etc`; a name may end in `*`.
pub const WITHHELD: &[Shared] = &[
    shared(
        "ssl/certs/ssl-cert-snakeoil.pem",
        "made for the machine's own name (Debian's ssl-cert)",
    ),
    shared("pki/tls/certs/localhost.crt", "the same on Fedora"),
    shared("pki/tls/certs/postfix.pem", "the same, of its mail server"),
    shared("openmpi*/openmpi-default-hostfile", "names of the machines of a cluster"),
    shared("openmpi*/prte-default-hostfile", "the same, of later versions"),
    shared("perl/Net/libnet.cfg", "the machine's domain and mail servers"),
    shared("perl/CPAN", "proxies with their passwords"),
    shared("R/Renviron.site", "variables of all users, tokens among them (Startup(R))"),
    shared("R/Rprofile.site", "code of all users, which names their servers"),
    shared("maven*/settings.xml", "passwords of servers"),
    shared("maven*/settings-security.xml", "the password that opens them"),
    shared("java-*/management/jmxremote.password", "passwords of the monitor of running programs"),
    shared("java-*/management/snmp.acl", "who may ask it"),
    shared("julia/startup.jl", "code of all users, which names their servers"),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Names below `/etc` that tell whose machine this is, or hold what guards it.
    const ELSEWHERE: &[&str] = &[
        "machine-id",
        "machine-info",
        "hostname",
        "HOSTNAME",
        "hosts",
        "resolv.conf",
        "passwd",
        "group",
        "shadow",
        "gshadow",
        "subuid",
        "subgid",
        "sudoers",
        "sudoers.d",
        "ssh",
        "ssl/private",
        "pki/tls/private",
        "krb5.conf",
        "krb5.keytab",
        "pip.conf",
        "environment",
        "profile",
        "profile.d",
        "fstab",
        "crontab",
        "motd",
        "issue",
        "docker",
        "kubernetes",
        "rancher",
        "NetworkManager",
        "wpa_supplicant",
        "ppp",
        "odbc.ini",
        "mailname",
        "aliases",
        "exports",
        "lvm",
        "iscsi",
        "cloud",
        "netplan",
        "gitconfig",
        "npmrc",
        "apt/auth.conf",
        "apt/auth.conf.d",
        "yum.repos.d",
        "openvpn",
        "wireguard",
        "letsencrypt",
        "gitlab-runner",
        "vault.d",
    ];

    #[test]
    fn nothing_that_names_or_guards_the_machine_is_shared() {
        for withheld in ELSEWHERE {
            let first = withheld.split('/').next().unwrap().to_owned();
            for shared in ETC {
                let names = shared.among(std::slice::from_ref(&first));
                let covers =
                    |name: &String| *withheld == name || withheld.starts_with(&format!("{name}/"));
                assert!(!names.iter().any(covers), "{} covers {withheld}", shared.name);
            }
        }
    }

    #[test]
    fn every_name_stands_once_in_order_and_with_its_reason() {
        assert!(ETC.is_sorted_by(|a, b| a.name < b.name), "sorted, each once");
        for shared in ETC {
            assert!(shared.why.len() > 10, "{}", shared.name);
            assert!(!shared.name.starts_with(['/', '*', '.']), "{}", shared.name);
        }
    }

    #[test]
    fn a_beginning_stands_for_what_is_there() {
        let present = ["java", "java-17-openjdk", "java-8", "javascript"].map(str::to_owned);
        assert_eq!(shared("java-*", "").among(&present), ["java-17-openjdk", "java-8"]);
        assert_eq!(shared("java", "").among(&present), ["java"]);
    }

    #[test]
    fn what_is_withheld_would_be_shown_otherwise() {
        for Shared { name, .. } in WITHHELD {
            assert!(ETC.iter().any(|it| name.starts_with(&format!("{}/", it.name))), "{name}");
        }
    }
}
