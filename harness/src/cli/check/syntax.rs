//! Whether Python can read the back ends: the interpreter that would build them says so. None is run.
#![forbid(unsafe_code)]

use std::path::Path;

use serde::Deserialize as _;

use crate::catalogue::attack::Attack;
use crate::catalogue::diagnostic::{Code, Diagnostic, Findings};
use crate::catalogue::tree::Node;
use crate::frontend::python::Python;

/// Parses what it is told of, and prints place and sentence of every mistake.
const SCRIPT: &str = r#"
import ast, json, sys, warnings
warnings.simplefilter("ignore")
found = []
for at, source in enumerate(json.load(sys.stdin)):
    try:
        ast.parse(source)
    except SyntaxError as error:
        found.append([at, error.lineno or 1, error.offset or 1, error.msg or "invalid syntax"])
    except (ValueError, RecursionError, MemoryError) as error:
        found.append([at, 1, 1, str(error) or type(error).__name__])
print(json.dumps(found))
"#;

/// Every file of these entries that is no Python; or why nobody knows.
pub(super) fn check<'a>(
    attacks: impl Iterator<Item = &'a Attack>,
) -> Result<Vec<Diagnostic>, String> {
    let mut files = Vec::new();
    for attack in attacks {
        for (path, node) in &attack.tree {
            let is_python = path.extension().is_some_and(|end| end == "py");
            if let (true, Node::File { content, .. }) = (is_python, node) {
                let text = String::from_utf8_lossy(content).into_owned();
                files.push((attack.dir.join(path), text));
            }
        }
    }
    let python = Python::ask(None).map_err(|error| error.to_string())?;
    let sources: Vec<_> = files.iter().map(|(_, text)| text.as_str()).collect();
    let asked = serde_json::to_vec(&sources).map_err(|error| error.to_string())?;
    let answer = python.answer(SCRIPT, &asked).map_err(|error| error.to_string())?;
    let mistakes = serde_json::from_slice::<serde_json::Value>(&answer)
        .and_then(Vec::<(usize, usize, usize, String)>::deserialize)
        .map_err(|error| format!("its answer is not understood: {error}"))?;
    let told = mistakes.into_iter().filter_map(|(at, line, column, said)| {
        let (file, text) = files.get(at)?;
        Some(mistake(file, text, (line, column), &said, &python.version))
    });
    Ok(told.flatten().collect())
}

fn mistake(
    file: &Path,
    text: &str,
    (line, column): (usize, usize),
    said: &str,
    version: &str,
) -> Vec<Diagnostic> {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let here = text.get(before..).unwrap_or_default();
    let ahead = here.chars().take(column.saturating_sub(1)).take_while(|c| *c != '\n');
    let offset = before + ahead.map(char::len_utf8).sum::<usize>();
    let mut findings = Findings::of(file, text);
    let help = format!("correct it; Python {version} cannot read the file");
    findings.report(offset, Code::Python, said.to_owned(), help);
    findings.into_vec()
}
