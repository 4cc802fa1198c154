//! A mail server for tests: it keeps what it is given, over TLS when it is told to, and refuses what it is told to.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform_testkit::{TcpProxy, eventually, secret_file};
use tempfile::NamedTempFile;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::support::decoded;

pub(crate) const USER: &str = "courses";
pub(crate) const LOGIN: &str = "the server's own password";

/// How a server protects its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Clear,
    Starttls,
    Tls,
}

impl Line {
    fn setting(self) -> &'static str {
        match self {
            Self::Clear => "none",
            Self::Starttls => "starttls",
            Self::Tls => "tls",
        }
    }
}

/// A mail server, behind a network that may fail.
pub(crate) struct MailServer {
    pub(crate) network: TcpProxy,
    /// The certificate that its own is signed by: itself.
    pub(crate) certificate: NamedTempFile,
    /// What identity signs in there with.
    pub(crate) password: NamedTempFile,
    user: NamedTempFile,
    line: Line,
    port: String,
    taken: Arc<Mutex<Vec<String>>>,
}

/// What a connection needs.
#[derive(Clone)]
struct Desk {
    line: Line,
    acceptor: TlsAcceptor,
    taken: Arc<Mutex<Vec<String>>>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A certificate that signs itself, and its key, as PEM.
pub(crate) fn certificate() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

impl MailServer {
    /// One in clear that lets everybody in.
    pub(crate) async fn start() -> Self {
        Self::on(Line::Clear).await
    }

    /// One whose line is protected, and that wants [`USER`] and [`LOGIN`] then.
    pub(crate) async fn on(line: Line) -> Self {
        let (certificate, key) = certificate();
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap());
        let taken = Arc::new(Mutex::new(Vec::new()));
        let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
        let desk = Desk { line, acceptor, taken: Arc::clone(&taken) };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let network = TcpProxy::to(listener.local_addr().unwrap().to_string()).await;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, desk.clone()));
            }
        });
        let [certificate, user, password] = [certificate.as_str(), USER, LOGIN].map(secret_file);
        let port = network.address().port().to_string();
        Self { network, certificate, password, user, line, port, taken }
    }

    /// What identity is told about it.
    pub(crate) fn settings(&self) -> Vec<(&str, &str)> {
        fn path(file: &NamedTempFile) -> &str {
            file.path().to_str().unwrap()
        }
        let mut all =
            vec![("SMTP_HOST", "127.0.0.1"), ("SMTP_PORT", &*self.port), ("SMTP_TLS", self.line.setting())];
        if self.line != Line::Clear {
            all.push(("SMTP_CA_FILE", path(&self.certificate)));
            all.push(("SMTP_USERNAME_FILE", path(&self.user)));
            all.push(("SMTP_PASSWORD_FILE", path(&self.password)));
        }
        all
    }

    /// The mails, once there are this many.
    pub(crate) async fn mails(&self, count: usize) -> Vec<String> {
        eventually(Duration::from_secs(30), || async { self.count() >= count }).await;
        self.taken.lock().unwrap().iter().map(|mail| decoded(mail)).collect()
    }

    /// How many mails it has taken.
    pub(crate) fn count(&self) -> usize {
        self.taken.lock().unwrap().len()
    }
}

async fn serve(stream: TcpStream, desk: Desk) -> Option<()> {
    match desk.line {
        Line::Clear => talk(stream, &desk, false).await.map(drop),
        Line::Tls => talk(desk.acceptor.accept(stream).await.ok()?, &desk, true).await.map(drop),
        Line::Starttls => {
            let stream = talk(stream, &desk, false).await?;
            talk(desk.acceptor.accept(stream).await.ok()?, &desk, true).await.map(drop)
        }
    }
}

/// Just enough of RFC 5321, 3207 and 4954. Gives the stream back when TLS begins on it.
async fn talk<S: Stream>(stream: S, desk: &Desk, protected: bool) -> Option<S> {
    let mut stream = BufStream::new(stream);
    // After STARTTLS the client speaks first.
    if desk.line != Line::Starttls || !protected {
        stream.write_all(b"220 test\r\n").await.ok()?;
        stream.flush().await.ok()?;
    }
    let login = STANDARD.encode(format!("\0{USER}\0{LOGIN}"));
    let (mut mail, mut in_data, mut let_in) = (String::new(), false, desk.line == Line::Clear);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let answer = match line.trim_end() {
            "." if in_data => {
                desk.taken.lock().unwrap().push(std::mem::take(&mut mail));
                in_data = false;
                "250 taken"
            }
            _ if in_data => {
                mail.push_str(&line);
                continue;
            }
            "QUIT" => "221 bye",
            "RSET" | "NOOP" => "250 fine",
            hello if hello.starts_with("EHLO") && desk.line == Line::Starttls && !protected => {
                "250-test\r\n250 STARTTLS"
            }
            hello if hello.starts_with("EHLO") && desk.line != Line::Clear => "250-test\r\n250 AUTH PLAIN",
            "STARTTLS" if desk.line == Line::Starttls && !protected => {
                stream.write_all(b"220 go on\r\n").await.ok()?;
                stream.flush().await.ok()?;
                return Some(stream.into_inner());
            }
            _ if desk.line == Line::Starttls && !protected => "530 5.7.0 begin TLS first",
            auth if auth.starts_with("AUTH PLAIN ") => {
                let_in = auth.strip_prefix("AUTH PLAIN ") == Some(&login);
                if let_in { "235 welcome" } else { "535 5.7.8 who are you" }
            }
            "DATA" if let_in => {
                in_data = true;
                "354 go on"
            }
            hello if hello.starts_with("EHLO") => "250 fine",
            _ if !let_in => "530 5.7.0 who are you",
            to if to.starts_with("RCPT TO:<refused@") => "550 5.1.1 nobody is called that",
            _ => "250 fine",
        };
        stream.write_all(answer.as_bytes()).await.ok()?;
        stream.write_all(b"\r\n").await.ok()?;
        stream.flush().await.ok()?;
    }
}
