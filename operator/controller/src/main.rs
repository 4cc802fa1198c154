//! `courseplatform-operator`: turns each `CoursePlatform` into a running platform. See the library.

use std::process::ExitCode;

/// A pass builds a platform's hundred objects and drops them again. This allocator gives such memory back, where
/// glibc's keeps what it needed once for the passes that ran at the same time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    courseplatform_operator::main()
}
