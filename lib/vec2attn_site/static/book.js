// What a reader has read, kept in this browser and nowhere else, the mind map that shows it, the table of claims, and
// code that scrolls.
document.addEventListener("DOMContentLoaded", () => {
  const KEY = "from-vectors-to-attention: read";
  const read = () => { try { return new Set(JSON.parse(localStorage.getItem(KEY) ?? "[]")); } catch { return new Set(); } };
  const keep = (numbers) => { try { localStorage.setItem(KEY, JSON.stringify([...numbers].sort())); } catch { /* a browser that keeps nothing */ } };
  const all = (css, root = document) => [...root.querySelectorAll(css)];

  // the theme puts code that scrolls within reach of Tab, but measures it while a folded solution is still closed
  addEventListener("toggle", ({ target }) => {
    for (const code of all("pre", target)) if (code.scrollWidth > code.clientWidth) code.tabIndex = 0;
  }, true);

  // at the end of a notebook: a button that marks it
  for (const place of all(".book-done")) {
    const { number } = place.dataset, button = document.createElement("button");
    const show = () => {
      const done = read().has(number);
      button.setAttribute("aria-pressed", done);
      button.textContent = done ? "Read ✓" : "Mark as read";
    };
    button.type = "button";
    button.addEventListener("click", () => {
      const numbers = read();
      if (!numbers.delete(number)) numbers.add(number);
      keep(numbers);
      show();
    });
    show();
    place.append(button, " The map on the first page remembers it, in this browser only.");
    place.hidden = false;
  }

  for (const map of all(".book-map")) {
    const nodes = all(".map-node", map), words = map.querySelector(".map-words"), reset = map.querySelector(".map-reset");
    const needs = new Map(nodes.map((node) => [node.dataset.number, node.dataset.needs.split(" ").filter(Boolean)]));
    const above = (number) => new Set(needs.get(number).flatMap((one) => [one, ...above(one)]));
    const count = map.querySelector(".map-count"), whole = count.textContent;
    const show = () => {
      const numbers = read(), known = [...needs.keys()].filter((number) => numbers.has(number)).length;
      for (const node of nodes) node.classList.toggle("map-done", numbers.has(node.dataset.number));
      count.textContent = known ? `${whole} You have read ${known} of ${needs.size}.` : whole;
      reset.hidden = !known;
    };
    // one looks at a notebook, with the mouse or by Tab: all that it needs stands out
    const look = (node) => {
      const number = node?.dataset.number, wanted = number ? above(number) : new Set();
      map.classList.toggle("map-looking", Boolean(number));
      for (const other of nodes) {
        other.classList.toggle("map-needed", wanted.has(other.dataset.number));
        other.classList.toggle("map-chosen", other.dataset.number === number);
      }
      for (const arrow of all(".map-arrow", map)) {
        const { from, to } = arrow.dataset;
        arrow.classList.toggle("map-needed", wanted.has(from) && (wanted.has(to) || to === number));
      }
      words.textContent = number ? `${number} needs ${[...wanted].sort().join(", ") || "nothing before it"}. ${node.dataset.words}`
        : "Point at a notebook, or reach it with Tab, to see all that it needs.";
    };
    for (const node of nodes) {
      node.addEventListener("focus", () => look(node));
      node.addEventListener("mouseenter", () => look(node));
      node.addEventListener("mouseleave", () => look(document.activeElement?.closest?.(".map-node")));
      node.addEventListener("blur", () => look(null));
    }
    reset.addEventListener("click", () => { keep([]); show(); });
    addEventListener("storage", show);  // another tab
    show();
    look(null);
  }

  // the table of claims: only those rows that hold all the words
  for (const table of all(".claims-table")) {
    const rows = all("tbody tr", table), count = document.querySelector(".claims-count"), whole = count.textContent;
    const field = document.createElement("input"), label = document.createElement("label");
    field.type = "search";
    field.addEventListener("input", () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const row of rows) row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
      const shown = rows.filter((row) => !row.hidden).length;
      count.textContent = words.length ? `${shown} of ${rows.length} claims hold these words.` : whole;
    });
    label.className = "claims-search";
    label.append("Find a claim, a verdict or a notebook ", field);
    count.before(label);
    count.setAttribute("role", "status");
  }
});
