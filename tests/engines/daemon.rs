//! A Docker daemon, or a service of rootless Podman, of a test's own.
//!
//! It has process, mount, network, IPC and host name namespaces of its own, an `/etc` that is a
//! copy, and an empty `/run`, `/opt` and `/dev/shm`; its data, its socket and its control groups are
//! its own too. So it meets no other daemon, and all that it starts ends with the first process of
//! its process namespace. That process waits for one thing, the end of a pipe: by [`Daemon`]'s drop,
//! by a panic, or by SIGKILL of the test.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Where Debian, Ubuntu and Docker's own packages put their programs.
const PATH: &str = "/usr/bin:/usr/sbin:/usr/local/bin:/bin:/sbin";

/// The image that every daemon here has: a root with nothing in it but directories, two accounts,
/// and a home for uid 1000. The tests lend it the host's `/usr`.
pub const IMAGE: &str = "small";

/// How long a daemon may take to start; Docker's takes a third of a second on an idle machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Waits for the namespaces to end, then removes what has a name outside of them: the directory
/// `$1`, and the control groups `$2`.
const OUTSIDE: &str = r#"
unshare --mount --pid --net --ipc --uts --fork --kill-child --mount-proc \
    /bin/sh -c "$3" sh "$1" "$2"
echo ended > "$1/ended"
find /sys/fs/cgroup -depth -type d -path "*/$2*" -exec rmdir {} + 2>/dev/null
rm -rf "$1"
"#;

/// How the first process of the process namespace begins.
const BEGIN: &str = r#"
set -e
# Without what somebody removes meanwhile, such as a lock of useradd.
cp -a /etc "$1/etc" 2>/dev/null || :
mount --bind "$1/etc" /etc
for place in /run /opt /dev/shm; do [ ! -d $place ] || mount -t tmpfs none $place; done
"#;

/// Docker's daemon. Its settings are none, so that a host's are not taken over.
const DOCKER: &str = r#"
echo '{}' > "$1/daemon.json"
serve() {
    dockerd --config-file "$1/daemon.json" --host "unix://$1/socket" --pidfile "$1/pid" \
        --data-root "$1/data" --exec-root "$1/exec" --cgroup-parent "$2" \
        --bridge none --iptables=false --ip6tables=false --ip-forward=false
}
"#;

/// Podman's service, started by uid 1000 with subordinate ids. `crun` would raise the limit of open
/// files, for which a root without `CAP_SYS_RESOURCE` has no right to lend; `runc` does not try.
const PODMAN: &str = r#"
user=$(id -un 1000 2>/dev/null) || {
    user=builder
    echo "$user:x:1000:1000::/:/bin/sh" >> /etc/passwd
}
echo "$user:100000:65536" > /etc/subuid
cp /etc/subuid /etc/subgid
mkdir -p /etc/containers /run/user/1000 "$1/data"
echo '{"default":[{"type":"insecureAcceptAnything"}]}' > /etc/containers/policy.json
chown 1000:1000 /run/user/1000 "$1/data"
serve() {
    cd "$1/data"
    HOME="$1/data" XDG_RUNTIME_DIR=/run/user/1000 \
        setpriv --reuid 1000 --regid 1000 --clear-groups \
        podman --runtime runc --storage-driver vfs --cgroup-manager cgroupfs \
        --events-backend file system service --time 0 "unix://$1/data/socket"
}
"#;

/// How it goes on: the service beside it, and the pipe.
const END: &str = r#"
(serve "$1" "$2" </dev/null || :; echo ended > "$1/ended") &
read -r _ || :
"#;

/// An engine that can be started here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Docker, as root.
    Docker,
    /// Podman, as uid 1000.
    Podman,
}

impl Engine {
    const fn client(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }

    const fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Docker => &["docker", "dockerd", "unshare"],
            Self::Podman => &["podman", "runc", "newuidmap", "setpriv", "unshare"],
        }
    }

    /// The packages of Debian and Ubuntu that have them.
    const fn packages(self) -> &'static str {
        match self {
            Self::Docker => "docker.io",
            Self::Podman => "podman runc uidmap",
        }
    }

    const fn script(self) -> &'static str {
        match self {
            Self::Docker => DOCKER,
            Self::Podman => PODMAN,
        }
    }

    const fn socket(self) -> &'static str {
        match self {
            Self::Docker => "socket",
            Self::Podman => "data/socket",
        }
    }
}

/// A running daemon. Its end, and the removal of all that it has, follow from the end of this
/// process, and from [`Drop`] before that.
#[derive(Debug)]
pub struct Daemon {
    engine: Engine,
    guardian: Child,
    directory: PathBuf,
}

impl Daemon {
    /// Starts a daemon and gives it [`IMAGE`].
    ///
    /// # Errors
    /// Why there can be none here.
    pub fn start(engine: Engine) -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err(format!("only root can start {engine:?} in namespaces of its own"));
        }
        for program in engine.programs() {
            if !PATH.split(':').any(|place| Path::new(place).join(program).exists()) {
                let packages = engine.packages();
                return Err(format!("there is no {program} here; install {packages}"));
            }
        }
        let daemon = Self::launch(engine).map_err(|error| error.to_string())?;
        daemon.await_socket()?;
        daemon.import().map_err(|error| format!("{error}; {}", daemon.log()))?;
        Ok(daemon)
    }

    /// The client, with the words of a command to come.
    #[must_use]
    pub fn client(&self) -> Command {
        let mut command = Command::new(self.engine.client());
        command.env_clear().env("PATH", PATH).env("HOME", &self.directory);
        let option = match self.engine {
            Engine::Docker => "--host",
            Engine::Podman => "--url",
        };
        command.arg(option).arg(format!("unix://{}", self.socket().display()));
        command
    }

    /// Its directory: everything that it writes.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn launch(engine: Engine) -> io::Result<Self> {
        let directory = tempfile::Builder::new().prefix("engine-").tempdir()?.keep();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755))?;
        let log = fs::File::create(directory.join("log"))?;
        let name = directory.file_name().unwrap_or_default();
        let inside = [BEGIN, engine.script(), END].concat();
        let mut guardian = Command::new("/bin/sh");
        guardian.args(["-c", OUTSIDE, "sh"]).arg(&directory).arg(name).arg(inside);
        guardian.env_clear().env("PATH", PATH).current_dir("/");
        // The pipe; its other end is closed on exec, so that no other child keeps it open.
        guardian.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
        // A signal for the group of the test, as of an interrupted terminal, must not end what
        // clears away.
        let guardian = guardian.process_group(0).spawn()?;
        Ok(Self { engine, guardian, directory })
    }

    fn socket(&self) -> PathBuf {
        self.directory.join(self.engine.socket())
    }

    /// Waits until somebody listens. The client then waits for an answer by itself.
    fn await_socket(&self) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        while UnixStream::connect(self.socket()).is_err() {
            if self.directory.join("ended").exists() || Instant::now() > deadline {
                return Err(format!("{:?} does not start here; {}", self.engine, self.log()));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// The last lines that it has said.
    fn log(&self) -> String {
        let log = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(3)..].join(" | ")
    }

    fn import(&self) -> io::Result<()> {
        let root = self.directory.join("root");
        lay_out(&root)?;
        let mut tar = Command::new("/bin/tar");
        tar.args(["-c", "-C"]).arg(&root).arg(".").stdout(Stdio::piped());
        let mut tar = tar.spawn()?;
        let archive = tar.stdout.take().map_or_else(Stdio::null, Stdio::from);
        let answer = self.client().args(["import", "-", IMAGE]).stdin(archive).output()?;
        if tar.wait()?.success() && answer.status.success() {
            return Ok(());
        }
        Err(io::Error::other(String::from_utf8_lossy(&answer.stderr).trim().to_owned()))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.guardian.stdin.take());
        // It ends by itself; if it did not, waiting forever would show it.
        let _ = self.guardian.wait();
    }
}

/// The root directory of the image.
pub fn lay_out(root: &Path) -> io::Result<()> {
    for name in ["usr", "etc", "root", "home/user", "proc", "sys", "dev", "run", "opt", "work"] {
        fs::create_dir_all(root.join(name))?;
    }
    for name in ["tmp", "var/tmp"] {
        fs::create_dir_all(root.join(name))?;
        fs::set_permissions(root.join(name), fs::Permissions::from_mode(0o1777))?;
    }
    for name in ["bin", "sbin", "lib", "lib64"] {
        symlink(Path::new("usr").join(name), root.join(name))?;
    }
    fs::write(
        root.join("etc/passwd"),
        "root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n",
    )?;
    fs::write(root.join("etc/group"), "root:x:0:\nuser:x:1000:\n")?;
    chown(root.join("home/user"), Some(1000), Some(1000))
}
