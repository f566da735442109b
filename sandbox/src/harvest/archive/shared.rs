//! What below `share` acts by itself.
//!
//! Many a program reads a directory of its own there at every start, and runs what it finds. Which
//! programs those are nobody can list, so it is listed what is known to be read by nobody until
//! somebody names it; that, and what has the project's own name, does nothing.
//! Paths are taken as [`folded`](super::twins::folded).
#![forbid(unsafe_code)]

use super::programs;
use super::project_names::is_own;

/// Names that programs read by themselves, whosever they seem to be.
const READ: &str = "\
    aclocal alsa apport autoconf automake bug byobu clang dbus-1 defaults dpkg emacs fish gconf gcc gdb \
    gdm git-core gnome-session gnome-shell gstreamer-1.0 gtksourceview-4 guile initramfs-tools kde4 \
    kservices5 kwin lightdm lua mc nano nautilus-python nvim ocl-icd octave opencl openssh p11-kit pam \
    perl perl5 php pipewire polkit-1 pulseaudio python python3 r readline ri ruby sddm sgml ssl sudo \
    systemd tcltk thumbnailers tmux tcl8.6 udev upstart vala vim vulkan wayland-sessions X11 xdg-desktop-portal \
    xfce4 xsessions zsh";

/// Directories in which nothing is read, or nothing is run of what is read, until somebody names it.
const INERT: &str = "\
    appdata cmake data datasets desktop-directories devhelp doc examples fonts gettext \
    gtk-doc help icons info java javadoc licenses locale man metainfo mime models omf pixmaps \
    pkgconfig samples sounds terminfo themes wallpapers";

/// What Jupyter knows by another name than that of the project that brings it.
const OF_JUPYTER: [(&str, &str); 5] = [
    ("ipykernel", "python3"),
    ("ipympl", "jupyter-matplotlib"),
    ("jupyterlab", "lab"),
    ("jupyterlab-widgets", "@jupyter-widgets"),
    ("widgetsnbextension", "jupyter-js-widgets"),
];

/// Directories in which shells look for how to complete the words behind a command, which is the name
/// of a file there, and what stands before and behind it.
const COMPLETIONS: [(&str, &str, &str); 5] = [
    ("bash-completion/completions/", "", ""),
    ("fish/vendor_completions.d/", "", ".fish"),
    ("fish/completions/", "", ".fish"),
    ("zsh/site-functions/", "_", ""),
    ("zsh/vendor-completions/", "_", ""),
];

/// Whether a file there is read by a program that nobody told to, by its path from `share`, if a release
/// of one of `projects` brings it.
pub(super) fn acts(inner: &str, projects: &[&str]) -> bool {
    if let Some(command) = completed(inner) {
        return programs::is_taken(command, projects) || command.contains('/');
    }
    let Some((first, rest)) = inner.split_once('/') else {
        // Read by every `configure` script.
        return inner == "config.site";
    };
    match first {
        "applications" => return opens_files(rest, projects),
        "jupyter" => return acts_in_jupyter(rest, projects),
        _ => {}
    }
    let is_in = |list: &str| list.split_ascii_whitespace().any(|it| it.eq_ignore_ascii_case(first));
    is_in(READ) || !(is_in(INERT) || is_related(first, projects))
}

/// Whether desktops would open files by it that are no matter of the project's: they take programs of
/// each `*.desktop`, by its name, whose words a project's may be (`org.pkg.Viewer.desktop`).
fn opens_files(rest: &str, projects: &[&str]) -> bool {
    let name = rest.split('/').next().unwrap_or(rest);
    let of = |stem: &str| stem.split('.').any(|word| is_of_jupyter(word, projects));
    match name.strip_suffix(".desktop") {
        Some(stem) => !of(stem),
        None => name == rest || !is_related(name, projects),
    }
}

/// Whether Jupyter would find there what has not the project's name: kernels are started, and extensions
/// loaded, by the names of their directories.
fn acts_in_jupyter(rest: &str, projects: &[&str]) -> bool {
    let mut parts = rest.split('/');
    let of = |part: &str| is_of_jupyter(part, projects);
    match parts.next() {
        Some("kernels") => !parts.next().is_some_and(of),
        first => !first.into_iter().chain(parts).any(of),
    }
}

/// Whether Jupyter's programs read it below `etc/jupyter`: each does but a file `*.d/NAME.json` of the
/// project's name, by which that makes itself known.
pub(super) fn configures_jupyter(rest: &str, projects: &[&str]) -> bool {
    let known = rest.rsplit_once('/');
    let known = known.filter(|(directory, _)| directory.strip_suffix(".d").is_some());
    let stem = known.and_then(|(_, name)| name.strip_suffix(".json"));
    !stem.is_some_and(|stem| is_of_jupyter(stem, projects))
}

/// Whether a name is that of one of `projects`, also where it says that it is for Jupyter.
fn is_of_jupyter(name: &str, projects: &[&str]) -> bool {
    let bare = ["jupyter", "jupyterlab"]
        .iter()
        .find_map(|it| name.strip_prefix(it).and_then(|rest| rest.strip_prefix(['-', '_'])));
    is_related(name, projects)
        || bare.is_some_and(|bare| is_own(bare, projects))
        || OF_JUPYTER.iter().any(|(project, it)| *it == name && projects.contains(project))
}

/// The command that a file tells how to complete.
fn completed(inner: &str) -> Option<&str> {
    COMPLETIONS.iter().find_map(|(directory, before, behind)| {
        let name = inner.strip_prefix(directory)?.strip_prefix(before)?;
        // Functions of the shell's own begin so.
        let command = name.strip_suffix(behind).unwrap_or(name);
        (!command.is_empty() && !command.starts_with('_')).then_some(command)
    })
}

/// Whether a name is that of one of `projects`, also where that says that it is for Python.
fn is_related(name: &str, projects: &[&str]) -> bool {
    let bare = projects.iter().flat_map(|project| {
        let ends = [project.strip_suffix("-python"), project.strip_suffix("-py")];
        let starts = ["python-", "py-", "py"].map(|start| project.strip_prefix(start));
        ends.into_iter().chain(starts).flatten().filter(|it| it.len() > 2)
    });
    is_own(name, projects) || is_own(name, &bare.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    fn what_programs_read_by_themselves_is_told_whosever_it_is(
        #[values(
            "git-core/templates/hooks/post-checkout",
            "fish/vendor_conf.d/pkg.fish",
            "fish/vendor_functions.d/ls.fish",
            "emacs/site-lisp/site-start.el",
            "vim/vimfiles/plugin/x.vim",
            "nvim/site/plugin/x.lua",
            "bash-completion/completions/git",
            "bash-completion/completions/_common",
            "bash-completion/bash_completion",
            "zsh/site-functions/_ssh",
            "zsh/site-functions/compinit",
            "zsh/site-functions/__main",
            "fish/vendor_completions.d/sudo.fish",
            "dbus-1/services/x.service",
            "gdb/auto-load/x.py",
            "aclocal/x.m4",
            "vulkan/implicit_layer.d/x.json",
            "systemd/user/x.service",
            "gnome-shell/extensions/x/extension.js",
            "whatever-others-call-it/x",
            "jupyter/kernels/python3/kernel.json",
            "jupyter/kernels/another/pkg/kernel.json",
            "jupyter/lab/settings/overrides.json",
            "jupyter/labextensions/another/package.json",
            "jupyter/jupyter_config.py",
            "applications/firefox.desktop",
            "applications/org.mozilla.firefox.desktop",
            "applications/mimeapps.list",
            "applications/another/x.desktop",
            "config.site"
        )]
        inner: &str,
    ) {
        for project in ["pkg", "vim", "git-core", "fish"] {
            let asked = project == "pkg" || inner.starts_with(project);
            assert!(!asked || acts(inner, &[project]), "{inner} {project}");
        }
    }

    #[rstest]
    fn what_lies_there_until_somebody_names_it_is_not(
        #[values(
            "doc/pkg/x.txt",
            "man/man1/x.1",
            "locale/de/LC_MESSAGES/x.mo",
            "applications/pkg.desktop",
            "applications/org.example.my-pkg.desktop",
            "applications/jupyter-pkg.desktop",
            "jupyter/labextensions/pkg/static/x.js",
            "jupyter/labextensions/@scope/my-pkg/package.json",
            "jupyter/nbextensions/my_pkg/extension.js",
            "jupyter/nbconvert/templates/pkg/conf.json",
            "icons/hicolor/48x48/apps/pkg.png",
            "licenses/x/LICENSE",
            "jupyter/kernels/pkg/kernel.json",
            "pkg/lib/libz.so.1",
            "pkg-2.0/x",
            "my_pkg/x",
            "solver/x",
            "tensor/x",
            "models/x.pth",
            "bash-completion/completions/pkg",
            "bash-completion/completions/another-tool",
            "zsh/site-functions/_pkg",
            "fish/vendor_completions.d/pkg.fish",
            "x.txt"
        )]
        inner: &str,
    ) {
        assert!(!acts(inner, &["pkg", "my-pkg", "python-solver", "tensor-py"]));
    }

    #[test]
    fn what_jupyter_knows_by_another_name_is_its_projects_own() {
        for (project, name) in OF_JUPYTER {
            let (own, others) = ([project], ["pkg"]);
            for inner in [format!("jupyter/kernels/{name}/x"), format!("jupyter/x/{name}/x")] {
                assert_eq!((acts(&inner, &own), acts(&inner, &others)), (false, true), "{inner}");
            }
        }
    }
}
