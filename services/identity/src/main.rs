//! The identity service's binary.

use std::process::ExitCode;

/// A password's hash takes 19 MiB for a moment. This allocator gives such a block back at once, where glibc's keeps
/// one for each thread that ever hashed.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    platform_service::main::<identity::Identity>()
}
