//! The random values that the pure parts take.

use std::io;

/// Random bytes, as many as `N`, from the system.
///
/// # Errors
/// The system has none to give.
pub(crate) fn bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes)
}

/// The items in random order, so that the instances that start together do not all ask the same backend first.
///
/// # Errors
/// As [`bytes`].
pub(crate) fn shuffled<T>(items: Vec<T>) -> io::Result<Vec<T>> {
    let mut drawn = Vec::with_capacity(items.len());
    for item in items {
        drawn.push((u64::from_ne_bytes(bytes()?), item));
    }
    drawn.sort_by_key(|(key, _)| *key);
    Ok(drawn.into_iter().map(|(_, item)| item).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loses_nothing_and_changes_the_order() {
        let items: Vec<u32> = (0..64).collect();
        let mut other = shuffled(items.clone()).unwrap();
        assert_ne!(other, items, "one chance in 64! that this is wrong");
        other.sort_unstable();
        assert_eq!(other, items);
    }
}
