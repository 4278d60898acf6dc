//! HTML building blocks: escaped text, tables, bar lists.

use super::super::quantity::{count, percent};

/// Bars shown of a list; one more line sums up the rest.
const BARS: usize = 20;

/// Escapes a text for use in elements and quoted attributes.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ if character.is_control() => safe.push('\u{fffd}'),
            _ => safe.push(character),
        }
    }
    safe
}

/// Escapes a text and keeps flags together: a browser would break a line after their first hyphen.
pub(super) fn with_flags(text: &str) -> String {
    let words = text.split(' ').map(|word| match word.starts_with('-') {
        true => format!("<span class=\"flag\">{}</span>", escaped(word)),
        false => escaped(word),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// A section of the page with a heading; empty without content.
pub(super) fn section(title: &str, content: &str) -> String {
    if content.is_empty() {
        return String::new();
    }
    format!("<section>\n<h2>{}</h2>\n{content}</section>\n", escaped(title))
}

/// A table of names and values. Rows without a value are left out.
pub(super) fn pairs(title: &str, rows: &[(&str, Option<String>)]) -> String {
    let rows: String = rows
        .iter()
        .filter_map(|(name, value)| {
            let value = escaped(value.as_ref()?);
            Some(format!("<tr><th scope=\"row\">{}</th><td>{value}</td></tr>\n", escaped(name)))
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    format!("<table class=\"pairs\">\n<caption>{}</caption>\n{rows}</table>\n", escaped(title))
}

/// A table whose first column contains names.
pub(super) fn grid(title: &str, head: &[&str], rows: &[Vec<String>]) -> String {
    let head: String =
        head.iter().map(|name| format!("<th scope=\"col\">{}</th>", escaped(name))).collect();
    let rows: String = rows
        .iter()
        .map(|row| {
            let cells = row.iter().enumerate().map(|(index, cell)| match index {
                0 => format!("<th scope=\"row\">{}</th>", escaped(cell)),
                _ => format!("<td>{}</td>", escaped(cell)),
            });
            format!("<tr>{}</tr>\n", cells.collect::<String>())
        })
        .collect();
    format!(
        "<div class=\"wide\" role=\"region\" aria-label=\"{title}\" tabindex=\"0\">\
         <table class=\"grid\">\n<caption>{title}</caption>\n<thead><tr>{head}</tr></thead>\n\
         <tbody>\n{rows}</tbody></table></div>\n",
        title = escaped(title)
    )
}

/// Reasons with their counts and bars; empty if there are none.
pub(super) fn bars(title: &str, counts: &[(String, u64)]) -> String {
    let total: u64 = counts.iter().map(|(_, number)| number).sum();
    if total == 0 {
        return String::new();
    }
    let mut shown: Vec<(String, u64)> = counts.iter().take(BARS).cloned().collect();
    if let Some(rest) = counts.get(BARS..).filter(|rest| !rest.is_empty()) {
        let sum = rest.iter().map(|(_, number)| number).sum();
        shown.push((format!("{} other kinds", count(rest.len() as u64)), sum));
    }
    let rows: String = shown
        .iter()
        .map(|(name, number)| {
            let part = *number as f64 / total as f64;
            format!(
                "<tr><th scope=\"row\">{}<span class=\"bar\" style=\"width:{:.1}%\"></span></th>\
                 <td>{}</td><td>{}</td></tr>\n",
                escaped(name),
                part * 100.0,
                count(*number),
                percent(part)
            )
        })
        .collect();
    format!("<table class=\"bars\">\n<caption>{}</caption>\n{rows}</table>\n", escaped(title))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_text_is_escaped() {
        let safe = escaped("<script>\"&'\u{1b}</script>");
        let flag = with_flags("-r 5 --<b>");
        assert_eq!(
            flag,
            "<span class=\"flag\">-r</span> 5 <span class=\"flag\">--&lt;b&gt;</span>"
        );
        assert_eq!(safe, "&lt;script&gt;&quot;&amp;&#39;\u{fffd}&lt;/script&gt;");
    }
}
