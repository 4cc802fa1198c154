//! Argon2id alone: as many passwords as one core hashes when it does nothing else. No provider checks more.

use std::time::{Duration, Instant};

use anyhow::anyhow;
use argon2::{Algorithm, Argon2, Block, Params, Version};

/// The parameters, those of the provider that is compared.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Cost {
    /// Memory for one hash in KiB, for `hash`.
    #[arg(long, default_value_t = 19_456)]
    memory_kib: u32,
    /// Passes over that memory, for `hash`.
    #[arg(long, default_value_t = 2)]
    iterations: u32,
}

impl Cost {
    /// Hashes for so long; gives the time that each took. The memory is had once: getting it is not hashing.
    pub(crate) fn measure(&self, length: Duration) -> anyhow::Result<Vec<Duration>> {
        let failed = |error: argon2::Error| anyhow!("argon2 failed: {error}");
        let params = Params::new(self.memory_kib, self.iterations, 1, None).map_err(failed)?;
        let mut memory = vec![Block::default(); params.block_count()];
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut hash = [0; 32];
        let mut times = Vec::new();
        let until = Instant::now() + length;
        while Instant::now() < until {
            let begun = Instant::now();
            argon2
                .hash_password_into_with_memory(b"a password", b"sixteen bytes of", &mut hash, &mut memory)
                .map_err(failed)?;
            times.push(begun.elapsed());
        }
        Ok(times)
    }
}
