//! The `[[plant]]` tables of a manifest.
#![forbid(unsafe_code)]

use super::run::name;
use super::table::{At, Table, each_once, text_of, wrong_type};
use crate::catalogue::attack::{Answer, Plant, PlantKey, PlantKind};
use crate::catalogue::diagnostic::{Code, Findings};
use crate::catalogue::spelling::nearest;

/// What stands in braces in a template, and is filled in by the lab.
const VARIABLES: [&str; 7] = ["canary", "home", "source", "work", "output", "site", "python"];

/// Every key that some kind has.
const KEYS: [&str; 13] = [
    "path", "to", "mode", "content", "name", "value", "args", "env", "memory", "open", "what",
    "answer", "http",
];

/// Reads all of them.
pub(super) fn read(top: &mut Table<'_>, found: &mut Findings) -> Vec<At<Plant>> {
    let mut plants = Vec::new();
    let mut ids = Vec::new();
    for mut table in top.tables("plant", found) {
        let id = table.text("id", found);
        let id = table.demanded("id", id, found);
        let word = table.text("kind", found);
        let word = table.demanded("kind", word, found);
        let kind = word.and_then(|word| kind(&word, &mut table, found));
        let answer = kind.as_ref().and_then(|kind| answer(kind, &mut table, found));
        if let Some(id) = id {
            name("plant", &id, found);
            if let Some(kind) = kind {
                let plant = Plant { id: id.value.to_owned(), kind, answer };
                plants.push(At { value: plant, offset: id.offset });
            }
            ids.push(id);
        }
        table.close(found);
    }
    each_once(&ids, "the ids of the plants", found);
    plants
}

/// The text at `key`, checked as a template for a path.
pub(super) fn path(
    table: &mut Table<'_>,
    key: &'static str,
    found: &mut Findings,
) -> Option<String> {
    let text = table.text(key, found);
    let text = table.demanded(key, text, found)?;
    if !text.value.starts_with(['/', '{']) || text.value.split('/').any(|part| part == "..") {
        let message = format!("`{}` is no path that a lab could use", text.value);
        let help = "write an absolute path without `..`, or begin with `{home}`".to_owned();
        found.report(text.offset, Code::BadValue, message, help);
    }
    Some(template(&text, found))
}

fn kind(word: &At<&str>, table: &mut Table<'_>, found: &mut Findings) -> Option<PlantKind> {
    Some(match word.value {
        "file" => {
            let path = path(table, "path", found);
            let mode = mode(table, 0o600, found);
            let content = optional(table, "content", found);
            PlantKind::File {
                path: path?,
                mode,
                content: content.unwrap_or_else(|| "{canary}\n".to_owned()),
            }
        }
        "directory" => {
            let path = path(table, "path", found);
            let mode = mode(table, 0o700, found);
            PlantKind::Directory { path: path?, mode }
        }
        "link" => {
            let (place, to) = (path(table, "path", found), path(table, "to", found));
            PlantKind::Link { path: place?, to: to? }
        }
        "variable" => variable(table, found)?,
        "unix-listener" => {
            let path = path(table, "path", found);
            let mode = mode(table, 0o600, found);
            PlantKind::UnixListener { path: path?, mode }
        }
        "process" => process(table, found)?,
        "namespace" => {
            let what = table.word("what", found);
            PlantKind::Namespace { what: table.demanded("what", what, found)? }
        }
        other => {
            if let Some(kind) = PlantKind::plain(other) {
                return Some(kind);
            }
            let help = nearest(other, &PlantKind::NAMES).map_or_else(
                || format!("known: {}", PlantKind::NAMES.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            let message = format!("unknown kind of plant `{other}`");
            found.report(word.offset, Code::BadValue, message, help);
            // The keys belong to a kind that is not known, so none of them can be judged.
            for key in KEYS {
                table.value(key);
            }
            return None;
        }
    })
}

/// What a stream listener says.
fn answer(kind: &PlantKind, table: &mut Table<'_>, found: &mut Findings) -> Option<Answer> {
    let [_, may] = PlantKind::keys(kind.name()).unwrap_or_default();
    let speaks = may.contains(&PlantKey::Text("answer"));
    if !speaks {
        return None;
    }
    let text = optional(table, "answer", found);
    let http = table.flag("http", found);
    let default = || "{\"token\": \"{canary}\"}\n".to_owned();
    (http || text.is_some()).then(|| Answer { text: text.unwrap_or_else(default), http })
}

fn variable(table: &mut Table<'_>, found: &mut Findings) -> Option<PlantKind> {
    let name = table.text("name", found);
    let name = table.demanded("name", name, found);
    let value = optional(table, "value", found).unwrap_or_else(|| "{canary}".to_owned());
    let name = name?;
    variable_name(&name, found);
    Some(PlantKind::Variable { name: name.value.to_owned(), value })
}

fn process(table: &mut Table<'_>, found: &mut Findings) -> Option<PlantKind> {
    let named = table.text("name", found);
    let named = table.demanded("name", named, found);
    let args = table.texts("args", found);
    let args = args.iter().map(|arg| template(arg, found)).collect();
    let mut env = Vec::new();
    if let Some(inner) = table.table("env", found) {
        for (key, value) in inner.free() {
            variable_name(&key, found);
            if let Some(text) = text_of(value, &format!("`{}`", key.value), found) {
                env.push((key.value.to_owned(), template(&text, found)));
            }
        }
    }
    let memory = optional(table, "memory", found);
    let open = optional(table, "open", found);
    let named = named?;
    if named.value.is_empty() || named.value.len() > 15 || named.value.contains(['/', '\0']) {
        let message = format!("`{}` is no name that a process can show", named.value);
        let help = "write one to fifteen characters without a slash".to_owned();
        found.report(named.offset, Code::BadValue, message, help);
    }
    Some(PlantKind::Process { name: named.value.to_owned(), args, env, memory, open })
}

fn variable_name(name: &At<&str>, found: &mut Findings) {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.value.is_empty()
        || name.value.starts_with(|c: char| c.is_ascii_digit())
        || !name.value.chars().all(fits)
    {
        let message = format!("`{}` is no name for a variable", name.value);
        let help = "use letters, digits and underscores".to_owned();
        found.report(name.offset, Code::BadValue, message, help);
    }
}

fn optional(table: &mut Table<'_>, key: &'static str, found: &mut Findings) -> Option<String> {
    let text = table.text(key, found)?;
    Some(template(&text, found))
}

fn mode(table: &mut Table<'_>, default: u32, found: &mut Findings) -> u32 {
    let Some(value) = table.value("mode") else { return default };
    let Some(text) = value.get_ref().as_str() else {
        wrong_type(value, "`mode`", "an octal number as a string, as \"0600\"", found);
        return default;
    };
    u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777).unwrap_or_else(|| {
        let message = format!("`mode` is `{text}`");
        let help = "write an octal number as a string, as \"0600\"".to_owned();
        found.report(value.span().start, Code::BadValue, message, help);
        default
    })
}

/// Reports what stands in braces and would not be filled in.
fn template(text: &At<&str>, found: &mut Findings) -> String {
    for part in text.value.split('{').skip(1) {
        let Some((word, _)) = part.split_once('}') else { continue };
        let is_word = !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase());
        if is_word && !VARIABLES.contains(&word) {
            let help = nearest(word, &VARIABLES).map_or_else(
                || format!("known: {}", VARIABLES.join(", ")),
                |near| format!("did you mean `{{{near}}}`?"),
            );
            let message = format!("the lab has nothing to put in the place of `{{{word}}}`");
            found.report(text.offset, Code::BadValue, message, help);
        }
    }
    text.value.to_owned()
}
