//! An ordered map whose copies share what they have in common: a copy costs nothing, and a change copies a few entries.

use std::sync::Arc;

/// Entries of a node before it is split in two.
const WIDTH: usize = 64;

/// An ordered map that is copied in constant time and changed in logarithmic time. A change copies the nodes on the way
/// to its entry, if another map shares them.
///
/// Nodes are not merged: one disappears when its last entry does. A map that shrinks keeps its depth, except for levels
/// of a single node.
#[derive(Clone, Debug)]
pub(super) struct SharedMap<K, V> {
    root: Arc<Node<K, V>>,
    len: usize,
}

#[derive(Clone, Debug)]
enum Node<K, V> {
    Leaf(Vec<(K, V)>),
    /// Nodes, none of them empty, each with a key that is after the last key before the node, and not after its own
    /// first key.
    Inner(Vec<Child<K, V>>),
}

type Child<K, V> = (K, Arc<Node<K, V>>);

impl<K, V> Default for SharedMap<K, V> {
    fn default() -> Self {
        SharedMap { root: Arc::new(Node::Leaf(Vec::new())), len: 0 }
    }
}

impl<K: Ord + Clone, V: Clone> SharedMap<K, V> {
    /// Replaces a key's value by what `change` makes of it; `None` stands for no entry. Returns the value before.
    pub(super) fn change(&mut self, key: K, change: impl FnOnce(Option<&V>) -> Option<V>) -> Option<V> {
        let (before, split) = Arc::make_mut(&mut self.root).change(key, change, &mut self.len);
        if let Some(right) = split {
            let left = std::mem::take(&mut self.root);
            self.root = Arc::new(Node::Inner([left, right].map(|node| (node.first().clone(), node)).into()));
        }
        while let Node::Inner(nodes) = &*self.root
            && nodes.len() < 2
        {
            self.root = nodes.first().map(|(_, node)| Arc::clone(node)).unwrap_or_default();
        }
        before
    }

    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.change(key, |_| Some(value))
    }

    pub(super) fn remove(&mut self, key: K) -> Option<V> {
        self.change(key, |_| None)
    }

    pub(super) fn contains(&self, key: &K) -> bool {
        let mut node = &*self.root;
        loop {
            match node {
                Node::Leaf(entries) => return entries.binary_search_by(|(other, _)| other.cmp(key)).is_ok(),
                Node::Inner(nodes) => node = &nodes[position(nodes, key)].1,
            }
        }
    }
}

impl<K, V> SharedMap<K, V> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The entries, in the order of their keys.
    pub(super) fn iter(&self) -> Entries<'_, K, V> {
        let mut entries = Entries { inner: Vec::new(), leaf: [].iter() };
        entries.enter(&self.root);
        entries
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }
}

impl<K, V> Default for Node<K, V> {
    fn default() -> Self {
        Node::Leaf(Vec::new())
    }
}

/// The node that a key belongs to, if there is one.
fn position<K: Ord, N>(nodes: &[(K, N)], key: &K) -> usize {
    nodes.partition_point(|(first, _)| first <= key).saturating_sub(1)
}

type Split<K, V> = Option<Arc<Node<K, V>>>;

impl<K: Ord + Clone, V: Clone> Node<K, V> {
    /// Changes the value of a key, and counts it. Returns the value before, and the right part of a node that was split.
    fn change(
        &mut self,
        key: K,
        change: impl FnOnce(Option<&V>) -> Option<V>,
        len: &mut usize,
    ) -> (Option<V>, Split<K, V>) {
        match self {
            Node::Leaf(entries) => {
                let mut new = 0;
                let before = match entries.binary_search_by(|(other, _)| other.cmp(&key)) {
                    Ok(at) => match change(Some(&entries[at].1)) {
                        Some(value) => Some(std::mem::replace(&mut entries[at].1, value)),
                        None => {
                            *len -= 1;
                            Some(entries.remove(at).1)
                        }
                    },
                    Err(at) => {
                        if let Some(value) = change(None) {
                            *len += 1;
                            new = at;
                            entries.insert(at, (key, value));
                        }
                        None
                    }
                };
                (before, split(entries, new).map(|right| Arc::new(Node::Leaf(right))))
            }
            Node::Inner(nodes) => {
                let at = position(nodes, &key);
                let node = Arc::make_mut(&mut nodes[at].1);
                let (before, right) = node.change(key, change, len);
                if node.is_empty() {
                    nodes.remove(at);
                }
                if let Some(right) = right {
                    nodes.insert(at + 1, (right.first().clone(), right));
                }
                (before, split(nodes, at + 1).map(|right| Arc::new(Node::Inner(right))))
            }
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Node::Leaf(entries) => entries.is_empty(),
            Node::Inner(nodes) => nodes.is_empty(),
        }
    }

    /// The first key of a node that is not empty, or one before it.
    fn first(&self) -> &K {
        match self {
            Node::Leaf(entries) => &entries[0].0,
            Node::Inner(nodes) => &nodes[0].0,
        }
    }
}

/// Splits entries that have become too many after an insertion at a place: in half, or before the new entry if it is
/// the last, so that a map that is filled in order has full nodes. Returns the right part.
fn split<E>(entries: &mut Vec<E>, new: usize) -> Option<Vec<E>> {
    if entries.len() <= WIDTH {
        return None;
    }
    let last = entries.len() - 1;
    let right = entries.split_off(if new == last { last } else { entries.len() / 2 });
    entries.shrink_to_fit();
    Some(right)
}

/// The entries of a map in order.
#[derive(Debug)]
pub(super) struct Entries<'a, K, V> {
    /// The nodes that follow, the nearest last.
    inner: Vec<std::slice::Iter<'a, Child<K, V>>>,
    leaf: std::slice::Iter<'a, (K, V)>,
}

impl<'a, K, V> Entries<'a, K, V> {
    fn enter(&mut self, node: &'a Node<K, V>) {
        match node {
            Node::Leaf(entries) => self.leaf = entries.iter(),
            Node::Inner(nodes) => self.inner.push(nodes.iter()),
        }
    }
}

impl<'a, K, V> Iterator for Entries<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((key, value)) = self.leaf.next() {
                return Some((key, value));
            }
            match self.inner.last_mut()?.next() {
                Some((_, node)) => self.enter(node),
                None => drop(self.inner.pop()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn entries(map: &SharedMap<u16, u64>) -> Vec<(u16, u64)> {
        map.iter().map(|(&key, &value)| (key, value)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn a_map_and_all_its_earlier_copies_hold_what_an_ordinary_map_held_at_their_time(
            batches in prop::collection::vec((any::<u64>(), 0u16..4000, 1usize..1500, 0u64..4), 1..12),
        ) {
            let (mut map, mut plain) = (SharedMap::default(), BTreeMap::new());
            let mut copies = Vec::new();
            for (seed, span, changes, removals) in batches {
                let mut state = seed | 1;
                for _ in 0..changes {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let key = ((state >> 33) % (u64::from(span) + 1)) as u16;
                    if (state >> 20) % 4 < removals {
                        prop_assert_eq!(map.remove(key), plain.remove(&key));
                    } else {
                        prop_assert_eq!(map.insert(key, state), plain.insert(key, state));
                    }
                    prop_assert_eq!(map.contains(&key), plain.contains_key(&key));
                }
                prop_assert_eq!(map.len(), plain.len());
                copies.push((map.clone(), plain.clone()));
            }
            for (copy, plain) in copies {
                prop_assert_eq!(entries(&copy), plain.into_iter().collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn a_change_copies_a_few_entries_of_a_map_that_is_shared_and_none_of_one_that_is_not() {
        #[derive(Debug)]
        struct Counted(Arc<std::sync::atomic::AtomicUsize>);
        impl Clone for Counted {
            fn clone(&self) -> Self {
                self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                Counted(Arc::clone(&self.0))
            }
        }
        let copies = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let copied = || copies.swap(0, std::sync::atomic::Ordering::Relaxed);
        let mut map = SharedMap::default();
        for key in 0..20_000 {
            map.insert(key, Counted(Arc::clone(&copies)));
        }
        assert_eq!(copied(), 0);
        let shared = map.clone();
        map.remove(7000);
        assert!((1..=WIDTH).contains(&copied()));
        assert!(shared.contains(&7000) && !map.contains(&7000));
    }
    #[test]
    fn a_map_that_is_filled_in_order_has_full_nodes() {
        fn leaves(node: &Node<u16, u64>) -> Vec<(usize, usize)> {
            match node {
                Node::Leaf(entries) => vec![(entries.len(), entries.capacity())],
                Node::Inner(nodes) => nodes.iter().flat_map(|(_, node)| leaves(node)).collect(),
            }
        }
        let mut map = SharedMap::default();
        for key in 0..10_000 {
            map.insert(key, 0);
        }
        let leaves = leaves(&map.root);
        assert_eq!(leaves.len(), 10_000_usize.div_ceil(WIDTH));
        assert!(leaves[..leaves.len() - 1].iter().all(|&leaf| leaf == (WIDTH, WIDTH)));
    }
}
