//! What a hook answers: the content of an `output.json`, understood or refused.
#![forbid(unsafe_code)]

use std::ffi::OsStr;

use serde_json::{Map, Value, json};

use super::expected::Expected;
use super::limits::Limits;
use super::names::{Artefact, NameError};
use super::refused::{Refused, Why};
use super::requirement;
use super::return_error::ReturnError;
use super::warning::{self, Warning};
use crate::pep517::{HookKind, Product, json_object};
use crate::plain::plain;

/// The build tag with which setuptools marks a wheel that leads into its source tree.
const EDITABLE: &str = "0.editable";

/// The one feature that `pyproject_hooks` asks about.
const FEATURES: [&str; 1] = ["build_editable"];

/// What a hook answered. Only what `pyproject_hooks` 1.x can write is representable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Return {
    /// The hook.
    pub hook: HookKind,
    /// Its answer.
    pub answer: Answer,
    /// Python warnings that were raised meanwhile.
    pub warnings: Vec<Warning>,
}

/// The answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Requirements, each of a name, extras, versions and a marker.
    Requirements(Vec<String>),
    /// Names of optional hooks that exist.
    Features(Vec<String>),
    /// The name of what was put into the output directory.
    File {
        /// The name, as it was returned.
        name: String,
        /// What it promises.
        artefact: Artefact,
    },
    /// The back end says that it cannot build an sdist.
    Unsupported {
        /// A Python traceback.
        traceback: String,
    },
    /// The back end cannot be imported.
    NoBackend {
        /// What went wrong.
        message: String,
        /// A Python traceback.
        traceback: String,
    },
    /// The back end was imported from elsewhere than `backend-path` (before 1.2).
    BackendInvalid {
        /// What went wrong.
        message: String,
    },
    /// The back end does not define this hook.
    HookMissing {
        /// The missing hook.
        missing: HookKind,
    },
}

/// Parses the bytes of an `output.json`.
pub(crate) fn parse(bytes: &[u8], hook: HookKind, limits: &Limits) -> Result<Return, Why> {
    let object = json_object(bytes, limits.json)?;
    let warnings = warning::warnings(&object, limits)?;
    let answer = match failure(&object, hook)? {
        Some(answer) => answer,
        None => success(&object, hook, limits)?,
    };
    Ok(Return { hook, answer, warnings })
}

/// The answers that are no success. The first key in the order in which `pyproject_hooks` looks
/// at them counts; a hook that cannot give one is lying.
fn failure(object: &Map<String, Value>, hook: HookKind) -> Result<Option<Answer>, ReturnError> {
    if flag(object, "unsupported")? {
        if hook != HookKind::BuildSdist {
            return Err(ReturnError::Impossible { hook, key: "unsupported" });
        }
        return Ok(Some(Answer::Unsupported { traceback: text(object, "traceback")? }));
    }
    if flag(object, "no_backend")? {
        let message = text(object, "backend_error")?;
        return Ok(Some(Answer::NoBackend { message, traceback: text(object, "traceback")? }));
    }
    if flag(object, "backend_invalid")? {
        return Ok(Some(Answer::BackendInvalid { message: text(object, "backend_error")? }));
    }
    if !flag(object, "hook_missing")? {
        return Ok(None);
    }
    let named = text(object, "missing_hook_name")?;
    let missing = if named.is_empty() { Ok(hook) } else { named.parse::<HookKind>() };
    let editable = HookKind::PrepareMetadataForBuildEditable;
    let optional = matches!(hook, HookKind::PrepareMetadataForBuildWheel | HookKind::BuildEditable);
    match missing {
        Ok(missing) if missing == hook && (optional || hook == editable) => {
            Ok(Some(Answer::HookMissing { missing }))
        }
        Ok(HookKind::BuildEditable) if hook == editable => {
            Ok(Some(Answer::HookMissing { missing: HookKind::BuildEditable }))
        }
        _ => Err(ReturnError::Impossible { hook, key: "hook_missing" }),
    }
}

fn success(
    object: &Map<String, Value>,
    hook: HookKind,
    limits: &Limits,
) -> Result<Answer, ReturnError> {
    match hook.product() {
        Product::Requirements => requirements(object, limits).map(Answer::Requirements),
        Product::Features => features(object, limits).map(Answer::Features),
        Product::Wheel => file(object, Artefact::wheel),
        Product::Sdist => file(object, Artefact::sdist),
        Product::DistInfo => file(object, Artefact::dist_info),
    }
}

const RETURN_VAL: &str = "return_val";

fn requirements(object: &Map<String, Value>, limits: &Limits) -> Result<Vec<String>, ReturnError> {
    let list = texts(object, limits)?;
    for text in &list {
        requirement::check(text)
            .map_err(|source| ReturnError::Requirement { text: shortened(text), source })?;
    }
    Ok(list)
}

fn features(object: &Map<String, Value>, limits: &Limits) -> Result<Vec<String>, ReturnError> {
    let list = texts(object, limits)?;
    match list.iter().find(|feature| !FEATURES.contains(&feature.as_str())) {
        Some(unknown) => Err(ReturnError::Feature(shortened(unknown))),
        None => Ok(list),
    }
}

fn file(
    object: &Map<String, Value>,
    parse: fn(&str) -> Result<Artefact, NameError>,
) -> Result<Answer, ReturnError> {
    let Some(Value::String(name)) = object.get(RETURN_VAL) else {
        return Err(ReturnError::Key { key: RETURN_VAL, wanted: "a file name" });
    };
    match parse(name) {
        Ok(artefact) => Ok(Answer::File { name: name.clone(), artefact }),
        Err(source) => Err(ReturnError::Name { name: shortened(name), source }),
    }
}

fn texts(object: &Map<String, Value>, limits: &Limits) -> Result<Vec<String>, ReturnError> {
    let wrong = ReturnError::Key { key: RETURN_VAL, wanted: "a list of texts" };
    let Some(Value::Array(list)) = object.get(RETURN_VAL) else { return Err(wrong) };
    if list.len() > limits.listed {
        return Err(ReturnError::TooMany { key: RETURN_VAL, limit: limits.listed });
    }
    let texts: Option<Vec<_>> = list.iter().map(|it| it.as_str().map(str::to_owned)).collect();
    texts.ok_or(wrong)
}

fn flag(object: &Map<String, Value>, key: &'static str) -> Result<bool, ReturnError> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(value)) => Ok(*value),
        Some(_) => Err(ReturnError::Key { key, wanted: "true or false" }),
    }
}

fn text(object: &Map<String, Value>, key: &'static str) -> Result<String, ReturnError> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(plain(text)),
        Some(_) => Err(ReturnError::Key { key, wanted: "a text" }),
    }
}

/// Enough of a text to recognise it in a sentence.
fn shortened(text: &str) -> String {
    text.chars().take(200).collect()
}

impl Return {
    /// The name of the product in the output directory, and what it promises.
    #[must_use]
    pub const fn file(&self) -> Option<(&String, &Artefact)> {
        match &self.answer {
            Answer::File { name, artefact } => Some((name, artefact)),
            _ => None,
        }
    }

    /// The same answer, if what it names was asked for.
    ///
    /// # Errors
    /// When it is of another release than `expected`.
    pub fn expecting(self, expected: Option<&Expected>) -> Result<Self, Refused> {
        let (Answer::File { name, artefact }, Some(expected)) = (&self.answer, expected) else {
            return Ok(self);
        };
        // Who calls `build_editable` has asked for such a wheel.
        let build = artefact.build.clone();
        let asked = self.hook == HookKind::BuildEditable && build.as_deref() == Some(EDITABLE);
        let untagged = || Artefact { build: None, ..artefact.clone() };
        let artefact = expected
            .narrow(if asked { untagged() } else { artefact.clone() })
            .map_err(|cause| Why::from(cause).refuse(OsStr::new(name)))?;
        let artefact = Artefact { build, ..artefact };
        let answer = Answer::File { name: name.clone(), artefact };
        Ok(Self { answer, ..self })
    }

    /// The answer in the form in which `pyproject_hooks` 1.x reads it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut value = match &self.answer {
            Answer::Requirements(list) | Answer::Features(list) => json!({ RETURN_VAL: list }),
            Answer::File { name, .. } => json!({ RETURN_VAL: name }),
            Answer::Unsupported { traceback } => {
                json!({ "unsupported": true, "traceback": traceback })
            }
            Answer::NoBackend { message, traceback } => {
                json!({ "no_backend": true, "backend_error": message, "traceback": traceback })
            }
            Answer::BackendInvalid { message } => {
                json!({ "backend_invalid": true, "backend_error": message })
            }
            Answer::HookMissing { missing } => {
                json!({ "hook_missing": true, "missing_hook_name": missing.name() })
            }
        };
        if let Some(object) = value.as_object_mut() {
            object.entry("unsupported").or_insert(false.into());
            object.entry(RETURN_VAL).or_insert(Value::Null);
            let warnings: Vec<_> = self.warnings.iter().map(Warning::to_json).collect();
            object.insert("warnings".to_owned(), warnings.into());
        }
        value
    }
}
