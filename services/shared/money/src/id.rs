//! Typed identifiers: a course's id can't be passed where a buyer's is wanted.

/// Declares a newtype over [`uuid::Uuid`] with version 7 generation, text and JSON forms.
///
/// ```
/// platform_money::define_id!(
///     /// Identifies a course.
///     CourseId
/// );
/// let id = CourseId::generate();
/// assert_eq!(id.to_string().parse::<CourseId>().unwrap(), id);
/// ```
#[macro_export]
macro_rules! define_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $crate::Uuid);

        impl $name {
            /// A new identifier (UUID version 7: index-friendly, never a sort key for a user).
            #[must_use]
            pub fn generate() -> Self {
                Self($crate::Uuid::now_v7())
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(&self.0, f)
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = <$crate::Uuid as ::std::str::FromStr>::Err;

            fn from_str(text: &str) -> ::std::result::Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}
