//! Tags of AWS resources.

use deployment::Tags;

/// The tags of a response. `pair` returns a tag's key and value; a missing value becomes an empty one.
pub(crate) fn tags_from<'a, T: 'a>(
    tags: impl IntoIterator<Item = &'a T>,
    pair: impl Fn(&'a T) -> (Option<&'a str>, Option<&'a str>),
) -> Tags {
    tags.into_iter()
        .filter_map(|tag| match pair(tag) {
            (Some(key), value) => Some((key.to_owned(), value.unwrap_or_default().to_owned())),
            _ => None,
        })
        .collect()
}
