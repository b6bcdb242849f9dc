// stdin: {items: [[tex, display], …]}; stdout: [html or {error}, …]
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { root, items } = JSON.parse(readFileSync(0, "utf8"));
const katex = createRequire(`${root}/`)("katex");
const render = ([tex, displayMode]) => {
  try {
    return katex.renderToString(tex, { displayMode, throwOnError: true, strict: "error", output: "htmlAndMathml" });
  } catch (error) {
    return { error: String(error.message) };
  }
};
process.stdout.write(JSON.stringify(items.map(render)));
