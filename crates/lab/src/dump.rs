use crate::python::scripts;
use crate::{Error, Moto};
use serde_json::Value;

/// Returns all resources of the kinds that wekactl creates, by service: `apigateway`, `autoscaling`, `iam`, `lambda`, ...
/// The dump is sorted: two dumps of the same state are equal.
///
/// # Errors
/// [`Error::Script`].
pub fn dump(moto: &Moto) -> Result<Value, Error> {
    moto.run(&scripts().join("dump.py"), None::<&str>)
}
