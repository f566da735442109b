//! Kernels of Debian's suites: which there are, how they are fetched, what they start with.

use std::cmp::Ordering;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::suites::{Mirrors, Suite};
use crate::trouble::{Trouble, at, run};

/// A series of Linux and the suite that has it.
#[derive(Clone, Copy, Debug)]
pub struct Series {
    /// As it is named, as `6.1`.
    pub name: &'static str,
    suite: &'static str,
}

/// Every series that Debian's suites have, the oldest first.
pub const ALL: [Series; 11] = [
    Series { name: "5.10", suite: "bullseye" },
    Series { name: "6.1", suite: "bookworm" },
    Series { name: "6.12", suite: "trixie" },
    Series { name: "6.16", suite: "trixie-backports" },
    Series { name: "6.17", suite: "trixie-backports" },
    Series { name: "6.18", suite: "trixie-backports" },
    Series { name: "6.19", suite: "trixie-backports" },
    Series { name: "7.0", suite: "trixie-backports" },
    Series { name: "7.1", suite: "trixie-backports" },
    Series { name: "7.2", suite: "sid" },
    Series { name: "7.3", suite: "trixie-backports" },
];

/// What a machine loads before it has a root, and what its hosts may ask for.
const MODULES: [(&str, &[&str]); 7] = [
    ("root", &["virtio_pci", "virtio_blk", "ext4"]),
    ("overlay", &["overlay"]),
    ("btrfs", &["btrfs"]),
    ("xfs", &["xfs"]),
    ("autofs", &["autofs4"]),
    ("fuse", &["fuse"]),
    ("loop", &["loop"]),
];

/// A kernel that lies unpacked in the work directory.
pub struct Kernel {
    /// Its series, as `6.1`.
    pub series: &'static str,
    /// What `uname -r` says.
    pub release: String,
    directory: PathBuf,
}

impl Kernel {
    /// Fetches the newest kernel of a series, unless it lies there already.
    pub fn fetch(series: Series, mirrors: &Mirrors, work: &Path) -> Result<Self, Trouble> {
        let directory = work.join("kernels").join(series.name);
        if !directory.exists() {
            let suite = Suite::open(mirrors, series.suite, work)?;
            let partial = work.join("kernels").join(format!("{}.partial", series.name));
            let _ = fs::remove_dir_all(&partial);
            at(&partial, fs::create_dir_all(&partial))?;
            unpack(series, &suite, &partial)?;
            at(&directory, fs::rename(&partial, &directory))?;
        }
        let modules = directory.join("lib/modules");
        let mut releases = at(&modules, fs::read_dir(&modules))?;
        let release = match releases.next() {
            Some(entry) => at(&modules, entry)?.file_name().to_string_lossy().into_owned(),
            None => return Err(no_kernel(series)),
        };
        Ok(Self { series: series.name, release, directory })
    }

    /// Whether it lacks what every plan needs, so that there is nothing but a refusal.
    pub fn is_too_old(&self) -> bool {
        self.series == "5.10"
    }

    /// The kernel itself.
    pub fn image(&self) -> PathBuf {
        let beside = self.directory.join("lib/modules").join(&self.release).join("vmlinuz");
        let own = self.directory.join(format!("boot/vmlinuz-{}", self.release));
        if own.exists() { own } else { beside }
    }

    /// Writes what the kernel starts with: `first`, a shell for it, and modules in the order of
    /// their needs.
    pub fn write_start(&self, first: &Path, to: &Path) -> Result<(), Trouble> {
        let place = at(&self.directory, tempfile::tempdir_in(&self.directory))?;
        let start = place.path();
        for name in ["bin", "proc", "sys", "dev", "root", "modules"] {
            at(start, fs::create_dir(start.join(name)))?;
        }
        let busybox = Path::new("/bin/busybox");
        at(busybox, fs::copy(busybox, start.join("bin/busybox")))?;
        at(first, fs::copy(first, start.join("init")))?;
        for (name, modules) in MODULES {
            let mut order: Vec<String> = Vec::new();
            for module in modules {
                self.add_module(module, &start.join("modules"), &mut order)?;
            }
            let list = start.join("modules").join(format!("{name}.order"));
            at(&list, fs::write(&list, order.concat()))?;
        }
        let pack = "find . | cpio --quiet -o -H newc | gzip -1";
        let file = at(to, fs::File::create(to))?;
        let mut packing = Command::new("/bin/sh");
        packing.args(["-ec", pack]).current_dir(start).stdin(Stdio::null()).stdout(file);
        let status = at(to, packing.status())?;
        if status.success() {
            Ok(())
        } else {
            Err(Trouble::Failed { command: pack.to_owned(), why: status.to_string() })
        }
    }

    /// Copies a module and those that it needs; one that is built in needs nothing.
    fn add_module(&self, name: &str, to: &Path, order: &mut Vec<String>) -> Result<(), Trouble> {
        let mut ask = Command::new("/sbin/modprobe");
        ask.arg("-d").arg(&self.directory).args(["-S", &self.release, "--show-depends", name]);
        for line in run(&mut ask)?.lines() {
            let Some(path) = line.strip_prefix("insmod ").map(|rest| Path::new(rest.trim())) else {
                continue;
            };
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            let plain = file.trim_end_matches(".xz").trim_end_matches(".zst").to_owned();
            let unpacker = match path.extension().and_then(|it| it.to_str()) {
                Some("xz") => "xz",
                Some("zst") => "zstd",
                _ => "cat",
            };
            let copied = to.join(&plain);
            if !copied.exists() {
                let mut unpack = Command::new(unpacker);
                unpack.args(if unpacker == "cat" { &[][..] } else { &["-qdc"] }).arg(path);
                let file = at(&copied, fs::File::create(&copied))?;
                let status = at(path, unpack.stdin(Stdio::null()).stdout(file).status())?;
                if !status.success() {
                    let command = format!("{unpack:?}");
                    return Err(Trouble::Failed { command, why: status.to_string() });
                }
            }
            // A line of the list.
            let line = plain + "\n";
            if !order.contains(&line) {
                order.push(line);
            }
        }
        Ok(())
    }
}

fn no_kernel(series: Series) -> Trouble {
    Trouble::NoKernel { series: series.name.to_owned(), suite: series.suite.to_owned() }
}

/// Unpacks the newest kernel of a series with its modules.
fn unpack(series: Series, suite: &Suite, into: &Path) -> Result<(), Trouble> {
    let names = suite.names(&format!("linux-image-{}.", series.name))?;
    let image = newest(&names).ok_or_else(|| no_kernel(series))?;
    let release = image.trim_start_matches("linux-image-").to_owned();
    // Newer packages are in parts: the image needs the kernel and its modules.
    let mut packages = vec![image];
    let mut at_package = 0;
    while let Some(package) = packages.get(at_package).cloned() {
        for needed in suite.needs(&package)? {
            let part = needed.starts_with("linux-") && needed.ends_with(&release);
            if part && !packages.contains(&needed) {
                packages.push(needed);
            }
        }
        suite.unpack(&package, into)?;
        at_package += 1;
    }
    let (old, new) = (into.join("lib/modules"), into.join("usr/lib/modules"));
    if !old.exists() {
        at(&old, fs::create_dir_all(into.join("lib")))?;
        at(&new, fs::rename(&new, &old))?;
    }
    run(Command::new("/sbin/depmod").arg("-b").arg(into).arg(&release))?;
    Ok(())
}

/// The newest kernel for clouds: few drivers, so it is small and starts soon.
fn newest(names: &[String]) -> Option<String> {
    let fit = |name: &&String| name.ends_with("-cloud-amd64") && !name.contains("deb11");
    names.iter().filter(fit).max_by(|one, other| by_version(one, other)).cloned()
}

/// Compares names by the numbers in them.
fn by_version(one: &str, other: &str) -> Ordering {
    let numbers = |name: &str| -> Vec<u32> {
        let words = name.split(|it: char| !it.is_ascii_digit());
        words.filter_map(|word| word.parse().ok()).collect()
    };
    numbers(one).cmp(&numbers(other))
}

#[cfg(test)]
mod tests {
    use super::newest;

    #[test]
    fn the_newest_kernel_is_chosen_by_numbers_and_only_among_those_for_clouds() {
        let names = [
            "linux-image-6.12.9+deb13-cloud-amd64",
            "linux-image-6.12.118+deb13-cloud-amd64",
            "linux-image-6.12.120+deb13-rt-amd64",
            "linux-image-6.12.119+deb13-cloud-amd64-unsigned",
        ];
        let names: Vec<_> = names.into_iter().map(str::to_owned).collect();
        assert_eq!(newest(&names).as_deref(), Some("linux-image-6.12.118+deb13-cloud-amd64"));
        assert_eq!(newest(&[]), None);
    }
}
