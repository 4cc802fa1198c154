//! TLS at the gateway itself.

use std::sync::Arc;

use platform_testkit::eventually;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::support::{Running, WITHIN, counted, raw, replace, routes, start, telling};

/// A certificate that signs itself, and its key.
fn certificate() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

async fn connect(running: &Running, trusted: &str, protocol: &[u8]) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trusted.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let stream = TcpStream::connect(running.address()).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// A gateway that speaks TLS, the folder with `tls.crt` and `tls.key`, and the certificate.
pub(crate) async fn served() -> (Running, tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let (file, key_file) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    let (first, key) = certificate();
    std::fs::write(&file, &first).unwrap();
    std::fs::write(&key_file, key).unwrap();
    let settings =
        [("TLS_CERTIFICATE_FILE", file.to_str().unwrap()), ("TLS_KEY_FILE", key_file.to_str().unwrap())];
    (start(&routes(telling().await), &settings).await, folder, first)
}

#[tokio::test]
async fn both_protocols_are_offered_and_a_renewed_certificate_is_taken_into_use() {
    let (running, folder, first) = served().await;
    let (file, key_file) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));

    let mut stream = connect(&running, &first, b"http/1.1").await.unwrap();
    stream.write_all(b"GET /open HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let stream = connect(&running, &first, b"h2").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));

    let before = counted("gateway_handshakes_failed_total", &[]);
    raw(running.address(), "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    // The connection ends a moment before that is counted.
    eventually(WITHIN, || async { counted("gateway_handshakes_failed_total", &[]) > before }).await;

    let (second, key) = certificate();
    replace(&key_file, &key);
    replace(&file, &second);
    eventually(4 * WITHIN, || async { connect(&running, &second, b"h2").await.is_ok() }).await;
    assert!(connect(&running, &first, b"h2").await.is_err());
}
