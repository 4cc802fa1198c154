//! The paths of the routes as a tree: one step a segment, the most specific one first.
//!
//! A fixed segment goes before a variable, and that before a route for everything below; a way that leads
//! nowhere is taken back. It looks at the path as it was sent: `path::check` has refused every other spelling.

use super::pattern::{Pattern, Segment};

#[derive(Debug, Default)]
pub(super) struct Tree {
    fixed: Vec<(Box<str>, Tree)>,
    variable: Option<Box<Tree>>,
    /// Routes for this very path: places in the table, one for each set of methods.
    exact: Vec<usize>,
    /// Routes for this path and everything below it.
    below: Vec<usize>,
}

impl Tree {
    /// The routes at the pattern's place, to which another one may be added.
    pub(super) fn at(&mut self, pattern: &Pattern) -> &mut Vec<usize> {
        let mut tree = self;
        for segment in &pattern.segments {
            tree = match segment {
                Segment::Fixed(text) => {
                    let known = tree.fixed.iter().position(|(own, _)| **own == **text);
                    let place = known.unwrap_or_else(|| {
                        tree.fixed.push((text.as_str().into(), Self::default()));
                        tree.fixed.len() - 1
                    });
                    #[allow(clippy::indexing_slicing, reason = "a place that was just found or made")]
                    &mut tree.fixed[place].1
                }
                Segment::Variable(_) => tree.variable.get_or_insert_default(),
            };
        }
        if pattern.exact { &mut tree.exact } else { &mut tree.below }
    }

    /// The routes for a path, which begins with a slash; no path at all (`CONNECT`) is the root.
    pub(super) fn find(&self, path: &str) -> Option<&[usize]> {
        let inside = if path.is_empty() { path } else { path.strip_prefix('/')? };
        self.descend(Some(inside).filter(|inside| !inside.is_empty()))
    }

    /// Shows every place's routes.
    pub(super) fn each(&self, show: &mut impl FnMut(&[usize])) {
        show(&self.exact);
        show(&self.below);
        let variable = self.variable.as_deref();
        for tree in self.fixed.iter().map(|(_, tree)| tree).chain(variable) {
            tree.each(show);
        }
    }

    fn descend(&self, path: Option<&str>) -> Option<&[usize]> {
        let below = Some(self.below.as_slice()).filter(|routes| !routes.is_empty());
        let Some(path) = path else {
            return Some(self.exact.as_slice()).filter(|routes| !routes.is_empty()).or(below);
        };
        let (segment, rest) = match path.split_once('/') {
            Some((segment, rest)) => (segment, Some(rest)),
            None => (path, None),
        };
        let fixed = self.fixed.iter().find(|(own, _)| **own == *segment);
        let found = fixed.and_then(|(_, tree)| tree.descend(rest));
        let variable = self.variable.as_deref().filter(|_| found.is_none() && !segment.is_empty());
        found.or_else(|| variable?.descend(rest)).or(below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_way_is_taken_and_a_wrong_one_taken_back() {
        let paths = ["/", "/a", "=/a", "/a/{x}", "/a/b/c", "=/a/{x}/d", "/{y}/z"];
        let mut tree = Tree::default();
        for (place, path) in paths.iter().enumerate() {
            let exact = path.starts_with('=');
            let pattern = Pattern::parse(path.trim_start_matches('='), exact).unwrap();
            tree.at(&pattern).push(place);
        }
        for (path, expected) in [
            ("", "/"),
            ("/", "/"),
            ("/other", "/"),
            ("/a", "=/a"),
            ("/a/", "/a"),
            ("/a/b", "/a/{x}"),
            ("/a/b/c", "/a/b/c"),
            ("/a/b/c/d", "/a/b/c"),
            ("/a/b/d", "=/a/{x}/d"),
            ("/a/b/d/e", "/a/{x}"),
            ("/q/z/1", "/{y}/z"),
            ("/q/y", "/"),
            ("/A", "/"),
        ] {
            let found = tree.find(path).and_then(|routes| routes.first()).map(|&place| paths[place]);
            assert_eq!(found, Some(expected), "{path}");
        }
        assert_eq!(tree.find("*"), None);
    }
}
