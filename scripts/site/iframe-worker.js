/* In a page that is opened from a folder no browser starts a worker: a frame of the page runs its script instead. */
if (location.protocol === "file:") {
    window.Worker = class extends EventTarget {
        constructor(address) {
            super();
            const frame = document.createElement("iframe");
            frame.hidden = true;
            document.body.append(frame);
            this.frame = frame;
            const inner = frame.contentWindow;
            inner.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
            const script = frame.contentDocument.createElement("script");
            script.src = String(address);
            this.ready = new Promise((resolve) => script.addEventListener("load", resolve));
            frame.contentDocument.body.append(script);
        }

        async postMessage(data) {
            await this.ready;
            this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data }));
        }

        terminate() {
            this.frame.remove();
        }
    };
}
