//! The rules of categories. No I/O.

use platform_money::define_id;

use crate::name::Name;
use crate::slug::slug;

define_id!(
    /// Identifies a category.
    CategoryId
);

/// A shelf of the shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Category {
    pub(crate) id: CategoryId,
    /// The readable part of its address. It stays when the category is renamed, so links go on working.
    pub(crate) slug: String,
    pub(crate) name: Name,
    pub(crate) rev: i64,
}

impl Category {
    /// A new category; its slug follows from its name.
    pub(crate) fn new(id: CategoryId, name: Name) -> Self {
        Self { id, slug: slug(name.as_str(), "category"), name, rev: 1 }
    }

    /// The category under another name.
    pub(crate) fn renamed(&self, name: Name) -> Self {
        Self { name, rev: self.rev + 1, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renamed_category_keeps_its_address() {
        let category = Category::new(CategoryId::generate(), "Yazılım".parse().unwrap());
        let renamed = category.renamed("Programlama".parse().unwrap());
        assert_eq!((renamed.slug.as_str(), renamed.rev), ("yazilim", 2));
        assert_eq!(renamed.name.as_str(), "Programlama");
    }
}
