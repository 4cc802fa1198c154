//! Prices and dates as people write them.

use platform_money::Money;
use time::Date;

use crate::language::Language;

const MONTHS_TR: [&str; 12] = [
    "Ocak", "Şubat", "Mart", "Nisan", "Mayıs", "Haziran", "Temmuz", "Ağustos", "Eylül", "Ekim", "Kasım",
    "Aralık",
];
const MONTHS_EN: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A price: ₺1.299,90 in Turkish, ₺1,299.90 in English.
pub(crate) fn price(money: Money, language: Language) -> String {
    let (thousands, decimal) = match language {
        Language::Turkish => ('.', ','),
        Language::English => (',', '.'),
    };
    let symbol = match money.currency.as_str() {
        "TRY" => "₺".to_owned(),
        "EUR" => "€".to_owned(),
        "USD" => "$".to_owned(),
        other => format!("{other} "),
    };
    let sign = if money.amount < 0 { "−" } else { "" };
    let (whole, part) = (money.amount.unsigned_abs() / 100, money.amount.unsigned_abs() % 100);
    let digits = whole.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(thousands);
        }
        grouped.push(digit);
    }
    format!("{sign}{symbol}{grouped}{decimal}{part:02}")
}

/// A date: 5 Mart 2025, 5 March 2025.
pub(crate) fn date(date: Date, language: Language) -> String {
    let months = match language {
        Language::Turkish => &MONTHS_TR,
        Language::English => &MONTHS_EN,
    };
    let month = months.get(usize::from(u8::from(date.month())) - 1).copied().unwrap_or_default();
    format!("{} {month} {}", date.day(), date.year())
}

#[cfg(test)]
mod tests {
    use super::*;
    use platform_money::Currency;

    #[test]
    fn prices_follow_the_language() {
        for (amount, turkish, english) in [
            (129_990, "₺1.299,90", "₺1,299.90"),
            (5, "₺0,05", "₺0.05"),
            (123_456_789, "₺1.234.567,89", "₺1,234,567.89"),
            (99_900, "₺999,00", "₺999.00"),
            (-150, "−₺1,50", "−₺1.50"),
        ] {
            let money = Money::new(amount, Currency::TRY);
            assert_eq!(price(money, Language::Turkish), turkish);
            assert_eq!(price(money, Language::English), english);
        }
        let francs = Money::new(100, "CHF".parse().unwrap());
        assert_eq!(price(francs, Language::English), "CHF 1.00");
    }

    #[test]
    fn dates_follow_the_language() {
        let day = time::macros::date!(2025 - 03 - 05);
        assert_eq!(date(day, Language::Turkish), "5 Mart 2025");
        assert_eq!(date(day, Language::English), "5 March 2025");
    }
}
