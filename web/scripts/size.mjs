// The first load must fit into 150 KB gzip: everything the page asks for before it can be used.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const BUDGET_BYTES = 150 * 1024;
const root = new URL("../../src/truecast/web", import.meta.url).pathname;

let total = 0;
for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const file = join(entry.parentPath, entry.name);
  const bytes = readFileSync(file);
  const sent = file.endsWith(".woff2") ? bytes.length : gzipSync(bytes, { level: 9 }).length;
  total += sent;
  console.log(`${String(sent).padStart(8)}  ${file.slice(root.length + 1)}`);
}
console.log(`${String(total).padStart(8)}  of ${BUDGET_BYTES} bytes`);
if (total > BUDGET_BYTES) {
  console.error("The first load is over its budget");
  process.exit(1);
}
