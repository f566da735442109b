//! A Docker daemon of a test's own.
//!
//! It has process, mount, network, IPC and host name namespaces of its own, an `/etc` that is a
//! copy, and an empty `/run` and `/opt`; its data, its socket and its control groups are its own
//! too. So it meets no other daemon, and all that it starts ends with the first process of its
//! process namespace. That process waits for one thing, the end of a pipe: by [`Daemon`]'s drop, by
//! a panic, or by SIGKILL of the test.

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

/// How long a daemon may take to start; it takes a third of a second on an idle machine.
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

/// The first process of the process namespace.
const INSIDE: &str = r#"
set -e
cp -a /etc "$1/etc"
mount --bind "$1/etc" /etc
for place in /run /opt; do [ ! -d $place ] || mount -t tmpfs none $place; done
echo '{}' > "$1/daemon.json"
(
    dockerd --config-file "$1/daemon.json" --host "unix://$1/socket" --pidfile "$1/pid" \
        --data-root "$1/data" --exec-root "$1/exec" --cgroup-parent "$2" \
        --bridge none --iptables=false --ip6tables=false --ip-forward=false </dev/null
    echo ended > "$1/ended"
) &
read -r _ || :
"#;

/// A running daemon. Its end, and the removal of all that it has, follow from the end of this
/// process, and from [`Drop`] before that.
#[derive(Debug)]
pub struct Daemon {
    guardian: Child,
    directory: PathBuf,
}

impl Daemon {
    /// Starts a daemon and gives it [`IMAGE`].
    ///
    /// # Errors
    /// Why there can be none here.
    pub fn start() -> Result<Self, String> {
        for program in ["dockerd", "docker", "unshare"] {
            if !PATH.split(':').any(|place| Path::new(place).join(program).exists()) {
                return Err(format!("there is no {program} here; install docker.io"));
            }
        }
        let daemon = Self::launch().map_err(|error| error.to_string())?;
        daemon.await_socket()?;
        daemon.import().map_err(|error| format!("{error}; {}", daemon.log()))?;
        Ok(daemon)
    }

    /// The client, with the words of a command to come.
    #[must_use]
    pub fn docker(&self) -> Command {
        let mut command = Command::new("docker");
        command.env_clear().env("PATH", PATH).env("HOME", &self.directory);
        command.arg("--host").arg(format!("unix://{}", self.socket().display()));
        command
    }

    /// Its directory: everything that it writes.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn launch() -> io::Result<Self> {
        let directory = tempfile::Builder::new().prefix("dockerd-").tempdir()?.keep();
        // Nobody but root may reach the socket, and every container the files that it is lent.
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755))?;
        let log = fs::File::create(directory.join("log"))?;
        let name = directory.file_name().unwrap_or_default();
        let mut guardian = Command::new("/bin/sh");
        guardian.args(["-c", OUTSIDE, "sh"]).arg(&directory).arg(name).arg(INSIDE);
        guardian.env_clear().env("PATH", PATH).current_dir("/");
        // The pipe; its other end is closed on exec, so that no other child keeps it open.
        guardian.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
        // A signal for the group of the test, as of an interrupted terminal, must not end what
        // clears away.
        let guardian = guardian.process_group(0).spawn()?;
        Ok(Self { guardian, directory })
    }

    fn socket(&self) -> PathBuf {
        self.directory.join("socket")
    }

    /// Waits until somebody listens. The client then waits for an answer by itself.
    fn await_socket(&self) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        while UnixStream::connect(self.socket()).is_err() {
            if self.directory.join("ended").exists() || Instant::now() > deadline {
                return Err(format!("dockerd does not start here; {}", self.log()));
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
        let answer = self.docker().args(["import", "-", IMAGE]).stdin(archive).output()?;
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
fn lay_out(root: &Path) -> io::Result<()> {
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
