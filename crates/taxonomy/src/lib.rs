//! The field's vocabulary as pure data and functions, and recognising it in text
