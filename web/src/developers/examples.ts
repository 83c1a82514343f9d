// Examples of the API as they stand on the API page: what is asked, and how to ask it from a shell, Python and JavaScript. Pure.

export const LANGUAGES = ["curl", "python", "httpx", "javascript"] as const;
export type Language = (typeof LANGUAGES)[number];
export const LANGUAGE_NAMES: Record<Language, string> = { curl: "curl", python: "Python", httpx: "Python, httpx", javascript: "JavaScript" };

/** What an example is filled with. `key`: as it is to be written; null where this server asks nobody for one. */
export interface Filling {
  origin: string;
  key: string | null;
  symbol: string;
  interval: string;
}

type Query = Record<string, string | number>;

export interface Example {
  id: string;
  title: string;
  about: string;
  method: "GET" | "POST";
  path: (filling: Filling) => string;
  query?: (filling: Filling) => Query;
  body?: (filling: Filling) => Record<string, unknown>;
  /** The line of `truecast.client` between `with Client(…) as client:` and the end. */
  client: (filling: Filling) => string;
}

const BASE = "/api/v1";

export const EXAMPLES: readonly Example[] = [
  {
    id: "price",
    title: "The latest price",
    about: "With its source, its moment and its age.",
    method: "GET",
    path: () => "/prices",
    query: ({ symbol }) => ({ symbols: symbol }),
    client: ({ symbol }) => `prices = client.latest_prices(symbols=${python(symbol)})\nprint(prices.items[0].price, prices.items[0].provenance.as_of)`,
  },
  {
    id: "candles",
    title: "Candles",
    about: "The newest bars, with the source of every part and the gaps between them.",
    method: "GET",
    path: ({ symbol }) => `/prices/${encodeURIComponent(symbol)}/candles`,
    query: ({ interval }) => ({ interval, limit: 5 }),
    client: ({ symbol, interval }) => `candles = client.get_candles(${python(symbol)}, interval=${python(interval)}, limit=5)\nfor candle in candles.candles:\n    print(candle.start, candle.close)`,
  },
  {
    id: "forecast",
    title: "The latest forecast",
    about: "What was issued last and sealed, by every model; nothing is computed for it.",
    method: "GET",
    path: () => "/forecasts",
    query: ({ symbol, interval }) => ({ symbols: symbol, interval, horizon: 1 }),
    client: ({ symbol, interval }) => `forecasts = client.latest_forecasts(symbols=${python(symbol)}, interval=${python(interval)}, horizon=1)\nfor forecast in forecasts.items:\n    print(forecast.model, forecast.steps[0].median)`,
  },
  {
    id: "now",
    title: "Forecast now",
    about: "Ten steps ahead, sealed in the ledger before the outcome. Needs the scope “forecast”.",
    method: "POST",
    path: () => "/forecasts",
    body: ({ symbol, interval }) => ({ symbol, interval, horizon: 10, levels: [0.8, 0.95] }),
    client: ({ symbol, interval }) => `forecast = client.create_forecast(${python(symbol)}, ${python(interval)}, 10, levels=[0.8, 0.95])\nprint(forecast.steps[-1].median, forecast.skill.verdict)`,
  },
  {
    id: "history",
    title: "What became of forecasts",
    about: "One step ahead: what was said, what came, and the score.",
    method: "GET",
    path: ({ symbol }) => `/forecasts/${encodeURIComponent(symbol)}/history`,
    query: ({ interval }) => ({ interval, limit: 5 }),
    client: ({ symbol, interval }) => `past = client.forecast_history(${python(symbol)}, interval=${python(interval)}, limit=5)\nfor forecast in past.items:\n    print(forecast.target, forecast.lower, forecast.upper, forecast.outcome)`,
  },
  {
    id: "record",
    title: "The track record",
    about: "Sealed forecasts and the walk-forward test, told apart.",
    method: "GET",
    path: () => "/performance",
    query: ({ symbol, interval }) => ({ symbol, interval, horizon: 1, period: "all" }),
    client: ({ symbol, interval }) => `record = client.get_performance(symbol=${python(symbol)}, interval=${python(interval)}, horizon=1, period="all")\nfor row in record.ledger:\n    print(row.model, row.n, row.crps_ratio)`,
  },
];

/** The address of an example, with its query. */
export function address(example: Example, filling: Filling): string {
  const query = new URLSearchParams(Object.entries(example.query?.(filling) ?? {}).map(([name, value]): [string, string] => [name, String(value)])).toString();
  return `${BASE}${example.path(filling)}${query ? `?${query}` : ""}`;
}

export function snippet(example: Example, language: Language, filling: Filling): string {
  switch (language) {
    case "curl":
      return curl(example, filling);
    case "python":
      return clientOf(filling, example.client(filling));
    case "httpx":
      return httpx(example, filling);
    case "javascript":
      return javascript(example, filling);
  }
}

function curl(example: Example, filling: Filling): string {
  const lines = [`curl ${shell(`${filling.origin}${address(example, filling)}`)}`];
  if (filling.key) lines.push(`-H ${shell(`Authorization: Bearer ${filling.key}`)}`);
  if (example.body) lines.push("-H 'Content-Type: application/json'", `-d ${shell(JSON.stringify(example.body(filling)))}`);
  return lines.join(" \\\n  ");
}

function clientOf(filling: Filling, lines: string): string {
  const key = filling.key ? `, api_key=${python(filling.key)}` : "";
  return `from truecast.client import Client\n\nwith Client(${python(filling.origin)}${key}) as client:\n${indented(lines)}`;
}

function httpx(example: Example, filling: Filling): string {
  const args = [python(`${filling.origin}${BASE}${example.path(filling)}`)];
  const query = example.query?.(filling);
  if (query) args.push(`params=${literal(query)}`);
  if (filling.key) args.push(`headers={"Authorization": ${python(`Bearer ${filling.key}`)}}`);
  if (example.body) args.push(`json=${literal(example.body(filling))}`);
  return `import httpx\n\nanswer = httpx.${example.method.toLowerCase()}(\n${args.map((arg) => `    ${arg},`).join("\n")}\n)\nanswer.raise_for_status()\nprint(answer.json())`;
}

function javascript(example: Example, filling: Filling): string {
  const headers = { ...(filling.key ? { Authorization: `Bearer ${filling.key}` } : {}), ...(example.body ? { "Content-Type": "application/json" } : {}) };
  const options = [
    ...(example.method === "POST" ? ['method: "POST"'] : []),
    ...(Object.keys(headers).length ? [`headers: ${JSON.stringify(headers)}`] : []),
    ...(example.body ? [`body: JSON.stringify(${JSON.stringify(example.body(filling))})`] : []),
  ];
  const second = options.length ? `, {\n${options.map((option) => `  ${option},`).join("\n")}\n}` : "";
  return `const answer = await fetch(${JSON.stringify(`${filling.origin}${address(example, filling)}`)}${second});\nif (!answer.ok) throw new Error((await answer.json()).detail);\nconsole.log(await answer.json());`;
}

/** How to follow a symbol live. */
export function streamSnippet(language: Language, filling: Filling): string {
  const topics = [`quotes:${filling.symbol}`, `forecasts:${filling.symbol}`];
  const url = `${filling.origin}${BASE}/stream/sse?${new URLSearchParams({ topics: topics.join(",") }).toString()}`;
  const authorization = filling.key ? `Bearer ${filling.key}` : null;
  switch (language) {
    case "curl":
      return [`curl -N ${shell(url)}`, ...(authorization ? [`-H ${shell(`Authorization: ${authorization}`)}`] : [])].join(" \\\n  ");
    case "python":
      return clientOf(filling, `for news in client.stream(${literal(topics)}):\n    print(news)`);
    case "httpx":
      return `import httpx\n\nheaders = ${literal(authorization ? { Authorization: authorization } : {})}\nwith httpx.stream("GET", ${python(url)}, headers=headers, timeout=None) as answer:\n    for line in answer.iter_lines():\n        print(line)`;
    case "javascript":
      return filling.key ? keyedSocket(topics, filling, filling.key) : socket(topics, filling, '"truecast.v1"');
  }
}

/** Browsers can set no header on a socket: the key goes as a subprotocol. */
function keyedSocket(topics: readonly string[], filling: Filling, key: string): string {
  return socket(topics, filling, `["truecast.v1", ${JSON.stringify(`truecast.key.${key}`)}]`);
}

function socket(topics: readonly string[], filling: Filling, protocols: string): string {
  const url = `${filling.origin.replace(/^http/, "ws")}${BASE}/stream/ws`;
  return `const socket = new WebSocket(${JSON.stringify(url)}, ${protocols});\nsocket.onopen = () => socket.send(JSON.stringify({ action: "subscribe", topics: ${JSON.stringify(topics)} }));\nsocket.onmessage = ({ data }) => console.log(JSON.parse(data));`;
}

/** `tc_0123456789ab_secret` -> `tc_0123456789ab_…`: enough to know which one it is. */
export function masked(key: string): string {
  const parts = key.split("_");
  return parts.length >= 3 ? `${parts.slice(0, 2).join("_")}_…` : "…";
}

/** A word that a POSIX shell takes as it is. */
export function shell(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** A Python string; JSON's escapes are Python's. */
function python(text: string): string {
  return JSON.stringify(text);
}

/** A Python literal of plain data. JSON but for the three words, which our examples have none of. */
function literal(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (value !== null && typeof value === "object") {
    return `{${Object.entries(value).map(([name, one]) => `${python(name)}: ${literal(one)}`).join(", ")}}`;
  }
  return JSON.stringify(value);
}

function indented(lines: string): string {
  return lines.split("\n").map((line) => `    ${line}`).join("\n");
}
