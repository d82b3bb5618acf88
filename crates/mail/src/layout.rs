//! One look for every mail: content in blocks, rendered to text and to HTML alike.

use askama::Template;

use crate::MailConfig;

/// A part of a mail's content. Every text is plain text: it is escaped in the HTML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// A smaller title inside the mail.
    Heading(String),
    /// A paragraph.
    Paragraph(String),
    /// The one thing to do; the text part shows the URL.
    Button {
        /// What it says.
        label: String,
        /// Where it leads.
        url: String,
    },
    /// Something to copy, such as a token.
    Code(String),
    /// Entries with links, such as postings.
    List(Vec<Entry>),
}

/// An entry of a [`Block::List`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its title, which is the link.
    pub title: String,
    /// Where it leads.
    pub url: String,
    /// Lines under the title.
    pub lines: Vec<String>,
    /// Labels and URLs of small links under the lines.
    pub links: Vec<(String, String)>,
}

/// What stands under the content.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Footer {
    /// Why the reader gets this mail, in one sentence.
    pub reason: String,
    /// Labels and URLs, such as "Unsubscribe".
    pub links: Vec<(String, String)>,
}

/// A mail's content and frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The title on top.
    pub title: String,
    /// What mail programs show beside the subject; empty for the first paragraph.
    pub preheader: String,
    /// The content.
    pub blocks: Vec<Block>,
    /// What stands under it.
    pub footer: Footer,
}

/// The two parts of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The `text/plain` part.
    pub text: String,
    /// The `text/html` part.
    pub html: String,
}

#[derive(Template)]
#[template(path = "layout.html")]
struct Html<'a> {
    layout: &'a Layout,
    site_name: &'a str,
    site_url: &'a str,
    postal_address: &'a str,
}

#[derive(Template)]
#[template(path = "layout.txt", escape = "none")]
struct Text<'a> {
    layout: &'a Layout,
    site_name: &'a str,
    site_url: &'a str,
    postal_address: &'a str,
}

impl Layout {
    /// Text and HTML with the same content, signed with our name, URL and postal address.
    pub fn render(&self, config: &MailConfig) -> Rendered {
        let site_url = config.public_url.trim_end_matches('/');
        let site_name = config.site();
        let postal_address = config.postal_address.as_str();
        let layout = self;
        let html = Html {
            layout,
            site_name,
            site_url,
            postal_address,
        };
        let text = Text {
            layout,
            site_name,
            site_url,
            postal_address,
        };
        // Writing into a String cannot fail; were it ever to, an empty part is better than no mail.
        Rendered {
            text: text.render().unwrap_or_default(),
            html: html.render().unwrap_or_default(),
        }
    }
}
