// Attention explorer: softmax(QKᵀ/√d) of real heads, computed here; lines for one query, a table for all.

/** Read numbers of 16 bits (sign, 5 bits of exponent, 10 of fraction), lowest byte first. */
export function decode(view) {
  return Float64Array.from({ length: view.byteLength / 2 }, (_, i) => {
    const bits = view.getUint16(2 * i, true), e = (bits >> 10) & 31, f = bits & 1023;
    return (bits >> 15 ? -1 : 1) * (e ? 2 ** (e - 15) * (1 + f / 1024) : f * 2 ** -24);
  });
}

/** All dot products of n queries with n keys of size d; those of head number `head` in arrays that hold many. */
export function products(Q, K, n, d, head = 0) {
  const S = new Float64Array(n * n), start = head * n * d;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let c = 0; c < d; c++) sum += Q[start + i * d + c] * K[start + j * d + c];
      S[i * n + j] = sum;
    }
  }
  return S;
}

/** Scores and weights, row by row: dot products over T √d, masked where asked for, then softmax. */
export function attention(dots, n, d, { T = 1, scaled = true, causal = false } = {}) {
  const factor = 1 / (T * (scaled ? Math.sqrt(d) : 1)), scores = new Float64Array(n * n), weights = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    let top = -Infinity, total = 0;
    for (let at = i * n; at < (i + 1) * n; at++) {
      scores[at] = causal && at - i * n > i ? -Infinity : dots[at] * factor;
      top = Math.max(top, scores[at]);
    }
    for (let at = i * n; at < (i + 1) * n; at++) total += weights[at] = Math.exp(scores[at] - top);
    for (let at = i * n; at < (i + 1) * n; at++) weights[at] /= total;
  }
  return { scores, weights };
}

/** Of one query: where its largest weight goes, how uncertain the weights are, and the span of its scores. */
export function summary({ scores, weights }, n, query) {
  const row = weights.subarray(query * n, (query + 1) * n);
  const allowed = scores.subarray(query * n, (query + 1) * n).filter((s) => s > -Infinity);
  const best = row.indexOf(Math.max(...row));
  const entropy = row.reduce((sum, w) => (w > 0 ? sum - w * Math.log(w) : sum), 0);
  return { best, largest: row[best], entropy, perplexity: Math.exp(entropy), low: Math.min(...allowed), high: Math.max(...allowed), keys: allowed.length };
}

/** Say in words what has just happened. */
export function sentence(reason, before, now, word, target, n) {
  const size = `${now.entropy.toFixed(2)} nats, as even as over ${now.perplexity.toFixed(1)} of ${n} tokens`;
  const change = before ? now.entropy - before.entropy : 0;
  const whole = `“${word}” gives ${now.largest.toFixed(3)} to “${target}”`;
  if (reason && Math.abs(change) >= 5e-3) return `${reason}: entropy ${change > 0 ? "rose" : "fell"} to ${size}. ${whole}.`;
  return `${reason ? `${reason}: ` : ""}${whole}. Entropy ${size}.`;
}

const ROW = 28, TOP = 26, WIDE = 320, ASKING = 74, FROM = 82, TO = 136, ASKED = 142, BAR = 212, SPAN = 62;
const SIDE = 258, LEFT = 68, ABOVE = 66, LONGEST = 7, PURPLE = [146, 112, 219];
const short = (token) => { const word = readable(token); return word.length <= LONGEST ? word : `${word.slice(0, LONGEST - 1)}…`; };
const middle = (i) => TOP + ROW * (i + 0.5);
const written = (x) => x.toFixed(2);

const curve = (from, to) => { const half = (FROM + TO) / 2; return `M${FROM},${from}C${half},${from} ${half},${to} ${TO},${to}`; };
const bar = (y, high, share) => `M${BAR},${y}h${written(SPAN * share)}v${high}H${BAR}z`;

/** The two pictures of one text, and how to fill them. */
function pictures(tokens, choose) {
  const n = tokens.length, cell = SIDE / n, words = tokens.map(short);
  const mark = h("rect", { class: "v2a-ae-chosen", x: 1, y: middle(0) - 13, width: ASKING + 4, height: 26, rx: 5 });
  // one path for all bars of a colour: a step of the slider then changes little
  const [weightBars, valueBars] = ["weight", "value"].map((css) => h("path", { class: `v2a-ae-${css}` }));
  const lines = words.map(() => h("path", { class: "v2a-ae-line" }));
  const asking = words.map((word, i) => h("g", {
    class: "v2a-ae-ask", role: "radio", "aria-label": readable(tokens[i]), tabindex: -1,
    onclick: () => { asking[i].focus({ preventScroll: true }); choose(i); },
    onkeydown: (event) => {
      const step = ARROWS[event.key], to = step ? (i + step[0] - step[1] + n) % n : { Home: 0, End: n - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();  // the page would scroll
      choose(to);
      asking[to].focus();
    },
  }, h("rect", { class: "v2a-ae-hit", x: 0, y: middle(i) - ROW / 2, width: FROM, height: ROW }),
  h("text", { class: "v2a-ae-asking", x: ASKING, y: middle(i) + 5 }, word)));
  const rows = words.map((word, i) => {
    const number = h("text", { class: "v2a-ae-number", x: WIDE, y: middle(i) + 5 });
    return { number, row: h("g", { class: "v2a-ae-row" }, h("text", { x: ASKED, y: middle(i) + 5 }, word), number) };
  });
  const head = (css, x, word) => h("text", { class: css, x, y: 14 }, word);
  const picture = h("svg", { class: "v2a-ae-lines", viewBox: `0 0 ${WIDE} ${TOP + ROW * n + 2}` },
    head("v2a-ae-q", ASKING, "query"), head("v2a-ae-k", ASKED, "keys"), head("v2a-ae-a", WIDE, "weights"),
    mark, ...lines, weightBars, valueBars, h("g", { role: "radiogroup", "aria-label": "Query: the token that asks" }, ...asking), ...rows.map(({ row }) => row));

  const canvas = h("canvas", { width: n, height: n }), context = canvas.getContext("2d");
  const image = context.createImageData(n, n);
  const outline = h("rect", { class: "v2a-ae-chosen", x: LEFT, y: 0, width: SIDE, height: cell });
  const places = words.map((_, i) => i + 0.5);
  const every = Math.ceil(13 / cell), named = words.map((word, i) => (i % every ? "" : word));  // in small rows every second word
  const left = named.map((word, i) => h("text", { class: "v2a-ae-asking", x: LEFT - 6, y: ABOVE + cell * places[i] + 4 }, word));
  const above = named.map((word, i) => h("text", { class: "v2a-ae-asked", transform: `translate(${written(LEFT + cell * places[i] + 4)} ${ABOVE - 6}) rotate(-90)` }, word));
  const strokes = words.flatMap((_, i) => words.slice(i + 1).map((_, k) => {
    const x = LEFT + cell * (i + 1 + k), y = ABOVE + cell * i, s = cell / 4;
    return `M${written(x + s)},${written(y + 3 * s)}l${written(2 * s)},${written(-2 * s)}`;
  }));
  const hidden = h("path", { class: "v2a-ae-hidden", d: strokes.join("") });
  const wide = LEFT + SIDE + 4, tall = ABOVE + SIDE + 4;
  const over = h("svg", {
    viewBox: `0 0 ${wide} ${tall}`, role: "img", "aria-label": "All weights: a row for each query, a column for each key",
    onclick: (event) => {
      const box = over.getBoundingClientRect(), y = ((event.clientY - box.top) / box.height) * tall - ABOVE;
      if (y >= 0 && y < SIDE) choose(Math.floor(y / cell));
    },
  }, hidden, h("rect", { class: "v2a-ae-frame", x: LEFT, y: ABOVE, width: SIDE, height: SIDE }), ...left, ...above, outline);
  const table = h("div", { class: "v2a-ae-table" }, canvas, over);

  return {
    picture, table,
    fill({ weights }, query, reach, causal) {
      const y = middle(query), focus = asking.includes(document.activeElement), row = weights.subarray(query * n, (query + 1) * n);
      setAttribute(mark, "y", y - 13);
      lines.forEach((line, i) => {
        setAttribute(line, "d", curve(y, middle(i)));
        setAttribute(line, "stroke-width", written(10 * row[i]));
      });
      setAttribute(weightBars, "d", Array.from(row, (w, i) => bar(middle(i) - 7, 8, w)).join(""));
      setAttribute(valueBars, "d", Array.from(row, (w, i) => bar(middle(i) + 3, 4, w * reach[i])).join(""));
      setAttribute(outline, "y", written(ABOVE + cell * query));
      setAttribute(hidden, "display", causal ? "inline" : "none");
      words.forEach((_, i) => {
        const no = causal && i > query, on = i === query;
        setAttribute(rows[i].row, "class", no ? "v2a-ae-row v2a-ae-no" : "v2a-ae-row");
        setText(rows[i].number, no ? "masked" : row[i].toFixed(3));
        setAttribute(asking[i], "aria-checked", on);
        setAttribute(asking[i], "tabindex", on ? 0 : -1);
        for (const text of [asking[i].lastChild, left[i]]) setAttribute(text, "class", on ? "v2a-ae-asking v2a-ae-on" : "v2a-ae-asking");
      });
      weights.forEach((w, at) => image.data.set([...PURPLE, 255 * Math.sqrt(w)], 4 * at));
      context.putImageData(image, 0, 0);
      if (focus) asking[query].focus({ preventScroll: true });
    },
  };
}

function render({ model, el }) {
  const texts = model.get("texts"), names = model.get("heads"), d = model.get("d");
  const data = texts.map(({ Q, K, lengths }) => ({ Q: decode(Q), K: decode(K), reach: decode(lengths) }));
  const voice = announcer();
  let reason = "";
  const change = (what, values) => { reason = what; put(model, values); };

  const choice = (label, options, trait, others) => {
    const select = h("select", { "aria-label": label, onchange: () => {
      change(options[select.value], { [trait]: Number(select.value), ...others(Number(select.value)) });
    } }, ...options.map((option, i) => h("option", { value: i }, option)));
    return select;
  };
  const text = choice("Text", texts.map(({ title }) => title), "text", (i) => ({ query: Math.min(model.get("query"), texts[i].tokens.length - 1) }));
  const head = choice("Head", names, "head", () => ({}));
  const toggle = (words, trait, pressed) => h("button", { type: "button", onclick: () => {
    change(words(model.get(trait) === pressed), { [trait]: !model.get(trait) });
  } }, words(false));
  const unscaled = toggle((was) => (was ? "Divided by √d again" : "Without √d"), "scaled", false);
  const masked = toggle((was) => (was ? "No mask" : "Causal mask"), "causal", true);
  const reset = h("button", { type: "button", onclick: () => {
    change("Reset", { T: 1, scaled: true, causal: false });
    head.focus();  // the button is about to be disabled
  } }, "Reset");
  const temperature = slider("Temperature T", { min: -1, max: 1, step: 0.02 }, (v) => change("Temperature", { T: Math.abs(v) < 0.005 ? 1 : 10 ** v }));
  temperature.row.classList.add("v2a-ae-T");

  const value = {};
  const numbers = h("dl", { class: "v2a-numbers v2a-ae-facts" }, ...[["span", "Scores"], ["largest", "Largest weight"], ["entropy", "Entropy"], ["even", "Perplexity (tokens)"]]
    .map(([key, label]) => h("div", {}, h("dt", {}, label), value[key] = h("dd"))));
  const places = [h("div"), h("div")];
  const values = data.some(({ reach }) => reach.some((r) => r > 0));
  el.classList.add("v2a");
  el.append(
    h("div", { class: "v2a-ae-bar" }, ...(texts.length > 1 ? [text] : []), head),
    h("div", { class: "v2a-ae-bar v2a-ae-second" }, temperature.row, unscaled, masked, reset),
    ...voice.elements,
    h("div", { class: "v2a-ae" }, places[0], h("div", {}, places[1], numbers)),
    h("p", { class: "v2a-key" }, "Click a word on the left, or a row of the table. Purple: the weight that the query gives to a key (in the table, the root of it sets the strength of the colour).",
      values ? " Green: what each token puts into the answer, weight times length of its value; for the longest value as long as purple." : "",
      " Red strokes: forbidden by the mask."),
  );

  const made = [];
  let dots = null, known = "", last = null;
  const draw = () => {
    const [at, which, query, T, scaled, causal] = ["text", "head", "query", "T", "scaled", "causal"].map((name) => model.get(name));
    const { tokens } = texts[at], n = tokens.length, { Q, K, reach } = data[at];
    if (known !== `${at} ${which}`) {
      dots = products(Q, K, n, d, which);
      known = `${at} ${which}`;
    }
    made[at] ??= pictures(tokens, (i) => { if (i !== model.get("query")) change("", { query: i }); });
    if (places[0].firstChild !== made[at].picture) {
      places[0].replaceChildren(made[at].picture);
      places[1].replaceChildren(made[at].table);
    }
    const now = attention(dots, n, d, { T, scaled, causal }), found = summary(now, n, query);
    made[at].fill(now, query, reach.subarray(which * n, (which + 1) * n), causal);
    if (Number(text.value) !== at) text.value = at;
    if (Number(head.value) !== which) head.value = which;
    temperature.show(Math.log10(T), written(T));
    setAttribute(unscaled, "aria-pressed", !scaled);
    setAttribute(masked, "aria-pressed", causal);
    reset.disabled = T === 1 && scaled && !causal;
    const target = readable(tokens[found.best]);
    setText(value.span, `${fixed(found.low, 2)} … ${fixed(found.high, 2)}`);
    setText(value.largest, `${found.largest.toFixed(3)} on ${short(tokens[found.best])}`);
    setText(value.entropy, `${found.entropy.toFixed(3)} nats`);
    setText(value.even, `${found.perplexity.toFixed(2)} of ${n}`);
    voice.say(sentence(reason, last, found, readable(tokens[query]), target, n));
    last = found;
    reason = "";
  };
  const unwatch = watch(model, ["text", "head", "query", "T", "scaled", "causal"], draw);
  return () => { unwatch(); voice.stop(); };
}

export default { render };
