//! Provisioning and dead letters against real servers, named by TEST_POSTGRES_URL, TEST_AMQP_URL and
//! TEST_RABBITMQ_MANAGEMENT_URL; Redis is one of the test's own, since it must have an `aclfile`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper fails its test")]

mod dead_letters;
mod platform;
mod postgres;
mod rabbitmq;
mod redis;
