// A quick question: options to press, or a number to type, and what is right or wrong about the answer.

/** Read a number as people write it: 1,024 or 1 024, −3, 2e6, 3/4. NaN where there is none. */
export function parse(text) {
  const plain = text.replace(/[\s,_]/g, "").replaceAll("−", "-").replaceAll("·", "*"), one = "[+-]?(?:\\d+\\.?\\d*|\\.\\d+)(?:e[+-]?\\d+)?";
  const power = plain.match(/^(?:([+-]?\d*\.?\d+)[*x×])?10\^([+-]?\d+)$/i);
  if (power) return Number(power[1] ?? 1) * 10 ** Number(power[2]);
  const two = plain.match(new RegExp(`^(${one})(?:/(${one}))?$`, "i"));
  return two ? Number(two[1]) / Number(two[2] ?? 1) : NaN;
}

/** What to say to a number: its kind, and the explanation. */
export function judge(text, { answer, within, mistakes, why }) {
  const x = parse(text), near = (value, share) => Math.abs(x - value) <= (share + 1e-9) * Math.abs(value) + (value === 0 ? 1e-12 : 0);
  if (!Number.isFinite(x)) return { kind: "unreadable", why: "Write a number: 12, 0.75, 3/4 or 2e6." };
  if (near(answer, within)) return { kind: "right", why };
  const slip = mistakes.find(([value]) => near(value, Math.min(within, 0.01)));
  if (slip) return { kind: "wrong", why: slip[1] };
  if (x === -answer) return { kind: "wrong", why: "The size is right, the sign is not." };
  return { kind: "wrong", why: Math.abs(x) < Math.abs(answer) ? "Too small." : "Too large." };
}

const WORDS = { right: ["✓", "Right."], wrong: ["✗", "Not quite."], unreadable: ["?", ""] };

function render({ model, el }) {
  const names = ["ask", "options", "right", "answer", "within", "shown", "unit", "why", "mistakes", "given"];
  const state = () => Object.fromEntries(names.map((name) => [name, model.get(name)]));
  const written = (tag, attributes, html) => { const e = h(tag, attributes); e.innerHTML = html; return e; };  // made by Python, escaped there
  const first = state(), typed = !first.options.length;

  const verdict = h("p", { class: "v2q-verdict", role: "status" });
  const ask = written("p", { class: "v2q-ask" }, first.ask);
  ask.id = `v2a-${Date.now().toString(36)}-${ids++}`;
  let buttons = [], field = null, reveal = null;
  if (typed) {
    field = h("input", { type: "text", inputmode: "decimal", autocomplete: "off", spellcheck: "false", "aria-labelledby": ask.id });
    reveal = h("button", { type: "button", onclick: () => { put(model, { given: String(state().answer) }); field.focus(); } }, "Show the answer");
    const submit = (event) => { event.preventDefault(); put(model, { given: field.value.trim() }); };
    el.append(ask, h("form", { class: "v2q-typed", onsubmit: submit }, field, h("span", {}, first.unit), h("button", { type: "submit" }, "Check"), reveal));
  } else {
    buttons = first.options.map(([text], i) =>
      h("button", { type: "button", class: "v2q-option", onclick: () => put(model, { given: String(i) }) },
        h("span", { class: "v2q-letter" }, "ABCDEF"[i]), written("span", {}, text)));
    el.append(ask, h("div", { class: "v2q-options", role: "group", "aria-labelledby": ask.id }, ...buttons));
  }
  el.append(verdict);
  el.classList.add("v2a", "v2q");

  let last = null;
  const draw = () => {
    const now = state(), { given } = now;
    const judged = given === "" ? null : typed ? judge(given, now) : { kind: Number(given) === now.right ? "right" : "wrong", why: now.options[Number(given)][1] };
    buttons.forEach((button, i) => {
      const chosen = given === String(i);
      setAttribute(button, "aria-pressed", chosen);
      button.dataset.kind = chosen ? judged.kind : "";
    });
    if (field) {
      if (given !== "" && parse(field.value) !== parse(given)) field.value = given === String(now.answer) ? now.shown.replace(now.unit, "").trim() : given;
      if (given === "") field.value = "";
      setAttribute(field, "aria-invalid", judged !== null && judged.kind !== "right");
      reveal.hidden = judged?.kind !== "wrong";
    }
    if (given === last) return;
    last = given;
    verdict.dataset.kind = judged?.kind ?? "";
    verdict.innerHTML = "";
    if (!judged) return;
    const [mark, word] = WORDS[judged.kind];
    verdict.append(h("b", {}, `${mark} ${word} `.trimEnd() + " "), written("span", {}, judged.why));
  };
  return watch(model, names, draw);
}

export default { render };
