//! What runs on an instance: its cores and memory, its user data, and the scripts with which it joins or mounts.
//!
//! Pure: scripts are rendered from the shell files under `templates/`; what is random or secret comes in as an argument.

mod join;
mod mount;
mod template;
mod types;
mod user_data;

pub use join::{BackendJoin, ClientJoin};
pub use mount::MountScript;
pub use types::{ComputeMemory, Cores, InvalidProfile, Profile, known_types, profile_of};
pub use user_data::UserData;
