//! Argon2id: the hash of a password in PHC form, and whether a password is one's. It takes memory and a core for as long
//! as it takes; who may use it when is the business of [`super::hasher`].

use std::sync::{Mutex, MutexGuard, PoisonError};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};

use super::Password;
use crate::oauth::{equal, random};

/// Room that a hash's memory has at least, in blocks; what is not used is never resident. glibc maps what is larger than
/// 32 MiB alone and gives it back at once; after something smaller was freed it keeps the next one of that size for the
/// thread (mallopt(3), `M_MMAP_THRESHOLD`).
const ROOM: usize = 33 * 1024 * 1024 / Block::SIZE;
/// Bytes of a salt (RFC 9106 §3.1) and of a hash.
const SALT: usize = 16;

/// Why a password was not hashed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HashError {
    /// Too many at a time.
    #[error("too many passwords are being checked right now")]
    Busy,
    /// The library refused, or the hash in the database is none.
    #[error("argon2 failed: {0}")]
    Failed(String),
}

/// What came of a comparison.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verified {
    pub(crate) matches: bool,
    /// The password's hash with today's parameters, when it matches and the kept one has weaker ones.
    pub(crate) rehashed: Option<String>,
}

/// Argon2id with the parameters that the settings choose.
pub(super) struct Argon {
    params: Params,
    /// The memory of hashes that have ended, for those that wait: had anew, each page of it would be cleared and
    /// faulted in again. Where nobody waits it is given back.
    memory: Mutex<Vec<Vec<Block>>>,
}

impl Argon {
    pub(super) fn new(params: Params) -> Self {
        Self { params, memory: Mutex::default() }
    }

    /// The hash of a new password, in PHC form.
    pub(super) fn hash(&self, password: &Password) -> Result<String, HashError> {
        let salt = random::<SALT>();
        let hash = self.compute(Algorithm::Argon2id, Version::V0x13, &self.params, password, &salt)?;
        Ok(PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&self.params).map_err(failed)?,
            salt: Some(Salt::new(&salt).map_err(failed)?),
            hash: Some(hash),
        }
        .to_string())
    }

    /// Compares a password with a hash in PHC form.
    pub(super) fn verify(&self, password: &Password, hash: &str) -> Result<Verified, HashError> {
        let parsed = PasswordHash::new(hash).map_err(failed)?;
        let (Some(salt), Some(expected)) = (&parsed.salt, &parsed.hash) else {
            return Err(failed("the kept hash is incomplete"));
        };
        let algorithm = Algorithm::try_from(parsed.algorithm.as_str()).map_err(failed)?;
        let version = parsed.version.map_or(Ok(Version::V0x13), Version::try_from).map_err(failed)?;
        let kept = Params::try_from(&parsed).map_err(failed)?;
        let computed = self.compute(algorithm, version, &kept, password, salt)?;
        let matches = equal(computed.as_bytes(), expected.as_bytes());
        let weaker = kept.m_cost() < self.params.m_cost() || kept.t_cost() < self.params.t_cost();
        let rehashed = if matches && weaker { Some(self.hash(password)?) } else { None };
        Ok(Verified { matches, rehashed })
    }

    fn compute(
        &self,
        algorithm: Algorithm,
        version: Version,
        params: &Params,
        password: &Password,
        salt: &[u8],
    ) -> Result<Output, HashError> {
        let mut memory =
            self.memory().pop().unwrap_or_else(|| Vec::with_capacity(ROOM.max(params.block_count())));
        memory.resize(params.block_count(), Block::new());
        let mut bytes = [0; Output::MAX_LENGTH];
        let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
        let hash = bytes.get_mut(..length).ok_or_else(|| failed("the kept hash is too long"))?;
        let argon2 = Argon2::new(algorithm, version, params.clone());
        let computed = argon2.hash_password_into_with_memory(password.as_bytes(), salt, hash, &mut memory);
        self.memory().push(memory);
        computed.map_err(failed)?;
        Output::new(hash).map_err(failed)
    }

    /// Gives back what more than `waiting` others would need.
    pub(super) fn keep_memory_for(&self, waiting: usize) {
        self.memory().truncate(waiting);
    }

    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.memory().len()
    }

    fn memory(&self) -> MutexGuard<'_, Vec<Vec<Block>>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn failed(error: impl ToString) -> HashError {
    HashError::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_of_the_library_is_that_of_the_library() {
        use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
        let argon = Argon::new(Params::new(64, 1, 1, None).unwrap());
        let ours = argon.hash(&Password::typed("correct horse")).unwrap();
        let parsed = PasswordHash::new(&ours).unwrap();
        Argon2::default().verify_password(b"correct horse", &parsed).unwrap();
        let params = Params::new(128, 2, 1, Some(48)).unwrap();
        let library = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let theirs = library.hash_password(b"correct horse").unwrap().to_string();
        assert!(argon.verify(&Password::typed("correct horse"), &theirs).unwrap().matches);
        for broken in ["", "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ", &ours.replace("m=64", "m=0")] {
            let verified = argon.verify(&Password::typed("correct horse"), broken);
            assert!(matches!(verified, Err(HashError::Failed(_))), "{broken}");
        }
    }
}
