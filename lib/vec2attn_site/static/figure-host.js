// Runs the front ends of the book's figures, written for anywidget, on a page without a kernel.
// A classic script: it also works in a page opened from disk, where browsers refuse module files.
(() => {
  const base = new URL(".", document.currentScript.src);
  const modules = new Map();   // name -> promise of the front end
  const waiting = new Map();   // name -> called with the module's text when its script has run
  const models = new Map();    // number of the model on this page -> Model

  window.vec2attn = { register: (name, text) => waiting.get(name)?.(text) };

  /** The front end of a figure: its script hands over the text of a module, which becomes a module by way of a Blob. */
  function frontEnd(name, source) {
    if (!modules.has(name)) {
      modules.set(name, new Promise((resolve, reject) => {
        waiting.set(name, (text) => {
          const url = URL.createObjectURL(new Blob([text, `\n//# sourceURL=${name}.js`], { type: "text/javascript" }));
          import(url).then((module) => resolve(module.default), reject).finally(() => URL.revokeObjectURL(url));
        });
        const script = Object.assign(document.createElement("script"), { src: new URL(source, base) });
        script.onerror = () => reject(new Error(`cannot load ${script.src}`));
        document.head.append(script);
      }));
    }
    return modules.get(name);
  }

  /** anywidget's model, as far as a front end may use it, with nobody at the other end. */
  class Model {
    #state; #listeners = new Map();
    constructor(state) { this.#state = state; }
    get(name) { return this.#state[name]; }
    set(name, value) {
      if (Object.is(this.#state[name], value) || JSON.stringify(this.#state[name]) === JSON.stringify(value)) return;
      this.#state[name] = value;
      this.#emit(`change:${name}`, value);
      this.#emit("change");
    }
    save_changes() {}
    send() {}
    on(event, listener) {
      if (!this.#listeners.has(event)) this.#listeners.set(event, new Set());
      this.#listeners.get(event).add(listener);
    }
    off(event, listener) {
      if (event === undefined) this.#listeners.clear();
      else if (listener === undefined) this.#listeners.delete(event);
      else this.#listeners.get(event)?.delete(listener);
    }
    #emit(event, value) {
      for (const listener of [...(this.#listeners.get(event) ?? [])]) listener(this, value);
    }
  }

  /** Binary traits arrive as a kernel would send them. */
  const revive = (_, value) => (value && typeof value === "object" && "$b64" in value
    ? new DataView(Uint8Array.from(atob(value.$b64), (c) => c.charCodeAt(0)).buffer) : value);

  async function start(box) {
    try {
      const { model: number, state } = JSON.parse(box.querySelector(":scope > script").textContent, revive);
      const module = await frontEnd(box.dataset.name, box.dataset.source);
      if (!models.has(number)) {
        models.set(number, new Model(state));
        await module.initialize?.({ model: models.get(number) });
      }
      const el = document.createElement("div");
      await module.render({ model: models.get(number), el });
      box.replaceChildren(el);
      box.dataset.state = "live";
    } catch (error) {           // the still picture stays
      box.dataset.state = "failed";
      console.error(`figure ${box.dataset.name}:`, error);
    }
  }

  const nearby = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) if (isIntersecting) { nearby.unobserve(target); start(target); }
  }, { rootMargin: "800px" });
  for (const box of document.querySelectorAll(".v2a-figure")) nearby.observe(box);
})();
