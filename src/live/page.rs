//! The page itself: places that its scripts fill.

use std::path::Path;

use crate::page::{Html, Page};

/// The page of an analysis with a title, whose results are in a folder: one file, which asks the server that it comes from for
/// everything else.
pub(super) fn page(title: &str, results: &Path) -> String {
    let mut page = Page::new(title, "live page");
    page.follow_server();
    page.style(include_str!("live.css"));
    let place = |id: &str| Html::default().raw("<div id=\"").text(id).raw("\"></div>");
    page.block(
        Html::default()
            .raw("<div id=\"status\" class=\"status\" role=\"status\" aria-live=\"polite\">Connecting …</div>"),
    );
    page.block(Html::default().raw("<div id=\"warnings\" class=\"notice\" hidden></div>"));
    page.section("now", "Now", place("figures"));
    page.section("time", "Over time", place("charts"));
    let map = Html::default()
        .raw("<p class=\"note\">Each square stands for the chunks that lie behind each other along z, or for one chunk of a plane.</p>")
        .raw("<div class=\"controls\"><label>Chunks along z <input id=\"plane\" type=\"range\" min=\"0\" value=\"0\"></label>")
        .raw("<output id=\"plane-name\" for=\"plane\"></output></div>")
        .raw("<div class=\"map\"><canvas id=\"map\" role=\"img\"></canvas></div><div id=\"map-legend\"></div>");
    page.section("chunks", "Chunks", map);
    let picture = Html::default()
        .raw("<a id=\"picture-link\" href=\"overview.png\"><img id=\"picture\" alt=\"\" hidden></a>")
        .raw("<p id=\"no-picture\" class=\"note\">There is no picture yet.</p>");
    page.section("picture-section", "Picture", picture);
    page.section("radii", "Length by radius", place("classes"));
    page.section(
        "epochs",
        "Changes by epoch",
        Html::default().raw("<div class=\"scroll\" id=\"changes\" tabindex=\"0\"></div>"),
    );
    let files = ["summary.json", "branches.csv", "nodes.csv", "skeletons.csv", "run.json"];
    let mut links = Html::default()
        .raw("<p><a href=\"report.html\">The report of these results</a>: the network in 3-D, distributions, all branches.</p>")
        .raw("<ul class=\"files\">");
    for file in files {
        links = links.raw("<li><a href=\"").text(file).raw("\">").text(file).raw("</a></li>");
    }
    links = links
        .raw("</ul><p id=\"not-served\" class=\"note\" hidden>They are not served any more. They are in the folder <code>")
        .text(&results.display().to_string())
        .raw("</code>; <code>anabranch report</code> makes a page of them.</p>");
    page.section("files", "Results", links);
    page.script(include_str!("map.js"));
    page.script(include_str!("times.js"));
    page.script(include_str!("connection.js"));
    page.script(include_str!("live.js"));
    page.render()
}
