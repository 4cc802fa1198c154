//! The clients that every platform has: its own components. They follow from the table: whoever calls
//! others with system scopes gets tokens for exactly these, the gateway exchanges, web signs people in.

use super::{Client, ClientType, Grant};
use crate::scopes::{Subject, scopes};
use crate::{Component, Name, components};

/// The components that are confidential clients, in the order of the table; a client's id is its
/// component's name.
pub fn confidential_clients() -> impl Iterator<Item = Name> {
    components().iter().filter(|component| component.is_client()).map(|component| component.name)
}

/// The platform's own clients, when `secrets` gives the hashes of a client's valid secrets.
pub fn built_in_clients(public_url: &str, secrets: impl Fn(&str) -> Vec<String>) -> Vec<Client> {
    components()
        .iter()
        .filter(|component| component.is_client())
        .map(|component| {
            let id = component.name.as_str();
            let mut client = Client {
                id: id.to_owned(),
                name: None,
                kind: ClientType::Confidential,
                secret_sha256: secrets(id),
                jwks: None,
                grants: Vec::new(),
                redirect_uris: Vec::new(),
                post_logout_redirect_uris: Vec::new(),
                scopes: Vec::new(),
                first_party: true,
            };
            match component.name {
                Name::Gateway => client.grants.push(Grant::TokenExchange),
                Name::Web => sign_in(&mut client, public_url),
                _ => call(&mut client, component),
            }
            client
        })
        .collect()
}

/// A component that calls others: tokens of its own, for what the table says and nothing else.
fn call(client: &mut Client, component: &Component) {
    client.grants.push(Grant::ClientCredentials);
    client.scopes = component.system_scopes().map(str::to_owned).collect();
}

/// The shop: everything that a user may do, and the visitor's token.
fn sign_in(client: &mut Client, public_url: &str) {
    client.name = Some("Course shop".to_owned());
    client.grants = vec![Grant::AuthorizationCode, Grant::RefreshToken, Grant::ClientCredentials];
    client.redirect_uris = vec![format!("{public_url}/auth/callback")];
    client.post_logout_redirect_uris = vec![format!("{public_url}/")];
    client.scopes = scopes()
        .iter()
        .filter(|scope| scope.subject != Subject::Service)
        .map(|scope| scope.name.to_owned())
        .collect();
}
