//! The room's doc comment comes with its code.
