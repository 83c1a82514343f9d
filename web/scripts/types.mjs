// Are the types of the page those of the API? openapi.json must be what `truecast openapi` says, and schema.d.ts what it gives.
// `--write` brings both up to date.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import openapiTS, { astToString, COMMENT_HEADER } from "openapi-typescript";

const web = new URL("..", import.meta.url).pathname;
const command = `${web}../.venv/bin/truecast`;
const documentFile = `${web}openapi.json`;
const typesFile = `${web}src/api/schema.d.ts`;
const write = process.argv.includes("--write");

const said = existsSync(command)
  ? `${execFileSync(command, ["openapi"], { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 }).trimEnd()}\n`
  : readFileSync(documentFile, "utf8");
const types = COMMENT_HEADER + astToString(await openapiTS(said));

if (write) {
  writeFileSync(documentFile, said);
  writeFileSync(typesFile, types);
} else {
  const stale = [
    [documentFile, said],
    [typesFile, types],
  ].filter(([file, wanted]) => !existsSync(file) || readFileSync(file, "utf8") !== wanted);
  for (const [file] of stale) console.error(`${file.slice(web.length)} is stale: run "scripts/web run types"`);
  if (stale.length) process.exit(1);
}
