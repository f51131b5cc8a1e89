//! What runs on an instance: its cores and memory, its user data, and the scripts that join it to the cluster or mount a
//! filesystem.
//!
//! The crate is pure: it renders the shell files under `templates/`; random values and secrets are arguments.

mod client_mount;
mod join;
mod mount;
mod template;
mod types;
mod user_data;

pub use client_mount::{ClientMount, InvalidMount};
pub use join::{BackendJoin, ClientJoin};
pub use mount::MountScript;
pub use types::{ComputeMemory, Cores, InvalidProfile, Profile, known_types, profile_of};
pub use user_data::UserData;
