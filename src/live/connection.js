"use strict";
// The connection to the program. It brings events, and is opened anew when it is lost or has fallen silent.
const connection = (() => {
    // Milliseconds after which a lost one is tried again, and without a word after which one counts as lost: the program says
    // something every 15 s.
    const RETRY = 2000, SILENCE = 45000, LOOK = 5000;
    // "connecting", "open", "lost"; "gone" where another program answers, which does not know the address of this page.
    let state = "connecting", source = null, heard = 0, acts = {};

    function become(next) {
        if (next === state) return;
        state = next;
        acts.state();
    }

    function open() {
        source = new EventSource("events");
        source.addEventListener("error", () => {
            become("lost");
            // The browser tries again by itself, but for answers that are no stream.
            if (source.readyState === EventSource.CLOSED) ask();
        });
        for (const name of ["epoch", "progress"]) source.addEventListener(name, event => {
            heard = Date.now();
            become("open");
            acts[name](event.data ? JSON.parse(event.data) : null);
        });
        heard = Date.now();
    }

    async function ask() {
        const answer = await fetch("map.json", { cache: "no-store" }).catch(() => null);
        if (answer?.status === 404) become("gone");
        else setTimeout(open, RETRY);
    }

    // A machine that slept, or a network that drops what it should pass on, ends no connection.
    setInterval(() => {
        if (source?.readyState !== EventSource.OPEN || Date.now() - heard < SILENCE) return;
        source.close();
        become("lost");
        open();
    }, LOOK);

    // Calls `epoch` and `progress` with what they tell, and `state` when it has changed.
    function follow(all) {
        acts = all;
        open();
    }

    return { follow, end: () => source.close(), get state() { return state; } };
})();
