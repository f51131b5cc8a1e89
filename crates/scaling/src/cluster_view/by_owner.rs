//! Joins two lists on a key in time proportional to their lengths.

/// Sorts items by their owner. Weka's lists are nearly in this order, and then sorting takes linear time.
pub(super) fn sort_by_owner<K: Ord + Copy, T>(items: impl Iterator<Item = (K, T)>) -> Vec<(K, T)> {
    let mut items: Vec<_> = items.collect();
    items.sort_by_key(|(owner, _)| *owner);
    items
}

/// A cursor over sorted items. Owners must be requested in ascending order: each request resumes where the last one ended.
pub(super) struct ByOwner<'s, K, T>(pub(super) &'s [(K, T)]);

impl<'s, K: Ord, T: Copy> ByOwner<'s, K, T> {
    pub(super) fn take(&mut self, owner: K) -> impl Iterator<Item = T> + use<'s, K, T> {
        let Self(rest) = *self;
        let skipped = rest.iter().take_while(|(other, _)| *other < owner).count();
        let rest = &rest[skipped..];
        let count = rest.iter().take_while(|(other, _)| *other == owner).count();
        let (items, rest) = rest.split_at(count);
        *self = Self(rest);
        items.iter().map(|(_, item)| *item)
    }
}
