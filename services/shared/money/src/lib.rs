//! Money in minor units and identifiers.
