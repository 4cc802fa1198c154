//! The address on an order.

/// The parts of an address as somebody typed them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressFields {
    /// Province (il), 1 to 60 characters.
    pub province: String,
    /// District (ilçe), 1 to 60 characters.
    pub district: String,
    /// Street, 1 to 120 characters.
    pub street: String,
    /// Zip code, 3 to 10 letters, digits, spaces and hyphens.
    pub zip_code: String,
    /// Building, floor, door; 1 to 200 characters.
    pub line: String,
}

/// An address: trimmed, complete, without control characters. A value object: equal when its parts are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(AddressFields);

/// A part of an address that is not acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field} {reason}")]
pub struct AddressError {
    /// Which part.
    pub field: &'static str,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Address {
    /// Makes an address out of what somebody typed.
    ///
    /// # Errors
    /// Every part that is not acceptable.
    pub fn new(fields: AddressFields) -> Result<Self, Vec<AddressError>> {
        let AddressFields { province, district, street, zip_code, line } = fields;
        let mut errors = Vec::new();
        let mut check = |field, text: String, reason, acceptable: &dyn Fn(&str) -> bool| {
            let text = text.trim().to_owned();
            if !acceptable(&text) {
                errors.push(AddressError { field, reason });
            }
            text
        };
        let fields = AddressFields {
            province: check("province", province, "must be 1 to 60 characters on one line", &is_text::<60>),
            district: check("district", district, "must be 1 to 60 characters on one line", &is_text::<60>),
            street: check("street", street, "must be 1 to 120 characters on one line", &is_text::<120>),
            zip_code: check("zip_code", zip_code, "must be 3 to 10 letters, digits or hyphens", &is_zip_code),
            line: check("line", line, "must be 1 to 200 characters on one line", &is_text::<200>),
        };
        if errors.is_empty() { Ok(Self(fields)) } else { Err(errors) }
    }

    /// The parts.
    #[must_use]
    pub fn fields(&self) -> &AddressFields {
        &self.0
    }
}

fn is_text<const LONGEST: usize>(text: &str) -> bool {
    (1..=LONGEST).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

fn is_zip_code(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'-');
    (3..=10).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed() -> AddressFields {
        AddressFields {
            province: " İzmir ".to_owned(),
            district: "Karşıyaka".to_owned(),
            street: "Cemal Gürsel Cd.".to_owned(),
            zip_code: "35600".to_owned(),
            line: "No 12, D 3".to_owned(),
        }
    }

    #[test]
    fn an_address_is_trimmed() {
        assert_eq!(Address::new(typed()).unwrap().fields().province, "İzmir");
    }

    #[test]
    fn every_part_that_is_wrong_is_named_at_once() {
        let wrong = AddressFields {
            province: "  ".to_owned(),
            zip_code: "35.600".to_owned(),
            line: "two\nlines".to_owned(),
            street: "x".repeat(121),
            ..typed()
        };
        let fields: Vec<_> = Address::new(wrong).unwrap_err().iter().map(|error| error.field).collect();
        assert_eq!(fields, ["province", "street", "zip_code", "line"]);
    }

    #[test]
    fn length_is_counted_in_characters_and_not_in_bytes() {
        assert!(Address::new(AddressFields { province: "ğ".repeat(60), ..typed() }).is_ok());
        assert!(Address::new(AddressFields { province: "ğ".repeat(61), ..typed() }).is_err());
    }
}
