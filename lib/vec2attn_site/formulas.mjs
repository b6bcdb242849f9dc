// stdin: {items: [[tex, display], …]}; stdout: [html or {error}, …]
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { root, items } = JSON.parse(readFileSync(0, "utf8"));
const katex = createRequire(`${root}/`)("katex");
const render = ([tex, displayMode]) => {
  try {
    const html = katex.renderToString(tex, { displayMode, throwOnError: true, strict: "error", output: "htmlAndMathml" });
    // \lambda_{\max}: KaTeX puts "apply function" (U+2061) behind max, as a third part of an <msub>, which has two
    return html.replaceAll("<mo>\u2061</mo></msub>", "</msub>");
  } catch (error) {
    return { error: String(error.message) };
  }
};
process.stdout.write(JSON.stringify(items.map(render)));
