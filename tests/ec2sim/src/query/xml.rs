//! XML documents, written.

/// A document that grows at its end.
#[derive(Debug, Default)]
pub(super) struct Xml(String);

impl Xml {
    /// `<name>text</name>`.
    #[expect(clippy::needless_pass_by_value, reason = "a call reads as a table: values and references alike")]
    pub(super) fn text(&mut self, name: &str, text: impl ToString) {
        let text = escape(&text.to_string());
        self.0.push_str(&format!("<{name}>{text}</{name}>"));
    }

    /// Nothing if there is nothing.
    pub(super) fn some(&mut self, name: &str, text: Option<impl ToString>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    /// `<name>…</name>` around what is written inside.
    pub(super) fn inside(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        self.0.push_str(&format!("<{name}>"));
        write(self);
        self.0.push_str(&format!("</{name}>"));
    }

    /// `<name>` with an `<item>` for each.
    pub(super) fn items<T>(&mut self, name: &str, items: impl IntoIterator<Item = T>, write: impl Fn(&mut Self, T)) {
        self.inside(name, |xml| {
            for item in items {
                xml.inside("item", |xml| write(xml, item));
            }
        });
    }

    /// The document with one element around all.
    pub(super) fn document(self, name: &str, attributes: &str) -> String {
        let body = self.0;
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{name}{attributes}>{body}</{name}>")
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_and_items_nest() {
        let mut xml = Xml::default();
        xml.items("tagSet", ["a<b>&\"c"], |xml, value| xml.text("value", value));
        let document = xml.document("R", " x=\"1\"");
        assert!(
            document.ends_with("<R x=\"1\"><tagSet><item><value>a&lt;b&gt;&amp;&quot;c</value></item></tagSet></R>")
        );
    }
}
