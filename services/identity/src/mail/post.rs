//! The way out: SMTP, or a folder.

use std::path::PathBuf;
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::{Category, Severity};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use platform_config::SecretFileError;
use uuid::Uuid;

use super::settings::{MailSettings, SmtpTls};

const TIMEOUT: Duration = Duration::from_secs(20);

/// Why a mail did not leave.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PostError {
    /// It can't be written as a mail.
    #[error("it can't be written as a mail")]
    Unwritable,
    #[error(transparent)]
    Secret(#[from] SecretFileError),
    /// The mail server refuses for good. What it said is left out: it repeats the address.
    #[error("the mail server refuses it for good")]
    Refused,
    /// The mail server does not let us in. Mails wait until somebody puts that right.
    #[error("the mail server refuses SMTP_USERNAME_FILE and SMTP_PASSWORD_FILE, or wants them ({0})")]
    NotLetIn(String),
    /// The mail server is away or busy.
    #[error("the mail server does not take it now: {0}")]
    Later(&'static str),
    #[error("can't write to MAIL_DIR: {0}")]
    Folder(#[from] std::io::Error),
}

impl PostError {
    /// Whether trying again is no use.
    pub(crate) fn is_permanent(&self) -> bool {
        matches!(self, Self::Unwritable | Self::Refused)
    }
}

/// Where mails go. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Post {
    settings: MailSettings,
    /// How we introduce ourselves to the server.
    hello: String,
}

impl Post {
    /// `host` is the platform's public one.
    pub(crate) fn new(settings: MailSettings, host: &str) -> Self {
        Self { settings, hello: host.to_owned() }
    }

    /// Whether mails reach people.
    pub(crate) fn reaches_people(&self) -> bool {
        self.settings.smtp_host.is_some()
    }

    /// Sends a mail of text.
    pub(crate) async fn send(&self, to: &str, subject: String, text: String) -> Result<(), PostError> {
        let to = Mailbox::new(None, to.parse().map_err(|_| PostError::Unwritable)?);
        let message = Message::builder()
            .from(self.settings.smtp_from.clone())
            .to(to)
            .subject(subject)
            .header(ContentType::TEXT_PLAIN)
            .body(text)
            .map_err(|_| PostError::Unwritable)?;
        match &self.settings.smtp_host {
            Some(host) => self.over_smtp(host, message).await,
            None => self.write_to_folder(message.formatted()).await,
        }
    }

    async fn over_smtp(&self, host: &str, message: Message) -> Result<(), PostError> {
        let parameters = || self.tls_parameters(host);
        let (tls, port) = match self.settings.smtp_tls {
            SmtpTls::Starttls => (Tls::Required(parameters()?), 587),
            SmtpTls::Tls => (Tls::Wrapper(parameters()?), 465),
            SmtpTls::None => (Tls::None, 587),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .tls(tls)
            .port(self.settings.smtp_port.unwrap_or(port))
            .timeout(Some(TIMEOUT))
            .hello_name(ClientId::Domain(self.hello.clone()));
        // Read for each mail, so that a rotated password needs no restart.
        if let (Some(user), Some(password)) =
            (&self.settings.smtp_username_file, &self.settings.smtp_password_file)
        {
            let credentials = Credentials::new(user.read()?.to_string(), password.read()?.to_string());
            builder = builder.credentials(credentials);
        }
        match builder.build::<Tokio1Executor>().send(message).await {
            Ok(_) => Ok(()),
            Err(error) => Err(classified(&error)),
        }
    }

    fn tls_parameters(&self, host: &str) -> Result<TlsParameters, PostError> {
        let unusable =
            |_| PostError::Later("SMTP_CA_FILE has no certificates, or the host's name can't be checked");
        let mut builder = TlsParameters::builder(host.to_owned());
        if let Some(file) = &self.settings.smtp_ca_file {
            builder = builder
                .add_root_certificate(Certificate::from_pem(file.read()?.as_bytes()).map_err(unusable)?);
        }
        builder.build().map_err(unusable)
    }

    /// Under another name first: whoever reads the folder sees whole mails only.
    async fn write_to_folder(&self, bytes: Vec<u8>) -> Result<(), PostError> {
        let folder: &PathBuf = &self.settings.mail_dir;
        tokio::fs::create_dir_all(folder).await?;
        let name = Uuid::now_v7();
        let unfinished = folder.join(format!(".{name}"));
        tokio::fs::write(&unfinished, bytes).await?;
        Ok(tokio::fs::rename(unfinished, folder.join(format!("{name}.eml"))).await?)
    }
}

/// What a failure means for the mail. What the server said is left out, but for its code: it repeats the address.
fn classified(error: &lettre::transport::smtp::Error) -> PostError {
    match error.status() {
        // 432, 530, 534, 535 and 538 (RFC 4954 §4 and §6) say something about us and nothing about the mail.
        Some(code) if code.category == Category::Unspecified3 => PostError::NotLetIn(code.to_string()),
        Some(code) if code.severity == Severity::PermanentNegativeCompletion => PostError::Refused,
        Some(_) => PostError::Later("it is busy"),
        None if error.is_timeout() => PostError::Later("no answer in time"),
        None if is_about_tls(error) => {
            PostError::Later("its certificate is not accepted (see SMTP_CA_FILE), or it speaks no TLS there")
        }
        None if error.is_client() => {
            PostError::Later("it offers neither what SMTP_TLS nor what signing in takes")
        }
        None => PostError::Later("it can't be reached or speaks another protocol"),
    }
}

/// Whether rustls broke the connection off: that comes as an error of input and output with invalid data.
fn is_about_tls(error: &lettre::transport::smtp::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if error
            .downcast_ref::<std::io::Error>()
            .is_some_and(|it| it.kind() == std::io::ErrorKind::InvalidData)
        {
            return true;
        }
        source = error.source();
    }
    error.is_tls()
}
