//! A path of the routes file in segments: fixed ones, and variables such as `{id}` that stand for any one.

use super::path::check;

/// One segment of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    Fixed(String),
    Variable(String),
}

/// A path of the routes file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    pub(super) segments: Vec<Segment>,
    /// Whether nothing below it matches.
    pub(super) exact: bool,
}

impl Pattern {
    /// Reads a path. A slash at its end means nothing.
    ///
    /// # Errors
    /// What is wrong with it, after the words "its path".
    pub(super) fn parse(path: &str, exact: bool) -> Result<Self, String> {
        let inside = path.strip_prefix('/').ok_or("must begin with a slash")?;
        check(path).map_err(|_| "must be a path that the gateway lets through")?;
        let mut segments = Vec::new();
        for text in inside.trim_end_matches('/').split('/').filter(|text| !text.is_empty()) {
            let segment = segment(text)?;
            if matches!(&segment, Segment::Variable(_)) && segments.contains(&segment) {
                return Err(format!("has the variable {text} twice"));
            }
            segments.push(segment);
        }
        Ok(Self { segments, exact })
    }

    /// The place of a variable among the segments.
    fn place(&self, name: &str) -> Option<usize> {
        self.segments.iter().position(|it| matches!(it, Segment::Variable(own) if own == name))
    }

    /// Whether both match the same paths, whatever their variables are called.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let alike = |pair: (&Segment, &Segment)| match pair {
            (Segment::Variable(_), Segment::Variable(_)) => true,
            (one, two) => one == two,
        };
        self.exact == other.exact
            && self.segments.len() == other.segments.len()
            && self.segments.iter().zip(&other.segments).all(alike)
    }

    /// Whether some path matches both and neither is the more specific: each has a fixed segment where the
    /// other has a variable.
    pub(super) fn clashes(&self, other: &Self) -> bool {
        let (own, others) = (self.segments.len(), other.segments.len());
        let meet = own == others || (own < others && !self.exact) || (others < own && !other.exact);
        let (mut narrower, mut wider) = (false, false);
        for pair in self.segments.iter().zip(&other.segments) {
            match pair {
                (Segment::Fixed(one), Segment::Fixed(two)) if one != two => return false,
                (Segment::Fixed(_), Segment::Variable(_)) => narrower = true,
                (Segment::Variable(_), Segment::Fixed(_)) => wider = true,
                _ => {}
            }
        }
        // A pattern that is longer is more specific behind the end of the shorter one.
        narrower |= own > others && !other.exact;
        wider |= others > own && !self.exact;
        meet && narrower && wider
    }
}

fn segment(text: &str) -> Result<Segment, String> {
    let Some(name) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
        if text.contains(['{', '}']) {
            return Err(format!("has braces in {text}: a variable is a whole segment, such as {{id}}"));
        }
        return Ok(Segment::Fixed(text.to_owned()));
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || !name.bytes().all(plain) {
        return Err(format!("has a variable {text} whose name is not made of letters, digits and _"));
    }
    Ok(Segment::Variable(name.to_owned()))
}

/// What the upstream is asked for in place of a path.
#[derive(Debug)]
pub(super) struct Rewrite {
    parts: Vec<Part>,
    /// Segments of the pattern: what follows them in a request follows here too.
    length: usize,
}

#[derive(Debug)]
enum Part {
    Text(String),
    /// A segment of the request's path.
    Segment(usize),
}

impl Rewrite {
    /// Reads a template whose variables are those of `pattern`.
    ///
    /// # Errors
    /// What is wrong with it, after the words "its rewrite".
    pub(super) fn parse(template: &str, pattern: &Pattern) -> Result<Self, String> {
        let target = Pattern::parse(template, true)?;
        let mut parts = Vec::new();
        for segment in target.segments {
            parts.push(Part::Text("/".to_owned()));
            parts.push(match segment {
                Segment::Fixed(text) => Part::Text(text),
                Segment::Variable(name) => {
                    let place = pattern.place(&name);
                    Part::Segment(
                        place.ok_or_else(|| format!("has a variable {{{name}}} that the path has not"))?,
                    )
                }
            });
        }
        Ok(Self { parts, length: pattern.segments.len() })
    }

    /// The path for the upstream.
    pub(super) fn apply(&self, path: &str) -> String {
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let mut target = String::with_capacity(path.len());
        for part in &self.parts {
            target.push_str(match part {
                Part::Text(text) => text,
                Part::Segment(place) => segments.get(*place).copied().unwrap_or_default(),
            });
        }
        for segment in segments.get(self.length..).unwrap_or_default() {
            target.push('/');
            target.push_str(segment);
        }
        if target.is_empty() { "/".to_owned() } else { target }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(path: &str) -> Pattern {
        Pattern::parse(path, false).unwrap()
    }

    #[test]
    fn variables_are_whole_segments_with_plain_names() {
        assert_eq!(pattern("/a/{id}/").segments.len(), 2);
        for wrong in ["a", "/a//b", "/{}", "/x{id}", "/{a-b}", "/{a", "/a}", "/{a}/{a}", "/a/../b", "/%2e"] {
            assert!(Pattern::parse(wrong, false).is_err(), "{wrong}");
        }
    }

    #[test]
    fn patterns_clash_when_neither_is_the_more_specific() {
        for (one, two) in [("/a/{x}", "/{y}/b"), ("/{x}/b", "/a/{y}/c"), ("/a/{x}/{y}", "/a/{x2}/c/d/{z}")] {
            let clash = pattern(one).clashes(&pattern(two));
            assert_eq!(clash, pattern(two).clashes(&pattern(one)), "{one} {two}");
            assert_eq!(clash, one != "/a/{x}/{y}", "{one} {two}");
        }
        for (one, two) in [("/a/{x}", "/a/b"), ("/a", "/a/{x}"), ("/a/{x}", "/c/{y}"), ("/", "/{x}")] {
            assert!(!pattern(one).clashes(&pattern(two)), "{one} {two}");
        }
        let exact = Pattern::parse("/{x}/b", true).unwrap();
        assert!(!exact.clashes(&pattern("/a/{y}/c")));
    }

    #[test]
    fn a_rewrite_puts_variables_where_it_says_and_what_follows_behind() {
        let rewrite = Rewrite::parse("/v2/{id}/of/{user}", &pattern("/u/{user}/items/{id}")).unwrap();
        assert_eq!(rewrite.apply("/u/anna/items/7"), "/v2/7/of/anna");
        assert_eq!(rewrite.apply("/u/anna/items/7/parts/"), "/v2/7/of/anna/parts/");
        assert_eq!(Rewrite::parse("/", &pattern("/x")).unwrap().apply("/x"), "/");
        assert!(Rewrite::parse("/v2/{other}", &pattern("/u/{user}")).is_err());
    }
}
