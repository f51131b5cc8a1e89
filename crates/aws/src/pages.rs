//! Paginated responses.

use crate::error::{Context, Result};
use aws_smithy_async::future::pagination_stream::PaginationStream;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// The items of all pages, in order.
///
/// # Errors
/// A page could not be read: an unread item must never be treated as absent. The error names `operation`.
pub(crate) async fn all<T, E, R>(
    pages: PaginationStream<std::result::Result<T, SdkError<E, R>>>,
    operation: &'static str,
) -> Result<Vec<T>>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    let items: std::result::Result<Vec<T>, _> = pages.collect().await;
    items.context(operation)
}
