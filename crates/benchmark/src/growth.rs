//! How time, memory and disk grow with a tenant, as a table and as a picture.

use std::fmt::Write as _;

use serde_json::Value;

/// The sizes that are compared.
pub(crate) const SIZES: [&str; 3] = ["first_10k", "first_100k", "first_1m"];

/// One first sync.
pub(crate) struct Point {
    pub(crate) people: f64,
    /// Seconds, bytes of memory, bytes on disk.
    pub(crate) values: [f64; 3],
}

/// The first syncs of a database, smallest first; none when fewer than two
/// were measured.
pub(crate) fn points(of: &Value) -> Vec<Point> {
    let found = SIZES.iter().filter_map(|size| {
        let one = of.get(size)?;
        Some(Point {
            people: one["people"].as_f64()?,
            values: [
                one["first_sync"]["seconds"].as_f64()?,
                one["memory_bytes"]["peak"].as_f64()?,
                one["database_bytes"].as_f64()?,
            ],
        })
    });
    let found: Vec<Point> = found.collect();
    if found.len() < 2 { Vec::new() } else { found }
}

const PANELS: [(&str, f64); 3] = [("seconds", 1.0), ("memory, MB", 1e6), ("database, MB", 1e6)];
const COLOURS: [&str; 2] = ["#2f6fde", "#c2571a"];
const WIDTH: f64 = 230.0;
const HEIGHT: f64 = 170.0;

/// Both axes count in powers of ten: a straight line at 45 degrees grows as the
/// tenant does.
pub(crate) fn picture(databases: &[(&str, Vec<Point>)]) -> String {
    let all = 40.0 + 3.0 * (WIDTH + 50.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {all} {}\" font-family=\"sans-serif\" \
         font-size=\"11\" role=\"img\" aria-label=\"Growth with the tenant\">\n",
        HEIGHT + 70.0
    );
    for (index, (name, unit)) in PANELS.iter().enumerate() {
        panel(&mut svg, index, name, *unit, databases);
    }
    for ((name, _), (at, colour)) in databases.iter().zip((0..).zip(COLOURS)) {
        let x = 45.0 + 90.0 * f64::from(at);
        let y = HEIGHT + 60.0;
        put(
            &mut svg,
            format_args!("<text x=\"{x}\" y=\"{y}\" fill=\"{colour}\">{name}</text>\n"),
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn put(svg: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = svg.write_fmt(text);
}

fn panel(svg: &mut String, index: usize, name: &str, unit: f64, databases: &[(&str, Vec<Point>)]) {
    let left = 45.0 + index as f64 * (WIDTH + 50.0);
    let top = 25.0;
    let values = databases
        .iter()
        .flat_map(|(_, points)| points)
        .map(|point| (point.values[index] / unit).max(0.01).log10());
    let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), value| {
        (low.min(value.floor()), high.max(value.ceil()))
    });
    let high = high.max(low + 1.0);
    let x = |people: f64| left + (people.log10() - 4.0) / 2.0 * WIDTH;
    let y = |value: f64| {
        let share = ((value / unit).max(0.01).log10() - low) / (high - low);
        top + HEIGHT - share * HEIGHT
    };
    put(
        svg,
        format_args!("<text x=\"{left}\" y=\"15\" font-weight=\"bold\">{name}</text>\n"),
    );
    for people in [1e4, 1e5, 1e6] {
        let (at, bottom) = (x(people), top + HEIGHT);
        put(
            svg,
            format_args!(
                "<path d=\"M{at} {top}V{bottom}\" stroke=\"#ccc\"/><text x=\"{at}\" y=\"{}\" \
                 text-anchor=\"middle\" fill=\"#666\">{}k</text>\n",
                bottom + 15.0,
                people / 1e3
            ),
        );
    }
    let mut power = low;
    while power <= high {
        let value = 10f64.powf(power);
        let at = y(value * unit);
        put(
            svg,
            format_args!(
                "<path d=\"M{left} {at}h{WIDTH}\" stroke=\"#ccc\"/><text x=\"{}\" y=\"{}\" \
                 text-anchor=\"end\" fill=\"#666\">{value}</text>\n",
                left - 4.0,
                at + 4.0
            ),
        );
        power += 1.0;
    }
    for ((_, points), colour) in databases.iter().zip(COLOURS) {
        let places: Vec<(f64, f64)> = points
            .iter()
            .map(|point| (x(point.people), y(point.values[index])))
            .collect();
        let line: Vec<String> = places
            .iter()
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        put(
            svg,
            format_args!(
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\n",
                line.join(" ")
            ),
        );
        for (x, y) in places {
            put(
                svg,
                format_args!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>\n"),
            );
        }
    }
}
