//! HTML by hand: what a page is made of.

use std::fmt::Write as _;

use crate::error::Result;
use crate::plot::Figure;

const STYLE: &str = include_str!("page.css");
const ERRORS: &str = include_str!("errors.js");
const SCRIPT: &str = include_str!("page.js");
const VIEWER: &str = include_str!("viewer.js");

/// A page on its way.
///
/// Writing to a `String` cannot fail; results of `write!` are dropped for that reason.
pub(super) struct Page {
    title: String,
    lead: String,
    body: String,
    sections: Vec<(String, String)>,
    has_viewer: bool,
}

impl Page {
    pub fn new(title: impl Into<String>, lead: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            lead: lead.into(),
            body: String::new(),
            sections: Vec::new(),
            has_viewer: false,
        }
    }

    /// A heading that the list of contents leads to.
    pub fn section(&mut self, heading: &str) {
        let id = format!("section-{}", self.sections.len() + 1);
        let _ = writeln!(self.body, "<h2 id=\"{id}\">{}</h2>", escape(heading));
        self.sections.push((id, heading.to_owned()));
    }

    pub fn heading(&mut self, text: &str) {
        let _ = writeln!(self.body, "<h3>{}</h3>", escape(text));
    }

    pub fn note(&mut self, text: &str) {
        let _ = writeln!(self.body, "<p class=\"note\">{}</p>", escape(text));
    }

    /// Numbers worth seeing first: (value, what it is).
    pub fn cards(&mut self, cards: &[(String, String)]) {
        if cards.is_empty() {
            return;
        }
        self.body.push_str("<div class=\"cards\">\n");
        for (value, what) in cards {
            let _ = writeln!(
                self.body,
                "<div class=\"card\"><b>{}</b><span>{}</span></div>",
                escape(value),
                escape(what)
            );
        }
        self.body.push_str("</div>\n");
    }

    /// (passed, text).
    pub fn checks(&mut self, checks: &[(bool, String)]) {
        if checks.is_empty() {
            return;
        }
        self.body.push_str("<ul class=\"checks\">\n");
        for (passed, text) in checks {
            let class = if *passed { "ok" } else { "bad" };
            let _ = writeln!(self.body, "<li class=\"{class}\">{}</li>", escape(text));
        }
        self.body.push_str("</ul>\n");
    }

    /// A table; columns of words are set as words, others as numbers.
    pub fn table(&mut self, header: &[String], rows: &[Vec<String>]) {
        let words: Vec<bool> = (0..header.len())
            .map(|k| {
                let long = |c: &String| c.len() > 24;
                k > 0 && rows.iter().filter_map(|r| r.get(k)).any(long)
            })
            .collect();
        let cells = |tag: &str, row: &[String]| {
            row.iter()
                .zip(&words)
                .map(|(c, words)| {
                    let class = if *words { " class=\"words\"" } else { "" };
                    format!("<{tag}{class}>{}</{tag}>", escape(c))
                })
                .collect::<String>()
        };
        let _ = writeln!(
            self.body,
            "<div class=\"scroll\"><table><thead><tr>{}</tr></thead><tbody>",
            cells("th", header)
        );
        for row in rows {
            let _ = writeln!(self.body, "<tr>{}</tr>", cells("td", row));
        }
        self.body.push_str("</tbody></table></div>\n");
    }

    /// Names and values without a header.
    pub fn facts(&mut self, facts: &[(String, String)]) {
        self.body.push_str("<div class=\"scroll\"><table class=\"facts\">\n");
        for (name, value) in facts {
            let _ =
                writeln!(self.body, "<tr><td>{}</td><td>{}</td></tr>", escape(name), escape(value));
        }
        self.body.push_str("</table></div>\n");
    }

    /// Pictures beside each other: (SVG, how to read it).
    pub fn figures(&mut self, figures: &[(String, String)]) {
        if figures.is_empty() {
            return;
        }
        self.body.push_str("<div class=\"figures\">\n");
        for (svg, caption) in figures {
            let _ = writeln!(
                self.body,
                "<figure>{}<figcaption>{}</figcaption></figure>",
                inline(svg),
                escape(caption)
            );
        }
        self.body.push_str("</div>\n");
    }

    pub fn drawn(&mut self, figures: &[(Figure, String)]) -> Result<()> {
        let drawn =
            figures.iter().map(|(f, c)| Ok((f.svg()?, c.clone()))).collect::<Result<Vec<_>>>()?;
        self.figures(&drawn);
        Ok(())
    }

    /// Opens a part that is folded away; [`Page::end_folded`] closes it.
    pub fn begin_folded(&mut self, summary: &str, open: bool) {
        let open = if open { " open" } else { "" };
        let _ = writeln!(self.body, "<details{open}><summary>{}</summary>", escape(summary));
    }

    pub fn end_folded(&mut self) {
        self.body.push_str("</details>\n");
    }

    pub fn preformatted(&mut self, text: &str) {
        let _ = writeln!(self.body, "<pre>{}</pre>", escape(text));
    }

    /// The three-dimensional view of a scene given as JSON. One a page.
    pub fn viewer(&mut self, scene: &str) {
        // "</script>" inside a name must not end the element.
        let scene = scene.replace('<', "\\u003c");
        let _ = writeln!(
            self.body,
            "<div class=\"viewer\" id=\"viewer\"><div class=\"bar\">\
             <label>colour <select aria-label=\"colour by\"></select></label>\
             <span class=\"legend\"></span>\
             <label>cut <input type=\"range\" min=\"0\" max=\"1\" step=\"0.005\" value=\"0\" \
             aria-label=\"cut the structure open\"></label>\
             <button type=\"button\">reset</button></div>\
             <canvas tabindex=\"0\" aria-label=\"three-dimensional view of the structure\">\
             </canvas></div>\n<script type=\"application/json\" id=\"scene\">{scene}</script>"
        );
        self.has_viewer = true;
    }

    pub fn finish(self) -> String {
        let contents: String = self
            .sections
            .iter()
            .map(|(id, heading)| format!("<a href=\"#{id}\">{}</a>\n", escape(heading)))
            .collect();
        let viewer =
            if self.has_viewer { format!("<script>{VIEWER}</script>\n") } else { String::new() };
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{0}</title>\n<script>{ERRORS}</script>\n<style>{STYLE}</style></head><body>\n\
             <header><h1>{0}</h1>\n<p class=\"lead\">{1}</p>\n<nav>{contents}</nav></header>\n\
             <main>\n{2}</main>\n{viewer}<script>{SCRIPT}</script>\n</body></html>\n",
            escape(&self.title),
            escape(&self.lead),
            self.body
        )
    }
}

/// An SVG document as an element: without what may stand only at the beginning of a file.
fn inline(svg: &str) -> &str {
    svg.find("<svg").map_or(svg, |at| svg[at..].trim_end())
}

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_cannot_break_the_page() {
        let mut page = Page::new("<b>", "\"&\"");
        page.section("a < b");
        page.viewer("{\"species\":[{\"name\":\"</script><b>\"}]}");
        let text = page.finish();
        assert!(text.contains("<title>&lt;b&gt;</title>") && text.contains("a &lt; b"));
        assert!(!text.contains("</script><b>"));
        for outside in ["http://", "https://", "src=", "@import", "url("] {
            assert!(!text.contains(outside), "the page would load {outside}");
        }
    }
}
