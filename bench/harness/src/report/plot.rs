//! Bars as SVG, in one file for a light page and one for a dark one.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::Result;

use super::number::number;
use crate::figures::Summary;

/// Bars that share a scale.
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) bars: Vec<Bar>,
}

pub(crate) struct Bar {
    pub(crate) label: String,
    pub(crate) kind: Kind,
    pub(crate) value: Summary,
}

/// Whose a bar is.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Ours,
    Before,
    Peer,
}

struct Theme {
    name: &'static str,
    text: &'static str,
    quiet: &'static str,
    ours: &'static str,
    before: &'static str,
    peer: &'static str,
}

const THEMES: [Theme; 2] = [
    Theme { name: "light", text: "#1f2328", quiet: "#59636e", ours: "#0969da", before: "#9ec5f4", peer: "#afb8c1" },
    Theme { name: "dark", text: "#f0f6fc", quiet: "#9198a1", ours: "#4493f8", before: "#1f4f8f", peer: "#57606a" },
];

const WIDTH: f64 = 760.0;
const LABELS: f64 = 230.0;
const VALUES: f64 = 90.0;
const TITLE: f64 = 34.0;
const LINE: f64 = 24.0;
const THICKNESS: f64 = 15.0;

/// Writes `NAME-light.svg` and `NAME-dark.svg`; the Markdown that shows the one that fits the page.
pub(crate) fn write(directory: &Path, name: &str, description: &str, panels: &[Panel]) -> Result<String> {
    let plots = directory.join("plots");
    fs::create_dir_all(&plots)?;
    for theme in &THEMES {
        fs::write(plots.join(format!("{name}-{}.svg", theme.name)), draw(description, panels, theme))?;
    }
    Ok(format!(
        "<picture>\n  <source media=\"(prefers-color-scheme: dark)\" srcset=\"plots/{name}-dark.svg\">\n  \
         <img alt=\"{description}\" src=\"plots/{name}-light.svg\">\n</picture>\n"
    ))
}

fn draw(description: &str, panels: &[Panel], theme: &Theme) -> String {
    let height: f64 = panels.iter().map(|panel| TITLE + LINE * panel.bars.len() as f64).sum::<f64>() + 10.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\" font-family=\"system-ui, sans-serif\" font-size=\"13\">\n<title>{}</title>\n",
        escaped(description)
    );
    let mut y = 0.0;
    for panel in panels {
        y += TITLE;
        text(&mut svg, 8.0, y - 10.0, "start", &format!("font-weight=\"600\" fill=\"{}\"", theme.text), &panel.title);
        let most = panel.bars.iter().map(|bar| bar.value.most).fold(f64::MIN_POSITIVE, f64::max);
        for bar in &panel.bars {
            draw_bar(&mut svg, y, bar, (WIDTH - LABELS - VALUES) / most, theme);
            y += LINE;
        }
    }
    svg + "</svg>\n"
}

fn draw_bar(svg: &mut String, y: f64, bar: &Bar, scale: f64, theme: &Theme) {
    let Summary { median, least, most } = bar.value;
    let (top, middle) = (y + (LINE - THICKNESS) / 2.0, y + LINE / 2.0);
    let fill = match bar.kind {
        Kind::Ours => theme.ours,
        Kind::Before => theme.before,
        Kind::Peer => theme.peer,
    };
    text(svg, LABELS - 10.0, middle + 4.5, "end", &format!("fill=\"{}\"", theme.text), &bar.label);
    let width = (median * scale).max(1.0);
    put(
        svg,
        format_args!(
            "<rect x=\"{LABELS}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{THICKNESS}\" rx=\"2\" fill=\"{fill}\"/>"
        ),
    );
    if most > least {
        let [from, to] = [least, most].map(|value| LABELS + value * scale);
        put(
            svg,
            format_args!("<path d=\"M{from:.1} {middle}H{to:.1}\" stroke=\"{}\" stroke-width=\"1.5\"/>", theme.quiet),
        );
    }
    let end = LABELS + most.max(median) * scale + 8.0;
    text(svg, end, middle + 4.5, "start", &format!("fill=\"{}\"", theme.quiet), &number(median));
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, style: &str, content: &str) {
    let content = escaped(content);
    put(svg, format_args!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" {style}>{content}</text>"));
}

fn put(svg: &mut String, element: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(svg, "{element}");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
