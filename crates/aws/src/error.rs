use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// The result of an AWS operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an AWS operation failed. Every variant names the operation as service and action: `lambda CreateFunction`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// AWS rejected the request, or a part of it.
    #[error("{operation}: {message}{}", request_id.as_deref().map(|id| format!(" (request {id})")).unwrap_or_default())]
    Service {
        operation: &'static str,
        /// AWS's error code, such as `ResourceNotFoundException`; `None` if the response has none.
        code: Option<String>,
        /// The error code followed by AWS's own message.
        message: String,
        /// AWS's id of the request, for a support case.
        request_id: Option<String>,
    },

    /// No readable response arrived: no credentials, no connection, a timeout. The request may have taken effect.
    #[error("{operation}: {cause}")]
    NoResponse { operation: &'static str, cause: String },

    /// The response lacks a field that AWS documents as always present.
    #[error("{operation}: the response has no {field}")]
    MissingField { operation: &'static str, field: String },

    /// The resource is still being created, changed or deleted. A wait continues only after this error.
    #[error("{operation}: {what}")]
    NotReady { operation: &'static str, what: String },

    /// AWS deletes something later that must be gone first: a later destroy completes the deletion.
    #[error("{what}")]
    Postponed { operation: &'static str, what: String },

    /// The resource exists in a state that wekactl cannot use, or does not exist although it must.
    #[error("{operation}: {message}")]
    InvalidState {
        operation: &'static str,
        message: String,
    },

    /// wekactl itself is at fault: it built an invalid request.
    #[error("{operation}: {message}")]
    Bug {
        operation: &'static str,
        message: String,
    },
}

impl Error {
    pub(crate) fn no_response(operation: &'static str, cause: impl Into<String>) -> Self {
        Self::NoResponse {
            operation,
            cause: cause.into(),
        }
    }

    pub(crate) fn missing_field(operation: &'static str, field: impl Into<String>) -> Self {
        Self::MissingField {
            operation,
            field: field.into(),
        }
    }

    pub(crate) fn not_ready(operation: &'static str, what: impl Into<String>) -> Self {
        Self::NotReady {
            operation,
            what: what.into(),
        }
    }

    pub(crate) fn invalid_state(operation: &'static str, message: impl Into<String>) -> Self {
        Self::InvalidState {
            operation,
            message: message.into(),
        }
    }

    pub(crate) fn bug(operation: &'static str, message: impl Into<String>) -> Self {
        Self::Bug {
            operation,
            message: message.into(),
        }
    }

    /// Names what the request concerns in front of the message: the instances of a batch, or a table with a hint.
    #[must_use]
    pub(crate) fn with_subject(mut self, subject: &str) -> Self {
        match &mut self {
            Self::Service { message: text, .. }
            | Self::NoResponse { cause: text, .. }
            | Self::NotReady { what: text, .. }
            | Self::Postponed { what: text, .. }
            | Self::InvalidState { message: text, .. }
            | Self::Bug { message: text, .. } => *text = format!("{subject}: {text}"),
            Self::MissingField { field, .. } => *field = format!("{field} ({subject})"),
        }
        self
    }

    /// The operation as service and action: `lambda CreateFunction`.
    pub fn operation(&self) -> &'static str {
        match self {
            Self::Service { operation, .. }
            | Self::NoResponse { operation, .. }
            | Self::MissingField { operation, .. }
            | Self::NotReady { operation, .. }
            | Self::Postponed { operation, .. }
            | Self::InvalidState { operation, .. }
            | Self::Bug { operation, .. } => operation,
        }
    }

    /// AWS's error code; `None` for every error that AWS did not report.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Service { code, .. } => code.as_deref(),
            _ => None,
        }
    }

    /// The error without the operation and the request id.
    pub fn message(&self) -> &str {
        match self {
            Self::Service { message: text, .. }
            | Self::NoResponse { cause: text, .. }
            | Self::MissingField { field: text, .. }
            | Self::NotReady { what: text, .. }
            | Self::Postponed { what: text, .. }
            | Self::InvalidState { message: text, .. }
            | Self::Bug { message: text, .. } => text,
        }
    }

    /// Whether AWS reported one of these error codes.
    pub fn is(&self, codes: &[&str]) -> bool {
        self.code().is_some_and(|code| codes.contains(&code))
    }
}

/// Converts an SDK result and names the operation.
pub(crate) trait Context<T> {
    fn context(self, operation: &'static str) -> Result<T>;
}

impl<T, E, R> Context<T> for std::result::Result<T, SdkError<E, R>>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    fn context(self, operation: &'static str) -> Result<T> {
        self.map_err(|error| {
            let SdkError::ServiceError(service_error) = &error else {
                return Error::no_response(operation, causes(&error));
            };
            let metadata = service_error.err().meta();
            let message = match (metadata.code(), metadata.message()) {
                (Some(code), Some(message)) => format!("{code}: {message}"),
                (Some(code), None) => code.to_owned(),
                (None, Some(message)) => message.to_owned(),
                (None, None) => causes(&error),
            };
            Error::Service {
                operation,
                code: metadata.code().map(str::to_owned),
                message,
                request_id: metadata.extra("aws_request_id").map(str::to_owned),
            }
        })
    }
}

/// The chain of causes in one line, without the SDK's own debug output.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut causes = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if !causes.contains(&text) {
            causes.push(text);
        }
        next = error.source();
    }
    causes.join(": ")
}

/// A field that AWS documents as always present.
///
/// # Errors
/// [`Error::MissingField`] if it is absent.
pub(crate) fn required_field<T>(value: Option<T>, operation: &'static str, name: &str) -> Result<T> {
    value.ok_or_else(|| Error::missing_field(operation, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_codes::ignore_not_found;
    use crate::test_support::{config, json_response, replay, unreachable};
    use serde_json::json;

    async fn failure(config: &aws_config::SdkConfig) -> Error {
        let request = aws_sdk_dynamodb::Client::new(config)
            .delete_table()
            .table_name("t");
        let response = request.send().await;
        response.context("dynamodb DeleteTable").unwrap_err()
    }

    #[tokio::test]
    async fn service_error_has_code_and_message_but_network_failure_has_no_code() {
        let body = json!({ "__type": "ResourceInUseException", "message": "The table is in use" });
        let error = failure(&config(replay([json_response(400, &body)]))).await;
        assert!(matches!(error, Error::Service { .. }), "{error:?}");
        assert_eq!(error.code(), Some("ResourceInUseException"));
        assert_eq!(
            error.to_string(),
            "dynamodb DeleteTable: ResourceInUseException: The table is in use"
        );

        let error = failure(&config(unreachable())).await;
        assert!(matches!(error, Error::NoResponse { .. }), "{error:?}");
        assert_eq!(error.code(), None);
        assert!(error.to_string().contains("connection refused"), "{error}");
    }

    #[tokio::test]
    async fn unreadable_server_error_is_neither_not_found_nor_not_ready() {
        let error = failure(&config(replay([json_response(503, &json!("<html>"))]))).await;
        assert_eq!(error.code(), None);
        assert!(!matches!(error, Error::NotReady { .. }), "{error:?}");
        assert_eq!(ignore_not_found::<()>(Err(error.clone())), Err(error));
    }

    #[test]
    fn missing_field_names_operation_and_field() {
        let error = required_field(None::<()>, "iam CreateRole", "role").unwrap_err();
        assert_eq!(error.to_string(), "iam CreateRole: the response has no role");
    }

    #[test]
    fn subject_precedes_the_message_and_the_code_stays() {
        let error = Error::Service {
            operation: "ec2 TerminateInstances",
            code: Some("OperationNotPermitted".to_owned()),
            message: "OperationNotPermitted: protected".to_owned(),
            request_id: Some("r-1".to_owned()),
        };
        let error = error.with_subject("i-1");
        assert_eq!(
            error.to_string(),
            "ec2 TerminateInstances: i-1: OperationNotPermitted: protected (request r-1)"
        );
        assert!(error.is(&["OperationNotPermitted"]));
    }
}
