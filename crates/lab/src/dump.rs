//! What stands in the local AWS.

use crate::python::scripts;
use crate::{Error, Moto};
use serde_json::Value;

/// All that wekactl could have made, by kind: `apigateway`, `autoscaling`, `iam`, `lambda`, ... Sorted, so that two dumps of
/// one state are equal.
///
/// # Errors
/// [`Error::Script`].
pub fn dump(moto: &Moto) -> Result<Value, Error> {
    moto.run(&scripts().join("dump.py"), None::<&str>)
}
