//! The frame of every page: its head, style sheet and footer.

use super::markup::escaped;

const STYLE: &str = include_str!("style.css");

/// The page with this content, which is HTML.
pub(super) fn document(title: &str, content: &str, program: &str, schema_version: u32) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{content}</main>\n\
         <footer>{} · result format {schema_version}</footer>\n</body>\n</html>\n",
        escaped(title),
        escaped(program),
    )
}
