//! What the board's operator chose for postings.

use serde::Deserialize;

/// Which postings a moderator looks at before they are public. What an operator or a proven board
/// imports is not reviewed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Review {
    /// None.
    #[default]
    None,
    /// Those of an employer that never published one.
    First,
    /// All.
    All,
}

/// What follows when a posting does not say about pay what the law wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayTransparency {
    /// Nothing.
    Off,
    /// Its employer is told.
    #[default]
    Warn,
    /// It is not published.
    Refuse,
}

/// What the board's operator chose for postings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct PostingRules {
    /// Which postings wait for a moderator.
    pub review: Review,
    /// What follows from the rules of pay transparency.
    pub pay_transparency: PayTransparency,
}
