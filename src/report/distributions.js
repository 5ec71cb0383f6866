"use strict";
// Distributions: histograms or violins of the measures by kind, and lengths by class of radius.
report.distributions = host => {
    const { element, number, grouped } = page;
    const data = page.data("distributions-data");
    const kinds = report.KINDS.map((name, kind) => ({ name, colour: `var(--kind-${kind})` }));
    const grid = element("div", { class: "charts" });
    let violins = false;

    function draw() {
        const figures = data.measures.map(measure => {
            const label = measure.name + (measure.unit ? ` (${measure.unit})` : "");
            const series = measure.kinds.map((kind, i) => ({ ...kinds[i], counts: kind.counts, quartiles: kind.quartiles, edges: measure.edges, branches: kind.branches }));
            const zeros = measure.kinds.reduce((sum, kind) => sum + kind.zeros, 0);
            const note = zeros ? `${grouped(zeros)} with 0 are not shown.` : "";
            if (!violins) return charts.histogram({ title: measure.name, note, label, log: measure.log, edges: measure.edges, series });
            const groups = series.filter(one => one.counts.some(count => count > 0));
            return charts.violin({ title: measure.name, note, label, log: measure.log, groups });
        });
        if (data.length_by_radius && data.length_by_radius.length) {
            const unit = report.facts.unit;
            figures.push(charts.bars({
                title: "Length by radius", note: "of all branches, by their mean radius", label: `Mean radius (${unit})`, valueLabel: `Length (${unit})`,
                bars: data.length_by_radius.map(({ above, to, branches, length }) => ({
                    name: `${number(above, 3)}–${number(to, 3)}`, value: length,
                    text: `above ${number(above, 3)} to ${number(to, 3)} ${unit}: ${number(length)} ${unit} in ${grouped(branches)} branches`,
                })),
            }));
        }
        grid.replaceChildren(...figures);
    }

    const toggle = (text, value) => element("button", { type: "button", text, "aria-pressed": String(violins === value), onclick: event => {
        violins = value;
        for (const button of event.target.parentElement.children) button.setAttribute("aria-pressed", String(button === event.target));
        draw();
    } });
    const left = data.left_out, branches = left === 1 ? "1 branch that touches" : `${grouped(left)} branches that touch`;
    const note = left ? `Without the ${branches} the border of the image: what lies outside is not known.`
        : data.border_known ? "No branch touches the border of the image." : "These results do not tell which branches touch the border of the image: all are included.";
    host.append(element("div", { class: "controls", role: "group", "aria-label": "Form of the charts" }, toggle("Histograms", false), toggle("Violins", true)), element("p", { class: "note", text: note }), grid);
    draw();
};
