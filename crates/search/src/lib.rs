//! The query type, the index, search and the reverse matcher
