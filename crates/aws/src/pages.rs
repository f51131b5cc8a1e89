//! Answers that come in pages.

use crate::error::{Context, Result};
use aws_smithy_async::future::pagination_stream::PaginationStream;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// What all pages hold, in their order.
///
/// # Errors
/// A page could not be had: what was not seen is not taken for absent. The error names `operation`.
pub(crate) async fn all<T, E, R>(
    pages: PaginationStream<std::result::Result<T, SdkError<E, R>>>,
    operation: &'static str,
) -> Result<Vec<T>>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    let found: std::result::Result<Vec<T>, _> = pages.collect().await;
    found.context(operation)
}
