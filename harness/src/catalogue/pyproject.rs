//! The `pyproject.toml` of an entry: an in-tree back end, and nothing to install.
#![forbid(unsafe_code)]

use toml::de::DeTable;

use super::diagnostic::{Code, Findings};
use super::manifest::Table;

/// Where the back end and the kit of the lab are found.
const BACKEND_PATH: [&str; 2] = [".", "_lab"];

/// Reports what would keep the build from being the in-tree one without requirements.
/// `has` says whether the tree has a module of that name.
pub(crate) fn check(text: &str, has: &dyn Fn(&str) -> bool, found: &mut Findings) {
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let offset = error.span().map_or(0, |span| span.start);
        let help = "correct the line; https://toml.io describes the format".to_owned();
        found.report(offset, Code::Syntax, error.message().to_owned(), help);
    }
    if !errors.is_empty() {
        return;
    }
    let mut top = Table::new("the file", 0, root.get_ref());
    let Some(mut system) = top.table("build-system", found) else {
        let help = "add `[build-system]` with `requires = []`, `build-backend = \"backend\"` and \
                    `backend-path = [\".\", \"_lab\"]`";
        let message = "there is no `[build-system]`, so a front end would choose setuptools";
        found.report(0, Code::BuildSystem, message.to_owned(), help.to_owned());
        return;
    };
    requires(&mut system, found);
    let backend = system.text("build-backend", found);
    if backend.as_ref().is_none_or(|name| name.value.trim().is_empty()) {
        let help = "add `build-backend = \"backend\"`".to_owned();
        let message = "`[build-system]` has no `build-backend`".to_owned();
        found.report(system.offset(), Code::BuildSystem, message, help);
    }
    if let Some(name) = &backend {
        let module = name.value.split(':').next().unwrap_or_default().trim();
        if !module.is_empty() && !has(module) {
            let message = format!("there is no back end: the tree has no module `{module}`");
            let help = format!("write {module}.py, or name the module that is there");
            found.report(name.offset, Code::BuildSystem, message, help);
        }
    }
    let path = system.texts("backend-path", found);
    if !path.iter().map(|part| part.value).eq(BACKEND_PATH) {
        let help = "write `backend-path = [\".\", \"_lab\"]`; the lab puts its kit into `_lab`";
        let message = "`backend-path` does not lead to the tree and the kit".to_owned();
        found.report(system.offset(), Code::BuildSystem, message, help.to_owned());
    }
}

fn requires(system: &mut Table<'_>, found: &mut Findings) {
    let help = "write `requires = []`: nothing is installed in the lab".to_owned();
    let Some(value) = system.value("requires") else {
        let message = "`[build-system]` has no `requires`".to_owned();
        found.report(system.offset(), Code::BuildRequires, message, help);
        return;
    };
    if value.get_ref().as_array().is_none_or(|items| !items.is_empty()) {
        let message = "the build has requirements".to_owned();
        found.report(value.span().start, Code::BuildRequires, message, help);
    }
}
