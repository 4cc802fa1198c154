//! TLS: HTTP/2 or HTTP/1.1 by ALPN, and certificates that are renewed while the gateway runs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context as _;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{DEFAULT_VERSIONS, ServerConfig};
use tokio_util::sync::CancellationToken;

const INTERVAL: Duration = Duration::from_secs(10);

/// The certificate in use. A connection keeps the one that it began with.
pub(crate) struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    current: RwLock<TlsAcceptor>,
}

impl Tls {
    /// Reads both files.
    ///
    /// # Errors
    /// When they can't be read or don't belong together.
    pub(crate) fn load(certificate: PathBuf, key: PathBuf) -> anyhow::Result<Self> {
        let acceptor = acceptor_of(&certificate, &key)?;
        Ok(Self { certificate, key, current: RwLock::new(acceptor) })
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks for a renewed certificate until `stop`.
    pub(crate) async fn keep_current(self: Arc<Self>, stop: CancellationToken) {
        let read = || (std::fs::read(&self.certificate).ok(), std::fs::read(&self.key).ok());
        let mut seen = read();
        while tokio::time::timeout(INTERVAL, stop.cancelled()).await.is_err() {
            let now = read();
            if now == seen {
                continue;
            }
            seen = now;
            match acceptor_of(&self.certificate, &self.key) {
                Ok(acceptor) => {
                    *self.current.write().unwrap_or_else(PoisonError::into_inner) = acceptor;
                    tracing::info!("the renewed certificate is in use");
                }
                // Both files are not renewed in one moment: the next look may find them right.
                Err(error) => {
                    seen = (None, None);
                    tracing::error!(error = format!("{error:#}"), "the certificate stays as it was");
                }
            }
        }
    }
}

fn acceptor_of(certificate: &Path, key: &Path) -> anyhow::Result<TlsAcceptor> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .with_context(|| format!("TLS_CERTIFICATE_FILE: can't use {}", certificate.display()))?;
    let secret = PrivateKeyDer::from_pem_file(key)
        .with_context(|| format!("TLS_KEY_FILE: can't use {}", key.display()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(DEFAULT_VERSIONS)?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .context("TLS_CERTIFICATE_FILE: does not go with TLS_KEY_FILE")?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
