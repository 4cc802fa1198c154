//! The gateway's binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    platform_service::main::<gateway::Gateway>()
}
