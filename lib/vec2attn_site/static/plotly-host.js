// Draws the page's plotly plots when they come near, with the smallest of the site's own plotly bundles that can.
(() => {
  const base = new URL(".", document.currentScript.src);
  const bundles = new Map();   // name -> promise of that bundle's Plotly; two bundles can share a page
  const drawn = [];            // [Plotly, element] of every plot, to follow the theme

  let before = Promise.resolve();
  function plotly(name) {
    if (!bundles.has(name)) {
      // one after the other: every bundle sets the same global
      before = before.catch(() => {}).then(() => new Promise((resolve, reject) => {
        const script = Object.assign(document.createElement("script"), { src: new URL(`plotly-${name}.min.js`, base) });
        script.onload = () => resolve(window.Plotly);
        script.onerror = () => reject(new Error(`cannot load ${script.src}`));
        document.head.append(script);
      }));
      bundles.set(name, before);
    }
    return bundles.get(name);
  }

  /** The page's own colours, for paper, text and lines. */
  function skin() {
    const style = getComputedStyle(document.documentElement), colour = (name) => style.getPropertyValue(name).trim();
    const [text, rule] = [colour("--pst-color-text-base"), colour("--pst-color-border")];
    const axis = { gridcolor: rule, linecolor: rule, zerolinecolor: rule };
    const update = { paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", "font.color": text };
    for (const name of ["xaxis", "yaxis"]) for (const [key, value] of Object.entries(axis)) update[`${name}.${key}`] = value;
    return update;
  }

  /** Traces name a role instead of a colour (meta.role), so that each theme can give it its own. */
  const roles = () => {
    const dark = document.documentElement.dataset.theme === "dark";
    return dark
      ? { in: "#6cb6ff", key: "#f2a65a", out: "#4cc9a0", map: "#b79cff", error: "#ff7b72", muted: "#9da7b3" }
      : { in: "#0b63b5", key: "#b45309", out: "#0f7b5f", map: "#6d3fc0", error: "#c2262e", muted: "#57606a" };
  };
  async function paint(Plotly, element) {
    const colours = roles();
    const named = element.data.map((trace, i) => [i, colours[trace.meta?.role]]).filter(([, colour]) => colour);
    const [indices, values] = [named.map(([i]) => i), named.map(([, colour]) => colour)];
    if (indices.length) await Plotly.restyle(element, { "line.color": values, "marker.color": values }, indices);
    await Plotly.relayout(element, skin());
  }

  async function start(box) {
    try {
      const { data, layout, frames } = JSON.parse(box.querySelector(":scope > script").textContent);
      const Plotly = await plotly(box.dataset.bundle), element = document.createElement("div");
      element.style.minHeight = box.style.minHeight;
      box.replaceChildren(element);
      const config = { responsive: true, displaylogo: false, displayModeBar: false };
      await Plotly.newPlot(element, { data, layout, frames, config });
      await paint(Plotly, element);
      drawn.push([Plotly, element]);
      box.dataset.state = "live";
    } catch (error) {
      box.dataset.state = "failed";
      box.textContent = `${box.getAttribute("aria-label")}: the plot could not be drawn.`;
      console.error("plot:", error);
    }
  }

  new MutationObserver(() => { for (const [Plotly, element] of drawn) paint(Plotly, element); })
    .observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  const nearby = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) if (isIntersecting) { nearby.unobserve(target); start(target); }
  }, { rootMargin: "600px" });
  for (const box of document.querySelectorAll(".v2a-plot")) nearby.observe(box);
})();
