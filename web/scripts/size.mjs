// The first load of every page must fit into 150 KB gzip: everything it asks for before it can be used. And each chunk that
// is fetched later has a cap of its own, so that one page cannot eat the room of all unnoticed.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const BUDGET_BYTES = 150 * 1024;
const CHUNK_BYTES = 8 * 1024; // of every chunk that is not named below
const CHUNKS_BYTES = { "instrument.js": 84 * 1024 }; // with lightweight-charts
const root = new URL("../../src/truecast/web", import.meta.url).pathname;
const files = new Map(
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => [file.slice(root.length + 1), readFileSync(file)]),
);

const sent = (name) => (name.endsWith(".woff2") ? files.get(name).length : gzipSync(files.get(name), { level: 9 }).length);
const code = (name) => files.get(name).toString();
const found = (name, pattern) => [...code(name).matchAll(pattern)].map((match) => `assets/${match[1]}`).filter((one) => files.has(one));
/** A chunk with everything that it imports before it runs. */
function whole(name, seen = new Set()) {
  if (seen.has(name)) return seen;
  seen.add(name);
  if (name.endsWith(".js")) for (const other of found(name, /(?:from|import)\s*["']\.\/([^"']+)["']/g)) whole(other, seen);
  return seen;
}

const frame = new Set(["index.html", ...found("index.html", /\/assets\/([^"']+)/g).flatMap((name) => [...whole(name)])]);
for (const style of [...frame].filter((name) => name.endsWith(".css"))) for (const font of found(style, /\/assets\/([^)"']+)/g)) frame.add(font);
const entry = [...frame].find((name) => /^assets\/index-.*\.js$/.test(name));
if (!entry) throw new Error("index.html names no script of ours");
const pages = [...new Set(found(entry, /import\(\s*["'`]\.\/([^"'`]+)["'`]\s*\)/g))];
if (pages.length < 8) throw new Error(`only ${pages.length} pages were found in ${entry}`);

let over = false;
for (const page of pages) {
  const needed = new Set([...frame, ...whole(page)]);
  const total = [...needed].reduce((sum, name) => sum + sent(name), 0);
  over ||= total > BUDGET_BYTES;
  console.log(`${String(total).padStart(8)}  of ${BUDGET_BYTES} bytes  ${page.slice("assets/".length)}`);
}
const lazy = [...files.keys()].filter((name) => /\.(?:js|css)$/.test(name) && !frame.has(name));
for (const chunk of lazy) {
  const [name, size] = [chunk.slice("assets/".length), sent(chunk)];
  const cap = CHUNKS_BYTES[name.replace(/-.{8}(\.\w+)$/, "$1")] ?? CHUNK_BYTES;
  over ||= size > cap;
  console.log(`${String(size).padStart(8)}  of ${String(cap).padStart(6)} bytes  ${name}, alone${size > cap ? "  OVER" : ""}`);
}
if (lazy.length < pages.length) throw new Error("chunks are missing");
if (over) {
  console.error("A first load or a chunk is over its budget");
  process.exit(1);
}
