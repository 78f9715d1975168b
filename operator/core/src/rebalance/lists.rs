//! A list of brokers for each partition, in one piece of memory.

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lists {
    ends: Vec<usize>,
    items: Vec<usize>,
}

impl Lists {
    pub fn push(&mut self, list: impl IntoIterator<Item = usize>) {
        self.items.extend(list);
        self.ends.push(self.items.len());
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Of all lists together.
    pub fn items(&self) -> usize {
        self.items.len()
    }

    pub fn get(&self, at: usize) -> &[usize] {
        &self.items[self.start(at)..self.ends[at]]
    }

    pub fn replace(&mut self, at: usize, from: usize, to: usize) {
        let range = self.start(at)..self.ends[at];
        if let Some(item) = self.items[range].iter_mut().find(|item| **item == from) {
            *item = to;
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &[usize]> {
        (0..self.len()).map(|at| self.get(at))
    }

    fn start(&self, at: usize) -> usize {
        if at == 0 { 0 } else { self.ends[at - 1] }
    }
}

impl<L: IntoIterator<Item = usize>> FromIterator<L> for Lists {
    fn from_iter<I: IntoIterator<Item = L>>(lists: I) -> Self {
        let mut all = Self::default();
        lists.into_iter().for_each(|list| all.push(list));
        all
    }
}
