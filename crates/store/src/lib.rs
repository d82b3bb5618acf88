//! The one place that knows there are two databases
