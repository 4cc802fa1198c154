//! Accounts, OAuth clients and the mail server. What a client may be is decided where identity decides
//! it too, in the crate of components; here its answer is given the field's name in the resource.

use courseplatform_api::{ClientGrant, ClientSpec, ClientType as Kind, CoursePlatformSpec, SignUp, SmtpTls};
use platform_components::{Client, ClientType, ClientsError, Grant, secret_sha256};

use super::platform::Smtp;
use super::{Faults, Identity};
use crate::dereference::Dereferenced;

pub(super) fn validate(spec: &CoursePlatformSpec, found: &Dereferenced, faults: &mut Faults) -> Identity {
    let given = spec.identity.clone().unwrap_or_default();
    let admin = given.first_admin.unwrap_or_default();
    if let Some(secret) = &admin.password_secret_ref {
        has_keys(found, "spec.identity.firstAdmin.passwordSecretRef", secret, &["password"], faults);
    }
    let mut clients: Vec<Client> = Vec::new();
    for given in &given.clients {
        let client = client(given);
        if clients.iter().any(|other| other.id == client.id) {
            faults.spec(format!("spec.identity.clients[{}].id", client.id), "stands twice");
        }
        check(&client, faults);
        clients.push(client);
    }
    Identity {
        sign_up: given.sign_up.unwrap_or_default() == SignUp::Open,
        password_grant: given.password_grant.unwrap_or_default(),
        admin_email: admin.email.unwrap_or_else(|| admin_of(&spec.host)),
        admin_password_secret: admin.password_secret_ref,
        clients,
    }
}

/// The first administrator's address where none is named. Identity takes none at a number, nor at a name of one
/// part but localhost, nor a longer one than mail servers do.
fn admin_of(host: &str) -> String {
    let is_number = host.parse::<std::net::Ipv4Addr>().is_ok();
    let address = format!("admin@{host}");
    if is_number || !host.contains('.') || address.len() > 254 {
        "admin@localhost".to_owned()
    } else {
        address
    }
}

/// A client without its secret, whose hash *build* adds.
fn client(given: &ClientSpec) -> Client {
    Client {
        id: given.id.clone(),
        name: given.name.clone(),
        kind: match given.kind {
            Kind::Public => ClientType::Public,
            Kind::Confidential => ClientType::Confidential,
        },
        secret_sha256: Vec::new(),
        // Members of text alone: there is always such a value.
        jwks: given.jwks.as_ref().and_then(|keys| serde_json::to_value(keys).ok()),
        grants: given
            .grants
            .iter()
            .map(|grant| match grant {
                ClientGrant::AuthorizationCode => Grant::AuthorizationCode,
                ClientGrant::RefreshToken => Grant::RefreshToken,
                ClientGrant::ClientCredentials => Grant::ClientCredentials,
                ClientGrant::Password => Grant::Password,
            })
            .collect(),
        redirect_uris: given.redirect_uris.clone(),
        post_logout_redirect_uris: given.post_logout_redirect_uris.clone(),
        scopes: given.scopes.clone(),
        first_party: given.first_party.unwrap_or_default(),
    }
}

fn check(client: &Client, faults: &mut Faults) {
    let path = |field: &str| format!("spec.identity.clients[{}].{field}", client.id);
    // Labels and names of Secrets are made of it.
    if client.id.ends_with('-') {
        faults.spec(path("id"), "must not end with a hyphen");
    }
    let mut whole = client.clone();
    if whole.kind == ClientType::Confidential && whole.jwks.is_none() {
        // It will have one; which is of no matter here.
        whole.secret_sha256 = vec![secret_sha256("")];
    }
    match whole.check_extra() {
        Ok(()) => {}
        Err(ClientsError::Client { field, reason, .. }) => faults.spec(path(field), reason),
        Err(other) => faults.spec("spec.identity.clients", other.to_string()),
    }
}

/// What a Secret of a mail server holds: an account, certificates to check the server's own with, or both.
const ACCOUNT_KEYS: [&str; 2] = ["username", "password"];
const CA_KEY: &str = "ca.crt";

pub(super) fn mail(spec: &CoursePlatformSpec, found: &Dereferenced, faults: &mut Faults) -> Option<Smtp> {
    let given = spec.mail.as_ref()?.smtp.clone()?;
    let tls = given.tls.unwrap_or_default();
    let has = |key: &str| {
        let named = given.secret_ref.as_ref().and_then(|secret| found.secrets.get(secret)?.as_ref());
        named.is_some_and(|facts| facts.keys.contains(key))
    };
    let authorities = given.secret_ref.clone().filter(|_| has(CA_KEY));
    // A server that asks for no password may have a certificate of its own all the same.
    let only_authorities = authorities.is_some() && ACCOUNT_KEYS.iter().all(|key| !has(key));
    let account = given.secret_ref.clone().filter(|_| !only_authorities);
    if let Some(secret) = &account {
        has_keys(found, "spec.mail.smtp.secretRef", secret, &ACCOUNT_KEYS, faults);
    }
    if given.secret_ref.is_some() && tls == SmtpTls::None {
        faults.spec("spec.mail.smtp.tls", "None would send the password in the clear");
    }
    let usual = match tls {
        SmtpTls::StartTLS => 587,
        SmtpTls::Tls => 465,
        SmtpTls::None => 25,
    };
    Some(Smtp {
        host: given.host,
        port: given.port.and_then(|port| u16::try_from(port).ok()).unwrap_or(usual),
        tls,
        from: given.from,
        account,
        authorities,
    })
}

/// Whether a Secret that the spec names is there and has these keys.
fn has_keys(found: &Dereferenced, field: &str, secret: &str, keys: &[&str], faults: &mut Faults) {
    match found.secrets.get(secret) {
        None | Some(None) => {
            faults.reference(field, format!("there is no Secret {secret} in this namespace"));
        }
        Some(Some(facts)) => {
            for key in keys.iter().filter(|key| !facts.keys.contains(**key)) {
                faults.reference(field, format!("the Secret {secret} has no key {key}"));
            }
        }
    }
}
