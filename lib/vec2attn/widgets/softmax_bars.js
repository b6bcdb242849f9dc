// Softmax on vocabulary logits: the most probable tokens one by one, the tail as a summary that keeps the sums right.

/** Read a prompt's binary parts: the largest logits exactly, and bins of the rest with count, mean and moments. */
export function decode({ exact, counts, means, second, third }) {
  const reader = (get) => (view) => Float64Array.from({ length: view.byteLength / 4 }, (_, i) => view[get](4 * i, true));
  const floats = reader("getFloat32"), whole = reader("getUint32");
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

const groups = new WeakMap();  // data -> its tokens and bins as objects, by falling logit
function grouped(data) {
  if (!groups.has(data)) {
    const single = Array.from(data.exact, (z, row) => ({ z, n: 1, m2: 0, m3: 0, row }));
    const bins = Array.from(data.n, (n, i) => ({ z: data.z[i], n, m2: data.m2[i], m3: data.m3[i], row: -1 }));
    groups.set(data, [...single, ...bins]);
  }
  return groups.get(data);
}

/** The groups by falling logit: as stored, but for the edited tokens, which take their new places. */
function ranking(data, edits) {
  const all = grouped(data);
  const moved = edits.flatMap((edit, row) => (edit ? [{ ...all[row], z: all[row].z + edit }] : []));
  if (!moved.length) return all;
  moved.sort((a, b) => b.z - a.z || a.row - b.row);
  const ranked = [];
  let next = 0;
  for (const group of all) {
    if (edits[group.row]) continue;
    while (next < moved.length && moved[next].z > group.z) ranked.push(moved[next++]);
    ranked.push(group);
  }
  return ranked.concat(moved.slice(next));
}

/**
 * Probabilities of the single tokens and of the tail, after adding c, temperature T, top-k, then top-p.
 * edits[i] is added to the logit of the i-th token. Order as in the library: by falling logit.
 */
export function distribution(data, { T = 1, k = Infinity, p = 1, c = 0, edits = [] } = {}) {
  const ranked = ranking(data, edits), beta = 1 / T, zero = ranked[0].z + c;
  const weigh = (group) => sums({ ...group, z: group.z + c }, beta, zero);

  let kept = [], total = 0;
  for (const group of ranked) {  // top-k
    if (k <= 0) break;
    const part = k < group.n ? upper(group, k) : group, [f, g] = weigh(part);
    kept.push({ part, f, g });
    total += f;
    k -= group.n;
  }
  if (p < 1) {  // top-p: a token stays iff the probabilities before it sum to less than p
    const goal = p * total, nucleus = [];
    total = 0;
    for (const entry of kept) {
      if (total >= goal) break;
      let { part, f, g } = entry;
      if (total + f > goal && part.n > 1) {
        let [low, high] = [0, part.n];  // the smallest number of tokens that reaches the goal
        while (high - low > 1) {
          const middle = (low + high) >> 1;
          if (total + weigh(upper(part, middle))[0] < goal) low = middle; else high = middle;
        }
        part = upper(part, high);
        [f, g] = weigh(part);
      }
      nucleus.push({ part, f, g });
      total += f;
    }
    kept = nucleus;
  }

  const probabilities = new Float64Array(data.exact.length);
  let moment = 0, tail = 0, tokens = 0;
  for (const { part, f, g } of kept) {
    moment += g; tokens += part.n;
    if (part.row >= 0) probabilities[part.row] = f / total; else tail += f / total;
  }
  const entropy = Math.max(0, Math.log(total) - (beta * moment) / total);
  return { probabilities, tail, entropy, perplexity: Math.exp(entropy), kept: tokens, largest: zero };
}

/** The probability of all tokens but the first `shown`. */
export function others({ probabilities, tail }, shown) {
  return probabilities.subarray(shown).reduce((sum, p) => sum + p, tail);
}

/** Percent with the digits that a reader can use: 77.3 %, 0.42 %, <0.01 %. */
export function percent(x) {
  if (x === 0) return "0 %";
  if (x < 1e-4) return "<0.01 %";
  return `${(100 * x).toFixed(x < 0.0995 ? 2 : 1)} %`;
}

/** The stops of the top-k slider: 1 to 9, then 10, 15, 20, 30, 50, 70 and their tens, and all. */
export function stops(vocabulary) {
  const list = [1, 2, 3, 4, 5, 6, 7, 8, 9];
  for (let tens = 10; tens < vocabulary; tens *= 10) list.push(...[1, 1.5, 2, 3, 5, 7].map((m) => m * tens));
  return [...list.filter((k) => k < vocabulary), vocabulary];
}

const REACH = 12;  // how far a logit can be dragged beyond the largest and smallest shown
const STEP = 0.05;  // of a dragged logit

function render({ model, el }) {
  const prompts = model.get("prompts"), shown = prompts[0].tokens.length, ks = stops(model.get("vocabulary"));
  const decoded = prompts.map(decode), given = decoded.map((data) => distribution(data));
  const whole = commas(model.get("vocabulary"));
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
    const logit = h("input", { type: "range", class: "v2a-logit", step: STEP, oninput: () => {
      const edits = Array.from({ length: shown }, (_, j) => model.get("edits")[j] ?? 0);
      const edit = Number(logit.value) - decoded[model.get("prompt")].exact[i] - model.get("c");
      edits[i] = Math.round(edit / STEP) * STEP || 0;
      change(`Logit of “${name.textContent}”`, { edits });
    } });
    const z = h("span"), level = h("i"), bar = h("i"), ghost = h("b"), p = h("span");
    const tr = h("tr", {}, name, h("td", {}, h("div", { class: "v2a-pair" }, h("div", { class: "v2a-pane v2a-level" }, level, logit), pane(z))),
      h("td", {}, h("div", { class: "v2a-pair" }, h("div", { class: "v2a-share" }, bar, ghost), pane(p))));
    return { tr, name, logit, level, z, bar, ghost, p };
  });
  const rest = { bar: h("i"), ghost: h("b"), p: h("span"), z: h("td") };
  const remaining = commas(model.get("vocabulary") - shown);
  const table = h("table", { class: "v2a-bars" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Token"), h("th", { scope: "col" }, "Logit z (drag)"), h("th", { scope: "col" }, "Probability p"))),
    h("tbody", {}, ...rows.map(({ tr }) => tr),
      h("tr", { class: "v2a-rest" }, h("th", { scope: "row" }, `${remaining} others`), rest.z,
        h("td", {}, h("div", { class: "v2a-pair" }, h("div", { class: "v2a-share" }, rest.bar, rest.ghost), pane(rest.p))))));
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

  const show = (row, share, before, cut) => {
    if (row.share === share && row.before === before && row.cut === cut) return;
    Object.assign(row, { share, before, cut });
    row.bar.style.transform = `scaleX(${share})`;
    row.ghost.style.left = `${100 * before}%`;
    setText(row.p, cut ? "cut" : percent(share));
    row.p.closest("tr").classList.toggle("v2a-cut", cut);
  };
  let last = null;
  const draw = () => {
    const at = model.get("prompt"), { exact } = decoded[at], { tokens } = prompts[at];
    const [T, k, p, c, edits] = ["T", "k", "p", "c", "edits"].map((name) => model.get(name));
    const now = distribution(decoded[at], { T, k, p, c, edits }), before = given[at];
    const logits = rows.map((_, i) => exact[i] + (edits[i] ?? 0) + c);
    const low = Math.min(Math.floor(exact[shown - 1]) - REACH, Math.floor(Math.min(...logits)));
    const high = Math.max(Math.ceil(exact[0]) + REACH, Math.ceil(Math.max(...logits)));
    if (Number(choice.value) !== at) choice.value = at;
    temperature.show(Math.log10(T), T.toFixed(2));
    topK.show(ks.findLastIndex((stop) => stop <= k), k >= model.get("vocabulary") ? "all" : commas(k));
    topP.show(p, p.toFixed(2));
    constant.show(c, (c > 0 ? "+" : "") + fixed(c, 1));
    rows.forEach((row, i) => {
      const z = logits[i], share = now.probabilities[i], name = readable(tokens[i]);
      setText(row.name, name);
      setText(row.z, fixed(z, 2));
      show(row, share, before.probabilities[i], share === 0);
      // the browser moves a slider in steps from its minimum: start the steps where the logit lies on one of them
      setAttribute(row.logit, "min", (z - Math.floor((z - low) / STEP) * STEP).toFixed(9));
      setAttribute(row.logit, "max", high);
      if (Math.abs(row.logit.valueAsNumber - z) > 1e-6) row.logit.value = z.toFixed(9);
      row.level.style.transform = `scaleX(${(z - low) / (high - low)})`;
      setAttribute(row.logit, "aria-label", `Logit of ${name}`);
      setAttribute(row.logit, "aria-valuetext", `${fixed(z, 2)}, probability ${percent(share)}`);
    });
    const ahead = rows.filter((_, i) => now.probabilities[i] > 0).length;
    show(rest, others(now, shown), others(before, shown), now.kept <= ahead);
    setText(value.entropy, `${now.entropy.toFixed(3)} nats`);
    setText(value.perplexity, now.perplexity >= 1000 ? commas(Math.round(now.perplexity)) : now.perplexity.toFixed(2));
    setText(value.kept, `${commas(now.kept)} of ${whole}`);
    const best = now.probabilities.reduce((b, x, i, all) => (x > all[b] ? i : b), 0);
    reset.disabled = T === 1 && k >= model.get("vocabulary") && p === 1 && c === 0 && !edits.some((e) => e !== 0);
    voice.say(sentence(reason, last, now, { c, best: best < shown ? readable(tokens[best]) : "another token" }));
    last = now;
    reason = "";
  };
  const unwatch = watch(model, ["prompt", "T", "k", "p", "c", "edits"], draw);
  return () => { unwatch(); voice.stop(); };
}

/** Say in words what has just happened. */
export function sentence(reason, before, now, { c, best }) {
  const change = before ? now.entropy - before.entropy : 0;
  const size = `${now.entropy.toFixed(2)} nats, as uncertain as a fair die with ${now.perplexity < 100 ? now.perplexity.toFixed(1) : commas(Math.round(now.perplexity))} faces`;
  if (reason === "Constant") return `Every logit moved by ${fixed(c, 1)}; no probability moved.`;
  if (!reason || Math.abs(change) < 5e-4) return `Most probable: ${best}. Entropy ${size}.`;
  return `${reason}: entropy ${change > 0 ? "rose" : "fell"} to ${size}. Most probable: ${best}.`;
}

export default { render };
