"""Run a figure's front end in a real browser, on a blank page, with a model that records what is asked of it."""

from typing import Any

from playwright.sync_api import ConsoleMessage, Error, Locator, Page

from vec2attn.widgets.base import MIME, Figure, front_end

# `model` keeps anywidget's interface and remembers; `arrive` is what a message from Python does
PROGRAM = """
async ([text, state]) => {
  const revive = (v) => {
    if (v === null || typeof v !== "object") return v;
    if ("$b64" in v) return new DataView(Uint8Array.from(atob(v.$b64), (c) => c.charCodeAt(0)).buffer);
    return Array.isArray(v) ? v.map(revive) : Object.fromEntries(Object.entries(v).map(([k, x]) => [k, revive(x)]));
  };
  class Model {
    values = revive(state); asked = []; listeners = []; ons = 0; offs = 0; reads = {};
    get(name) { this.reads[name] = (this.reads[name] ?? 0) + 1; return this.values[name]; }
    set(name, value) { this.asked.push(["set", name, value]); this.arrive(name, value); }
    save_changes() { this.asked.push(["save"]); }
    on(event, listener) { this.ons++; this.listeners.push([event, listener]); }
    off(event, listener) {
      const at = this.listeners.findIndex(([e, l]) => e === event && l === listener);
      if (at < 0) throw new Error(`off("${event}") for a listener that was never on`);
      this.offs++;
      this.listeners.splice(at, 1);
    }
    arrive(name, value) {
      if (JSON.stringify(this.values[name]) === JSON.stringify(value)) return;  // as Backbone does
      this.values[name] = value;
      for (const [event, listener] of [...this.listeners]) if (event === `change:${name}`) listener(this, value);
    }
  }
  const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  window.front = (await import(url)).default;
  window.model = new Model();
  window.undo = [];
  window.show = async () => {
    const el = document.createElement("section");
    document.body.append(el);
    undo.push(await front.render({ model, el }));
  };
}
"""
FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


class Lab:
    """A page, blank before, with `views` drawings of one model. Errors of the page are collected in `errors`."""

    def __init__(self, page: Page, figure: Figure, views: int = 1) -> None:
        self.page, self.errors = page, []
        page.goto("about:blank")
        page.on("pageerror", self._error)
        page.on("console", self._message)
        data, _ = figure._repr_mimebundle_()
        page.add_style_tag(content=figure._css)
        page.evaluate(PROGRAM, [front_end(figure.name), data[MIME]["state"]])
        for _ in range(views):
            page.evaluate("show()")

    def _error(self, error: Error) -> None:
        self.errors.append(str(error))

    def _message(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(message.text)

    def close(self) -> None:
        """Stop listening; the page stays for the next."""
        self.page.remove_listener("pageerror", self._error)
        self.page.remove_listener("console", self._message)

    def view(self, number: int = 0) -> Locator:
        return self.page.locator("section").nth(number)

    def arrive(self, **values: Any) -> None:
        """Set traits as Python would, and wait for the drawing."""
        self.page.evaluate("(values) => { for (const [n, v] of Object.entries(values)) model.arrive(n, v); }", values)
        self.frame()

    def frame(self) -> None:
        """Wait until everything that was due is drawn."""
        self.page.evaluate(FRAMES)

    def asked(self) -> list[list[Any]]:
        """Return and forget what the front end has asked of the model: ["set", name, value] and ["save"]."""
        self.frame()
        return self.page.evaluate("model.asked.splice(0)")

    def changes(self) -> dict[str, Any]:
        """Return what has been set since the last look; it must be saved after every step."""
        asked = self.asked()
        assert asked[-1:] in ([["save"]], [])
        return {name: value for _, name, value in (a for a in asked if a[0] == "set")}

    def picture(self, number: int = 0) -> dict[str, Any]:
        """Return what a view shows: its HTML but for the sentence, which comes later, and its controls' values."""
        return self.view(number).evaluate(
            "(el) => ({ html: el.innerHTML.replaceAll(/v2a-[a-z0-9]+-[0-9]+/g, 'id')"
            ".replaceAll(/<p class=.v2a-(said|hidden).[^>]*>.*?<.p>/g, ''),"
            " values: [...el.querySelectorAll('input, select')].map((control) => control.value) })"
        )

    def focused(self) -> str:
        """Say which control has the focus: its place among all of them, and what it is called."""
        return self.page.evaluate(
            "() => { const e = document.activeElement, all = [...document.querySelectorAll('input, select, button')];"
            " return `${all.indexOf(e)} ${e.tagName} ${e.getAttribute('aria-label') ?? e.labels?.[0]?.textContent}`; }"
        )
