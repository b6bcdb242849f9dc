// Softmax on vocabulary logits: the most probable tokens one by one, the tail as a summary that keeps the sums right.

/** Read a prompt's binary parts: the largest logits exactly, and bins of the rest with count, mean and moments. */
export function decode({ exact, counts, means, second, third }) {
  const reader = (type, bytes, get) => (view) =>
    Float64Array.from({ length: view.byteLength / bytes }, (_, i) => view[get](i * bytes, true));
  const floats = reader("float32", 4, "getFloat32"), whole = reader("uint16", 2, "getUint16");
  return { exact: floats(exact), n: whole(counts), z: floats(means), m2: floats(second), m3: floats(third) };
}

/** A bin's Σ exp(β(zᵢ − zero)) and Σ (zᵢ − zero) exp(β(zᵢ − zero)), by its moments; exact for a single token. */
export function sums({ z, n, m2, m3 }, beta, zero) {
  const a = z - zero, e = n * Math.exp(beta * a);
  const f = e * (1 + beta * beta * (m2 / 2 + (beta * m3) / 6));
  return [f, a * f + e * beta * (m2 + (beta * m3) / 2)];
}

/** The m largest of a bin, taken as spread evenly over its width. */
export function upper(bin, m) {
  const half = Math.sqrt(3 * bin.m2), share = m / bin.n;
  return { z: bin.z + half * (1 - share), n: m, m2: (half * share) ** 2 / 3, m3: 0, row: bin.row };
}

/**
 * Probabilities of the shown tokens and of all others together, after adding c, temperature T, top-k, then top-p.
 * edits[i] is added to the logit of shown token i. Order and ties as in the library: stable, by falling logit.
 */
export function distribution(data, { T = 1, k = Infinity, p = 1, c = 0, edits = [] } = {}) {
  const groups = [];
  data.exact.forEach((z, row) => groups.push({ z: z + c + (edits[row] ?? 0), n: 1, m2: 0, m3: 0, row }));
  data.n.forEach((n, i) => groups.push({ z: data.z[i] + c, n, m2: data.m2[i], m3: data.m3[i], row: -1 }));
  groups.sort((a, b) => b.z - a.z);
  const beta = 1 / T, zero = groups[0].z;

  let kept = [];
  for (const group of groups) {  // top-k
    if (k <= 0) break;
    kept.push(k < group.n ? upper(group, k) : group);
    k -= group.n;
  }
  if (p < 1) {  // top-p: a token stays iff the probabilities before it sum to less than p
    const goal = p * kept.reduce((total, group) => total + sums(group, beta, zero)[0], 0);
    const nucleus = [];
    let before = 0;
    for (const group of kept) {
      if (before >= goal) break;
      const mass = sums(group, beta, zero)[0];
      if (before + mass <= goal || group.n === 1) nucleus.push(group);
      else {
        let [low, high] = [0, group.n];  // the smallest m that reaches the goal
        while (high - low > 1) {
          const middle = (low + high) >> 1;
          if (before + sums(upper(group, middle), beta, zero)[0] < goal) low = middle; else high = middle;
        }
        nucleus.push(upper(group, high));
      }
      before += mass;
    }
    kept = nucleus;
  }

  let total = 0, moment = 0, tokens = 0;
  const weights = new Float64Array(data.exact.length);
  for (const group of kept) {
    const [f, g] = sums(group, beta, zero);
    total += f; moment += g; tokens += group.n;
    if (group.row >= 0) weights[group.row] = f;
  }
  const entropy = Math.max(0, Math.log(total) - (beta * moment) / total);
  return { probabilities: weights.map((w) => w / total), entropy, perplexity: Math.exp(entropy), kept: tokens, largest: zero };
}

/** Percent with the digits that a reader can use: 77.3 %, 0.42 %, <0.01 %. */
export function percent(x) {
  if (x === 0) return "0 %";
  if (x < 1e-4) return "<0.01 %";
  return `${(100 * x).toFixed(x < 0.0995 ? 2 : 1)} %`;
}

/** The stops of the top-k slider: 1, 2, … 10, 12, 15, 20, 30, 50, 70, 100, … and all. */
export function stops(vocabulary) {
  const list = [1, 2, 3, 4, 5, 6, 7, 8, 9];
  for (let tens = 10; tens < vocabulary; tens *= 10) list.push(...[1, 1.5, 2, 3, 5, 7].map((m) => m * tens));
  return [...list.filter((k) => k < vocabulary), vocabulary];
}

const readable = (token) => token.replaceAll(" ", "␣").replaceAll("\n", "↵").replaceAll("\t", "⇥");
const REACH = 12;  // how far a logit can be dragged beyond the largest and smallest shown

function render({ model, el }) {
  const prompts = model.get("prompts"), shown = prompts[0].tokens.length, ks = stops(model.get("vocabulary"));
  const decoded = prompts.map(decode);
  const whole = model.get("vocabulary").toLocaleString("en");
  const voice = announcer();
  let reason = "";
  const change = (what, values) => { reason = what; put(model, values); };

  const choice = h("select", { "aria-label": "Prompt", onchange: () => {
    change("Another prompt", { prompt: Number(choice.value), edits: [] });
  } }, ...prompts.map(({ text }, i) => h("option", { value: i }, text.trimEnd().replaceAll("\n", " ↵ ") + " …")));
  const reset = h("button", { type: "button", onclick: () => {
    change("Reset", { T: 1, k: model.get("vocabulary"), p: 1, c: 0, edits: [] });
    choice.focus();  // the button is about to be disabled
  } }, "Reset");

  const temperature = slider("Temperature T", { min: -1, max: 0.7, step: 0.01 }, (v) => change("Temperature", { T: Math.abs(v) < 0.005 ? 1 : 10 ** v }));
  const topK = slider("Top-k", { min: 0, max: ks.length - 1, step: 1 }, (v) => change("Top-k", { k: ks[v] }));
  const topP = slider("Top-p", { min: 0.01, max: 1, step: 0.01 }, (v) => change("Top-p", { p: v }));
  const constant = slider("Add to every z", { min: -10, max: 10, step: 0.5 }, (v) => change("Constant", { c: v }));

  const rows = Array.from({ length: shown }, (_, i) => {
    const name = h("th", { scope: "row" });
    const logit = h("input", { type: "range", class: "v2a-logit", step: 0.05, oninput: () => {
      const edits = Array.from({ length: shown }, (_, j) => model.get("edits")[j] ?? 0);
      edits[i] = Number(logit.value) - decoded[model.get("prompt")].exact[i] - model.get("c");
      if (Math.abs(edits[i]) < 0.05) edits[i] = 0;
      change(`Logit of “${name.textContent}”`, { edits });
    } });
    const z = h("span"), bar = h("i"), ghost = h("b"), p = h("span");
    const tr = h("tr", {}, name, h("td", {}, h("div", { class: "v2a-pair" }, logit, z)),
      h("td", {}, h("div", { class: "v2a-pair" }, h("div", { class: "v2a-share" }, bar, ghost), p)));
    return { tr, name, logit, z, bar, ghost, p };
  });
  const rest = { bar: h("i"), ghost: h("b"), p: h("span"), z: h("td") };
  const others = (model.get("vocabulary") - shown).toLocaleString("en");
  const table = h("table", { class: "v2a-bars" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Next token"), h("th", { scope: "col" }, "Logit z (drag)"), h("th", { scope: "col" }, "Probability p"))),
    h("tbody", {}, ...rows.map(({ tr }) => tr),
      h("tr", { class: "v2a-rest" }, h("th", { scope: "row" }, `${others} others`), rest.z,
        h("td", {}, h("div", { class: "v2a-pair" }, h("div", { class: "v2a-share" }, rest.bar, rest.ghost), rest.p)))));
  const value = {};
  const numbers = h("dl", { class: "v2a-numbers" }, ...[["entropy", "Entropy H"], ["perplexity", "Perplexity"], ["kept", "Tokens kept"]]
    .map(([key, label]) => h("div", {}, h("dt", {}, label), value[key] = h("dd"))));

  el.classList.add("v2a");
  el.append(
    h("div", { class: "v2a-prompt" }, choice, reset),
    h("div", { class: "v2a-controls" }, temperature.row, topK.row, topP.row, constant.row),
    table, numbers, ...voice.elements,
    h("p", { class: "v2a-key" }, "Dashed line: what the model gave. Hatched: cut by top-k or top-p."),
  );

  let last = null;
  const draw = () => {
    const at = model.get("prompt"), data = decoded[at], { tokens, text } = prompts[at];
    const [T, k, p, c] = ["T", "k", "p", "c"].map((name) => model.get(name));
    const edits = model.get("edits");
    const now = distribution(data, { T, k, p, c, edits }), given = distribution(data);
    const low = Math.floor(data.exact[shown - 1]) - REACH, high = Math.ceil(data.exact[0]) + REACH;
    choice.value = at;
    temperature.show(Math.log10(T), T.toFixed(2));
    topK.show(ks.findLastIndex((stop) => stop <= k), k >= model.get("vocabulary") ? "all" : k.toLocaleString("en"));
    topP.show(p, p.toFixed(2));
    constant.show(c, (c > 0 ? "+" : "") + fixed(c, 1));
    rows.forEach((row, i) => {
      const z = data.exact[i] + (edits[i] ?? 0) + c, share = now.probabilities[i];
      row.name.textContent = readable(tokens[i]);
      Object.assign(row.logit, { min: low, max: high, value: z });
      row.logit.style.setProperty("--fill", `${Math.max(0, Math.min(100, (100 * (z - low)) / (high - low)))}%`);
      row.logit.setAttribute("aria-label", `Logit of ${readable(tokens[i])}`);
      row.logit.setAttribute("aria-valuetext", `${fixed(z, 2)}, probability ${percent(share)}`);
      row.z.textContent = fixed(z, 2);
      row.bar.style.width = `${100 * share}%`;
      row.ghost.style.left = `${100 * given.probabilities[i]}%`;
      row.p.textContent = share === 0 ? "cut" : percent(share);
      row.tr.classList.toggle("v2a-cut", share === 0);
    });
    const others = (d) => Math.max(0, 1 - d.probabilities.subarray(0, shown).reduce((a, b) => a + b, 0));
    const cut = now.kept <= rows.filter((_, i) => now.probabilities[i] > 0).length;
    rest.bar.style.width = cut ? "0" : `${100 * others(now)}%`;
    rest.ghost.style.left = `${100 * others(given)}%`;
    rest.p.textContent = cut ? "cut" : percent(others(now));
    rest.bar.closest("tr").classList.toggle("v2a-cut", cut);
    value.entropy.textContent = `${now.entropy.toFixed(3)} nats`;
    value.perplexity.textContent = now.perplexity >= 1000 ? Math.round(now.perplexity).toLocaleString("en") : now.perplexity.toFixed(2);
    value.kept.textContent = `${now.kept.toLocaleString("en")} of ${whole}`;
    const best = now.probabilities.reduce((b, x, i, all) => (x > all[b] ? i : b), 0);
    reset.disabled = T === 1 && k >= model.get("vocabulary") && p === 1 && c === 0 && !edits.some((e) => e !== 0);
    voice.say(sentence(reason, last, now, { T, k, p, c, whole, best: best < shown ? readable(tokens[best]) : "another token", text }));
    last = now;
    reason = "";
  };
  const unwatch = watch(model, ["prompt", "T", "k", "p", "c", "edits"], draw);
  return () => { unwatch(); voice.stop(); };
}

/** Say in words what has just happened. */
export function sentence(reason, before, now, { c, best }) {
  const change = before ? now.entropy - before.entropy : 0;
  const size = `${now.entropy.toFixed(2)} nats, as uncertain as a fair die with ${now.perplexity < 100 ? now.perplexity.toFixed(1) : Math.round(now.perplexity).toLocaleString("en")} faces`;
  if (reason === "Constant") return `Every logit moved by ${fixed(c, 1)}; no probability moved.`;
  if (!reason || Math.abs(change) < 5e-4) return `Most probable: ${best}. Entropy ${size}.`;
  return `${reason}: entropy ${change > 0 ? "rose" : "fell"} to ${size}. Most probable: ${best}.`;
}

export default { render };
