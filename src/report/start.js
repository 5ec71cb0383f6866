"use strict";
// Fills the parts of the page, the quick ones first. What fails says so in its place, and the others go on.
(async () => {
    const [view, table, chartsHost, picture] = ["view", "table", "charts", "picture"].map(id => document.getElementById(id));
    const part = (host, act) => { try { if (host) act(host); } catch (error) { page.fail(host, error); } };
    part(chartsHost, report.distributions);
    part(picture, report.picture);
    try {
        if (!("DecompressionStream" in window)) throw new Error("This browser is too old to unpack the network and the table: use one of 2023 or newer.");
        await report.load();
    } catch (error) {
        for (const host of [view, table]) if (host) page.fail(host, error);
        return;
    }
    part(table, report.table);
    // What there is can be read while the view is made, which takes a second or two without a graphics card.
    await new Promise(done => setTimeout(done, 20));
    // The view says it, where there is no branch.
    part(view, host => report.rows ? report.view(host) : host.append(page.element("p", { class: "note", text: "There is no branch to show." })));
    document.documentElement.dataset.ready = "true";
})();
