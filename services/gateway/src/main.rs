//! The gateway's binary.

use std::process::ExitCode;

/// Requests allocate and free the same few sizes over and over, each on its own thread; this allocator is
/// measurably quicker at that ([ADR 7](../../../docs/adr/0007-a-thread-a-core.md)).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    platform_service::main::<gateway::Gateway>()
}
