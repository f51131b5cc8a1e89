//! Random values for the pure crates.

use std::io;

/// `N` random bytes from the operating system.
///
/// # Errors
/// The operating system returned none.
pub(crate) fn bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes)
}

/// The items in random order, so that instances that start together do not all contact the same backend first.
///
/// # Errors
/// See [`bytes`].
pub(crate) fn shuffled<T>(items: Vec<T>) -> io::Result<Vec<T>> {
    let mut keyed = Vec::with_capacity(items.len());
    for item in items {
        keyed.push((u64::from_ne_bytes(bytes()?), item));
    }
    keyed.sort_by_key(|(key, _)| *key);
    Ok(keyed.into_iter().map(|(_, item)| item).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shuffle_keeps_all_items_and_changes_the_order() {
        let items: Vec<u32> = (0..64).collect();
        let mut result = shuffled(items.clone()).unwrap();
        assert_ne!(result, items, "fails by chance once in 64! runs");
        result.sort_unstable();
        assert_eq!(result, items);
    }
}
