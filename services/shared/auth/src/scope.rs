//! The scopes that routes demand, as types: a route's argument says what it needs. Which clients and users may
//! have them is the table's business (`operator/components`).

/// A scope as a type.
pub trait Scope: Send + Sync + 'static {
    /// Its name in a token.
    const NAME: &'static str;
}

macro_rules! scopes {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl Scope for $name {
            const NAME: &'static str = $text;
        }
    )*};
}

scopes! {
    /// Look up who the user is.
    OpenId = "openid";
    /// Change one's account.
    AccountManage = "account.manage";
    /// Run the platform's accounts.
    IdentityAdmin = "identity.admin";
    /// Arrange the shop's shelves.
    CatalogAdmin = "catalog.admin";
    /// Make and change one's courses.
    CatalogTeach = "catalog.teach";
    /// Ask what a course costs, for services.
    CatalogSysQuote = "catalog.sys.quote";
    /// Fill one's basket.
    BasketUse = "basket.use";
    /// Make coupons for one's courses.
    DiscountManage = "discount.manage";
    /// See what a code gives.
    DiscountPreview = "discount.preview";
    /// Place orders.
    OrderBuy = "order.buy";
    /// See one's orders.
    OrderRead = "order.read";
    /// Hand in a card, see one's payments.
    PaymentCard = "payment.card";
    /// Charge a buyer's card, for services.
    PaymentSysCharge = "payment.sys.charge";
    /// Hand in photos.
    PhotoWrite = "photo.write";
}
