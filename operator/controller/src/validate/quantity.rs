//! Kubernetes' quantities, as far as two of them have to be compared.

/// The value in base units; `None` when it is no quantity.
pub(super) fn parse(text: &str) -> Option<f64> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let factor = match suffix {
        "m" => 1e-3,
        "" => 1.0,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "Ki" => 1024f64,
        "Mi" => 1024f64.powi(2),
        "Gi" => 1024f64.powi(3),
        "Ti" => 1024f64.powi(4),
        _ => return None,
    };
    number.parse::<f64>().ok().map(|number| number * factor)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn quantities_are_compared_by_value() {
        assert!(parse("100m") < parse("1"));
        assert!(parse("1000Mi") < parse("1Gi"));
        assert_eq!(parse("0.5"), parse("500m"));
        assert_eq!(parse("lots"), None);
        assert_eq!(parse("1Q"), None);
    }
}
