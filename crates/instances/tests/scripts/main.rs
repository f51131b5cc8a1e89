//! The scripts: as rendered, as shellcheck sees them, and the user data as bash runs it. `lab` runs the join scripts.

#![expect(clippy::unwrap_used, reason = "a test must panic if its set-up fails")]
#![expect(
    clippy::disallowed_methods,
    reason = "the simulated programs precede the real ones on PATH"
)]

mod machine;
mod rendered;
mod user_data;
