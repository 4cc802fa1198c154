//! How mails leave.

use std::path::PathBuf;

use platform_config::SecretFile;

/// How the connection to the mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum SmtpTls {
    /// It begins in clear and must change to TLS (RFC 3207).
    Starttls,
    /// TLS from the first byte (RFC 8314).
    Tls,
    /// None: for a server on the same machine only.
    None,
}

/// Settings of mail.
#[derive(Clone, Debug, clap::Args)]
pub struct MailSettings {
    /// The mail server. Without one, mails are written into MAIL_DIR and reach nobody: then no address has to
    /// be verified, and signing up with a taken address is told at once.
    #[arg(long, env, value_parser = platform_config::non_empty)]
    pub smtp_host: Option<String>,

    /// Its port; 587, with SMTP_TLS=tls 465.
    #[arg(long, env, value_parser = clap::value_parser!(u16).range(1..))]
    pub smtp_port: Option<u16>,

    /// How the connection is protected.
    #[arg(long, env, default_value = "starttls")]
    pub smtp_tls: SmtpTls,

    /// The sender, such as "Courses <no-reply@courses.example.com>".
    #[arg(long, env, default_value = "Course Platform <no-reply@localhost.localdomain>", value_parser = mailbox)]
    pub smtp_from: lettre::message::Mailbox,

    /// File with the user's name at the mail server, when it wants one.
    #[arg(long, env, requires = "smtp_password_file")]
    pub smtp_username_file: Option<SecretFile>,

    /// File with the password that belongs to it.
    #[arg(long, env, requires = "smtp_username_file")]
    pub smtp_password_file: Option<SecretFile>,

    /// File with certificates, as PEM, that its own may be signed by, beside those that everybody trusts; read for
    /// each mail. For a mail server of the house.
    #[arg(long, env)]
    pub smtp_ca_file: Option<SecretFile>,

    /// Where mails are written without SMTP_HOST, one file each.
    #[arg(long, env, default_value = "/tmp/mail")]
    pub mail_dir: PathBuf,

    /// Minutes that a link to set a new password works.
    #[arg(long, env, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=1440))]
    pub reset_link_minutes: u32,

    /// Hours that a link to confirm an address works.
    #[arg(long, env, default_value_t = 48, value_parser = clap::value_parser!(u32).range(1..=720))]
    pub verify_link_hours: u32,
}

fn mailbox(text: &str) -> Result<lettre::message::Mailbox, String> {
    text.parse().map_err(|_| "must be an address, such as Courses <no-reply@courses.example.com>".to_owned())
}
