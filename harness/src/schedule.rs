//! Which attack is tried on which target at which level.
#![forbid(unsafe_code)]

use std::sync::Arc;

use sandbox::Level;

use crate::catalogue::attack::Attack;

/// One cell of the matrix: an attack, or a benign build, at one level of one target.
#[derive(Clone, Debug)]
pub struct Trial {
    /// What is tried.
    pub attack: Arc<Attack>,
    /// The sandbox on trial: `own`.
    pub target: String,
    /// The level at which it is tried.
    pub level: Level,
    /// The lab profile: `root`.
    pub host: String,
}
