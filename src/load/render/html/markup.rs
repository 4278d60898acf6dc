//! The small change of HTML: text that means itself, tables, lists of bars.

use super::super::quantity::{count, percent};

/// Bars that are shown of a list; the rest is one line.
const BARS: usize = 20;

/// Text that means itself, in an element and in a quoted attribute, whatever stands in it.
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

/// The same, with flags kept together: a browser would break a line behind their first hyphen.
pub(super) fn with_flags(text: &str) -> String {
    let words = text.split(' ').map(|word| match word.starts_with('-') {
        true => format!("<span class=\"flag\">{}</span>", escaped(word)),
        false => escaped(word),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// A part of the page with a heading.
pub(super) fn section(title: &str, content: &str) -> String {
    if content.is_empty() {
        return String::new();
    }
    format!("<section>\n<h2>{}</h2>\n{content}</section>\n", escaped(title))
}

/// Names and what they are. Rows without a value are left out.
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

/// A table of which the first column is names.
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
        "<div class=\"wide\" role=\"region\" aria-label=\"{title}\" tabindex=\"0\"><table class=\"grid\">\n\
         <caption>{title}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n",
        title = escaped(title)
    )
}

/// Reasons and how often, with bars; nothing if there are none.
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
    fn nothing_gets_out_of_its_place() {
        let safe = escaped("<script>\"&'\u{1b}</script>");
        let flag = with_flags("-r 5 --<b>");
        assert_eq!(
            flag,
            "<span class=\"flag\">-r</span> 5 <span class=\"flag\">--&lt;b&gt;</span>"
        );
        assert_eq!(safe, "&lt;script&gt;&quot;&amp;&#39;\u{fffd}&lt;/script&gt;");
    }
}
