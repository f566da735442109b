//! `input.json` for a build that finds its directories at other paths.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use serde_json::Value;

use super::json::{self, JsonLimits};
use crate::paths::Beneath;

/// The `input.json` of the open directory `control`, in which every argument of the hook that is a path
/// that `moved` knows is the path where it is found.
///
/// # Errors
/// The file cannot be read, or is not what [`super::HookCall::parse`] has accepted before.
pub(crate) fn relocated_input(
    control: OwnedFd,
    moved: &dyn Fn(&Path) -> Option<OsString>,
) -> io::Result<Vec<u8>> {
    let limits = JsonLimits::HOOK;
    let bytes = Beneath::new(control)
        .read(OsStr::new("input.json"), limits.bytes)
        .map_err(io::Error::other)?;
    rewritten(&bytes, moved)
}

fn rewritten(bytes: &[u8], moved: &dyn Fn(&Path) -> Option<OsString>) -> io::Result<Vec<u8>> {
    let mut input = json::object(bytes, JsonLimits::HOOK).map_err(io::Error::other)?;
    if let Some(Value::Object(arguments)) = input.get_mut("kwargs") {
        for value in arguments.values_mut() {
            let Value::String(text) = value else { continue };
            let place = moved(Path::new(text)).map(OsString::into_string);
            match place {
                Some(Ok(place)) => *text = place,
                // A staging directory below a place whose name is no Unicode.
                Some(Err(_)) => return Err(io::ErrorKind::InvalidFilename.into()),
                None => {}
            }
        }
    }
    serde_json::to_vec(&input).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_that_are_moved_paths_are_rewritten_and_nothing_else() {
        let input =
            br#"{"kwargs": {"wheel_directory": "/w/dist", "config_settings": {"a": "/w/dist"},
            "metadata_directory": null}, "other": "/w/dist"}"#;
        let moved = |path: &Path| (path == Path::new("/w/dist")).then(|| "/s/output".into());
        let text = String::from_utf8(rewritten(input, &moved).unwrap()).unwrap();
        assert_eq!(
            text,
            r#"{"kwargs":{"config_settings":{"a":"/w/dist"},"metadata_directory":null,"wheel_directory":"/s/output"},"other":"/w/dist"}"#
        );
        assert!(rewritten(b"[]", &moved).is_err());
    }
}
