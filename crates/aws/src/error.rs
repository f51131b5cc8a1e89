use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// What an AWS request can fail with.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A request that AWS refused, or that did not reach it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation}: {message}{}", request_id.as_deref().map(|id| format!(" (request {id})")).unwrap_or_default())]
pub struct Error {
    operation: &'static str,
    code: Option<String>,
    message: String,
    request_id: Option<String>,
}

impl Error {
    /// A failure that is not AWS's answer: an answer without the field that it must have, a wait that ran out.
    pub fn other(operation: &'static str, message: impl Into<String>) -> Self {
        Self {
            operation,
            code: None,
            message: message.into(),
            request_id: None,
        }
    }

    /// The same, said of somebody: of the instances that a request was about.
    #[must_use]
    pub(crate) fn about(self, whom: &str) -> Self {
        Self {
            message: format!("{whom}: {}", self.message),
            ..self
        }
    }

    /// What was asked, as service and operation: `lambda CreateFunction`.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// AWS's error code, such as `ResourceNotFoundException`; none when no answer came.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// AWS's own message; with its code in front, or what kept the request from being answered.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// AWS's id of the request, for a support case.
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// Whether AWS answered with one of these codes.
    pub fn is(&self, codes: &[&str]) -> bool {
        self.code().is_some_and(|code| codes.contains(&code))
    }
}

/// Turns the SDK's result into ours, naming what was asked.
pub(crate) trait Context<T> {
    /// The answer, or an error that names `operation` (`lambda CreateFunction`).
    fn context(self, operation: &'static str) -> Result<T>;
}

impl<T, E, R> Context<T> for std::result::Result<T, SdkError<E, R>>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    fn context(self, operation: &'static str) -> Result<T> {
        self.map_err(|error| {
            let metadata = ProvideErrorMetadata::meta(&error);
            let code = metadata.code().map(str::to_owned);
            let message = match (metadata.code(), metadata.message()) {
                (Some(code), Some(message)) => format!("{code}: {message}"),
                (Some(code), None) => code.to_owned(),
                (None, Some(message)) => message.to_owned(),
                (None, None) => unanswered(&error),
            };
            let request_id = metadata.extra("aws_request_id").map(str::to_owned);
            Error {
                operation,
                code,
                message,
                request_id,
            }
        })
    }
}

/// Why no answer came: the causes in one line, without the SDK's own debug output.
fn unanswered(error: &(dyn std::error::Error + 'static)) -> String {
    let mut causes = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if !causes.contains(&text) {
            causes.push(text);
        }
        next = error.source();
    }
    if causes.is_empty() {
        DisplayErrorContext(error).to_string()
    } else {
        causes.join(": ")
    }
}

/// The answer if there is one, `None` if AWS says by one of `codes` that the thing does not exist.
pub(crate) fn ignore_not_found<T>(answer: Result<T>, codes: &[&str]) -> Result<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is(codes) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A field that AWS always sends, or an error that says it did not.
pub(crate) fn required_field<T>(value: Option<T>, operation: &'static str, name: &str) -> Result<T> {
    value.ok_or_else(|| Error::other(operation, format!("the answer has no {name}")))
}
