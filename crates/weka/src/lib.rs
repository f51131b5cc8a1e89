//! A client of the Weka management API.
