//! The identity service's binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    platform_service::main::<identity::Identity>()
}
