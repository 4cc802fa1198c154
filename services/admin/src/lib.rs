//! Provisioning of databases, users and topology; dead letters.
