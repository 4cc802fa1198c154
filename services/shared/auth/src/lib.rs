//! Who calls: the Caller extractor and what it may do.
