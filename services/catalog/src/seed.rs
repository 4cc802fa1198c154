//! Demo data: a shop with some shelves and courses. Ids are fixed, so that running it again changes nothing,
//! not even what somebody renamed since.

use ::mongodb::Database;
use anyhow::Context as _;
use platform_money::{Currency, Money};
use platform_service::StartError;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};
use uuid::{Uuid, uuid};

use crate::categories::{Category, CategoryId, CategoryStore};
use crate::courses::{Card, Course, CourseId, CourseStore, Language, Status};
use crate::idempotency::Creation;

/// The demo instructor, who owns every demo course.
const INSTRUCTOR: Uuid = uuid!("0d3e0000-0000-4000-8000-000000000001");
/// Demo ids follow from this and the text that names the thing.
const NAMESPACE: Uuid = uuid!("0d3e0000-0000-4000-8000-000000000000");
/// When the first demo course was made; the others follow, a day apart.
const BEGINNING: OffsetDateTime = datetime!(2026-01-05 09:00 UTC);

const CATEGORIES: [&str; 6] = ["Yazılım", "Veri Bilimi", "Tasarım", "İş Dünyası", "Diller", "Müzik"];

struct DemoCourse {
    name: &'static str,
    category: &'static str,
    language: Language,
    /// In minor units.
    price: i64,
    description: &'static str,
}

const fn course(
    name: &'static str,
    category: &'static str,
    language: Language,
    price: i64,
    description: &'static str,
) -> DemoCourse {
    DemoCourse { name, category, language, price, description }
}

/// From the oldest to the newest.
const COURSES: [DemoCourse; 12] = [
    course(
        "Rust'a Giriş",
        "Yazılım",
        Language::Tr,
        129_990,
        "Sahiplik, ödünç alma ve tür sistemiyle sıfırdan Rust. Her bölümün sonunda küçük bir program yazıyoruz.",
    ),
    course(
        "Microservices with Rust",
        "Yazılım",
        Language::En,
        179_990,
        "Nine small services, their stores and the messages between them: built, tested and run on Kubernetes.",
    ),
    course(
        "Kubernetes Operatörleri",
        "Yazılım",
        Language::Tr,
        159_990,
        "Kendi kaynak türünüzü tanımlayın ve onu ayakta tutan denetleyiciyi yazın.",
    ),
    course(
        "SQL: Sorgudan Plana",
        "Veri Bilimi",
        Language::Tr,
        89_990,
        "Bir sorgunun nasıl çalıştığını okuyun, indeksleri doğru yere koyun.",
    ),
    course(
        "Statistics Without Tears",
        "Veri Bilimi",
        Language::En,
        74_990,
        "Chance, samples and honest charts, with data that you already have.",
    ),
    course(
        "Arayüz Tasarımının Temelleri",
        "Tasarım",
        Language::Tr,
        64_990,
        "Boşluk, renk ve yazı: okunan ve kullanılan sayfalar için on iki kural.",
    ),
    course(
        "Accessible Web Pages",
        "Tasarım",
        Language::En,
        0,
        "Pages that everybody can use: keyboard, screen reader, contrast. Free.",
    ),
    course(
        "Girişimciler İçin Finans",
        "İş Dünyası",
        Language::Tr,
        99_990,
        "Nakit akışı, birim maliyet ve bir yatırımcının sorduğu sorular.",
    ),
    course(
        "Writing That Gets Read",
        "İş Dünyası",
        Language::En,
        54_990,
        "Say it first, say it short, and stop. For reports, letters and reviews.",
    ),
    course(
        "Günlük İngilizce",
        "Diller",
        Language::Tr,
        49_990,
        "Yolda, işte ve markette: on beş dakikalık kırk ders.",
    ),
    course(
        "Turkish for Travellers",
        "Diller",
        Language::En,
        39_990,
        "Two hundred sentences and the six vowels you do not have yet.",
    ),
    course(
        "Bağlamaya Başlangıç",
        "Müzik",
        Language::Tr,
        59_990,
        "Akort, tezene ve ilk on türkü. Nota bilmek gerekmez.",
    ),
];

/// Stores what is not there yet.
pub(crate) async fn store(database: &Database, currency: Currency) -> Result<(), StartError> {
    let (categories, courses) = (CategoryStore::new(database), CourseStore::new(database));
    for name in CATEGORIES {
        let category = Category::new(CategoryId(demo_id("category", name)), name.parse()?);
        let stored = categories.insert(&category, &creation(category.id.0)).await;
        stored.with_context(|| format!("category {name}"))?;
    }
    for (demo, day) in COURSES.iter().zip(0_i64..) {
        let created_at = BEGINNING + Duration::days(day);
        let card = Card {
            id: CourseId(demo_id("course", demo.name)),
            owner: INSTRUCTOR,
            name: demo.name.parse()?,
            language: demo.language,
            category_id: CategoryId(demo_id("category", demo.category)),
            price: Money::new(demo.price, currency),
            picture: None,
            status: Status::Published,
            created_at,
            rev: 1,
        };
        let course = Course { card, description: demo.description.to_owned(), updated_at: created_at };
        let stored = courses.insert(&course, &creation(course.card.id.0)).await;
        stored.with_context(|| format!("course {}", demo.name))?;
    }
    tracing::info!(categories = CATEGORIES.len(), courses = COURSES.len(), "demo data is there");
    Ok(())
}

fn demo_id(kind: &str, name: &str) -> Uuid {
    Uuid::new_v5(&NAMESPACE, format!("{kind} {name}").as_bytes())
}

/// Demo data has no request; every run has the same fingerprint.
fn creation(id: Uuid) -> Creation {
    Creation { id, fingerprint: "demo".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_demo_course_stands_in_a_demo_category_and_has_a_good_name_and_price() {
        for demo in &COURSES {
            assert!(CATEGORIES.contains(&demo.category), "{}", demo.name);
            assert!(demo.name.parse::<crate::name::Name>().is_ok());
            let price = Money::new(demo.price, Currency::TRY);
            assert!(crate::courses::check_price(price, Currency::TRY).is_ok());
        }
    }
}
