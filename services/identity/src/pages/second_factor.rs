//! What pages show of a second factor: the secret for an authenticator, with its picture, and recovery codes. Both are
//! shown once, in the answer to a form, and are nobody's to keep.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use platform_http::problem::Chain;
use qrcode::{Color, EcLevel, QrCode};

use super::Visit;
use super::form::{Field, FormView};
use super::layout::{Layout, page};
use crate::accounts::{Account, Unacceptable};
use crate::second_factor::{RecoveryCode, Secret, grouped};

/// Modules around the picture (ISO/IEC 18004 demands four).
const QUIET: usize = 4;

#[derive(Template)]
#[template(path = "set_up.html")]
struct SetUpPage {
    layout: Layout,
    secret: Option<SecretView>,
    form: FormView,
    /// Where to begin anew.
    begin: String,
}

struct SecretView {
    /// An SVG; nothing when it can't be drawn.
    picture: Option<String>,
    key: String,
    uri: String,
}

#[derive(Template)]
#[template(path = "recovery_codes.html")]
struct CodesPage {
    layout: Layout,
    codes: Vec<String>,
    on: (String, String),
}

/// Where a set-up takes place.
pub(super) struct Place<'a> {
    /// Its page, where one begins.
    pub(super) begin: String,
    /// Where the first code is sent to.
    pub(super) confirm: String,
    /// The origin to which it may lead in the end.
    pub(super) leads_to: Option<&'a str>,
    /// Whether somebody is signed in there.
    pub(super) signed_in: bool,
}

impl Place<'_> {
    fn layout(&self, visit: &Visit) -> Layout {
        let mut layout = Layout::new(visit);
        layout.back.clone_from(&self.begin);
        if self.signed_in { layout.signed_in() } else { layout }
    }
}

/// The page that shows a new secret and asks for the first code.
pub(super) fn secret(visit: &Visit, place: &Place<'_>, account: &Account, secret: &Secret) -> Response {
    let uri = secret.uri(&account.email);
    let layout = place.layout(visit);
    let picture = match picture(&uri, &layout.text("set-up-picture")) {
        Ok(picture) => Some(picture),
        Err(error) => {
            tracing::warn!(error = %Chain(&error), "can't draw a QR code");
            None
        }
    };
    let view = SecretView { picture, key: grouped(&secret.base32(), " "), uri };
    answer(visit, place, layout, Some(view), None)
}

/// The same after a code that was not right. The secret is not shown once more: whoever sees this page may be somebody
/// else than who began.
pub(super) fn secret_again(visit: &Visit, place: &Place<'_>, wrong: Unacceptable) -> Response {
    answer(visit, place, place.layout(visit), None, Some(wrong))
}

fn answer(
    visit: &Visit,
    place: &Place<'_>,
    layout: Layout,
    secret: Option<SecretView>,
    wrong: Option<Unacceptable>,
) -> Response {
    let field = code_field(&layout).digits().wrong(&layout, &wrong.map_or(Ok(()), Err));
    let form = FormView::new(place.confirm.clone(), layout.text("set-up-button"), vec![field]);
    let status = form.status();
    page(visit, status, &SetUpPage { layout, secret, form, begin: place.begin.clone() }, place.leads_to)
}

/// The field of a code. What fills in forms knows it, and keeps none.
pub(super) fn code_field(layout: &Layout) -> Field {
    Field::new(layout, "code", "text", "one-time-code")
}

/// The page that shows new recovery codes, and leads `on` then.
pub(super) fn codes(visit: &Visit, codes: &[RecoveryCode], on: &str) -> Response {
    let mut layout = Layout::new(visit).signed_in();
    "/identity/account/second-factor".clone_into(&mut layout.back);
    let on = (on.to_owned(), layout.text("recovery-codes-button"));
    let codes = codes.iter().map(RecoveryCode::shown).collect();
    page(visit, StatusCode::OK, &CodesPage { layout, codes, on }, None)
}

/// A QR code as SVG, black on white whatever the page's colours are.
fn picture(text: &str, label: &str) -> Result<String, qrcode::types::QrError> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M)?;
    let width = code.width();
    let mut path = String::new();
    for (place, _) in code.to_colors().iter().enumerate().filter(|(_, color)| **color == Color::Dark) {
        let (x, y) = (place % width + QUIET, place / width + QUIET);
        path.push_str(&format!("M{x} {y}h1v1h-1z"));
    }
    let side = width + 2 * QUIET;
    let label = askama::filters::escape(label, askama::filters::Html)
        .map_or_else(|_| String::new(), |it| it.to_string());
    Ok(format!(
        "<svg class=\"qr\" role=\"img\" aria-label=\"{label}\" viewBox=\"0 0 {side} {side}\" \
         shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h{side}v{side}h-{side}z\"/>\
         <path fill=\"#000\" d=\"{path}\"/></svg>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_drawn_for_the_longest_address() {
        let uri = format!("otpauth://totp/Course%20Platform:{}?secret=x", "%C3%B6".repeat(254));
        for text in ["", &uri] {
            let picture = picture(text, "a \"label\"").unwrap();
            assert!(
                picture.starts_with("<svg class=\"qr\" role=\"img\" aria-label=\"a &#34;label&#34;\""),
                "{picture}"
            );
            assert!(!picture.contains("style") && picture.ends_with("</svg>"), "{picture}");
        }
        // The finder in the upper left corner: seven dark modules, behind four light ones.
        let picture = picture("x", "").unwrap();
        let dark = |x: usize, y: usize| picture.contains(&format!("M{x} {y}h"));
        assert!((4..11).all(|x| dark(x, 4)) && !dark(11, 4) && !dark(5, 5) && !dark(3, 4) && !dark(4, 3));
    }
}
