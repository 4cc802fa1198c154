//! Every scope of the platform as data: whose API it opens, who may hold it, and which role that takes
//! (FLOWS §1). identity's list of scopes is rendered from here, and the authorization of every route
//! names one of these. What a scope allows in detail is the business of the service it belongs to.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Name;

/// Who a token with the scope stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// A person who has signed in.
    User,
    /// A component that acts for itself, with a client-credentials token.
    Service,
    /// Either of them.
    Any,
}

/// A role of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // the names say it
pub enum Role {
    Student,
    Instructor,
    Admin,
}

impl Role {
    /// The role as tokens and files write it: lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Student => "student",
            Self::Instructor => "instructor",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Its name, as tokens carry it.
    pub name: &'static str,
    /// The component whose API it opens.
    pub audience: Name,
    /// Who a token with it stands for.
    pub subject: Subject,
    /// The role that the user must have, checked whenever a token is issued or exchanged.
    pub role: Option<Role>,
    /// Whether clients that are not of the platform itself may be given it, by consent.
    pub third_party: bool,
}

/// A scope of users, for first-party clients only.
const fn user(name: &'static str, audience: Name) -> Scope {
    Scope { name, audience, subject: Subject::User, role: None, third_party: false }
}

/// A system scope: what one component may do at another.
const fn system(name: &'static str, audience: Name) -> Scope {
    Scope { name, audience, subject: Subject::Service, role: None, third_party: false }
}

impl Scope {
    const fn third_party(mut self) -> Self {
        self.third_party = true;
        self
    }

    const fn without_a_user_too(mut self) -> Self {
        self.subject = Subject::Any;
        self
    }

    const fn role(mut self, role: Role) -> Self {
        self.role = Some(role);
        self
    }
}

static SCOPES: [Scope; 28] = [
    user("openid", Name::Identity).third_party(),
    user("profile", Name::Identity).third_party(),
    user("email", Name::Identity).third_party(),
    user("roles", Name::Identity).third_party(),
    user("offline_access", Name::Identity).third_party(),
    user("account.manage", Name::Identity),
    user("catalog.read", Name::Catalog).without_a_user_too().third_party(),
    user("catalog.learn", Name::Catalog).third_party(),
    // Without a user: web's visitors, who prove that a basket is theirs by its secret name.
    user("basket.use", Name::Basket).without_a_user_too(),
    user("discount.preview", Name::Discount),
    user("order.buy", Name::Order),
    user("order.read", Name::Order).third_party(),
    user("payment.card", Name::Payment),
    user("catalog.teach", Name::Catalog).role(Role::Instructor),
    user("photo.write", Name::Photostock).role(Role::Instructor),
    user("discount.manage", Name::Discount).role(Role::Instructor),
    user("order.sales", Name::Order).role(Role::Instructor),
    user("catalog.admin", Name::Catalog).role(Role::Admin),
    user("discount.admin", Name::Discount).role(Role::Admin),
    user("order.admin", Name::Order).role(Role::Admin),
    user("identity.admin", Name::Identity).role(Role::Admin),
    system("basket.sys.read", Name::Basket),
    system("payment.sys.charge", Name::Payment),
    system("discount.sys.hold", Name::Discount),
    system("discount.sys.quote", Name::Discount),
    system("order.sys.status", Name::Order),
    system("catalog.sys.quote", Name::Catalog),
    system("catalog.sys.photos", Name::Catalog),
];

/// Every scope, those of users first.
#[must_use]
pub fn scopes() -> &'static [Scope] {
    &SCOPES
}

/// The scope of that name.
#[must_use]
pub fn scope(name: &str) -> Option<&'static Scope> {
    SCOPES.iter().find(|scope| scope.name == name)
}
