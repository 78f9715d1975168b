//! Closed sets of reasons, one per kind. A reason is part of the API: tools match on it, the reference lists it.

use std::fmt;

/// A closed set of reasons; see [`reasons!`](crate::reasons).
pub trait Reason: Copy + fmt::Debug + Eq + 'static {
    /// Every reason with its meaning, for the reference.
    const ALL: &'static [(&'static str, &'static str)];

    /// As it stands in a condition: `CamelCase`.
    fn as_str(self) -> &'static str;
}

/// Declares a closed set of reasons; each variant's doc comment is its entry in the reference.
#[macro_export]
macro_rules! reasons {
    ($(#[$outer:meta])* $vis:vis enum $name:ident { $($(#[doc = $doc:literal])+ $variant:ident,)+ }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        $vis enum $name { $($(#[doc = $doc])+ $variant,)+ }

        impl $crate::reason::Reason for $name {
            const ALL: &'static [(&'static str, &'static str)] =
                &[$((stringify!($variant), concat!($($doc),+))),+];

            fn as_str(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant)),+ }
            }
        }
    };
}
