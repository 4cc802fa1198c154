//! The operator against a real kube-apiserver, named by `TEST_KUBECONFIG`. No kubelet and no controllers
//! run there: a test says what pods do by writing status where they would. Each test has a namespace and an
//! operator of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper fails its test")]

mod support;

mod bad_input;
mod clients;
mod conflicts;
mod deletion;
mod election;
mod faults;
mod install;
mod steady;
