//! Test programs with a `main` of their own (`harness = false`): they list only what can run, so that a test
//! that did not run is never counted as passed.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

use crate::SqlServer;

/// An asynchronous test under its name, on a runtime of its own.
#[must_use]
pub fn trial<T>(name: &str, test: impl FnOnce() -> T + Send + 'static) -> Trial
where
    T: Future<Output = ()>,
{
    Trial::test(name, move || {
        tokio::runtime::Runtime::new()?.block_on(test());
        Ok(())
    })
}

/// The `main` of a program whose tests all need SQL Server. Without `SQLSERVER_URL` it says that they did not
/// run, and has no test.
#[must_use]
pub fn sqlserver_tests(tests: Vec<Trial>) -> ExitCode {
    let there = SqlServer::is_there();
    if !there {
        // Standard output belongs to the lists that runners read.
        #[allow(clippy::print_stderr, reason = "what a person who runs the tests must know")]
        {
            eprintln!("not run: SQLSERVER_URL is not set");
        }
    }
    let tests = if there { tests } else { Vec::new() };
    libtest_mimic::run(&Arguments::from_args(), tests).exit_code()
}
