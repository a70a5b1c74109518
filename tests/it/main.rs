//! The one integration binary. Modules mirror the rooms; `house` holds the rules that the code itself must keep.

mod house;
