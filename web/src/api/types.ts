// The shapes of the API that the page uses.

export interface Info {
  name: string;
  version: string;
  clock: { kind: "system" | "fixed" | "replay"; now: string; speed: number | null };
  database: "sqlite" | "postgresql";
  ready: boolean;
  loading: { stage: string; done: number; total: number } | null;
}

export interface SymbolItem {
  symbol: string;
  name: string;
  asset_class: string;
  currency: string;
  tick: number;
  calendar: string;
  signed: boolean;
  intervals: string[];
}

export interface SymbolSource {
  source: string;
  interval: string;
  calendar: string;
  delay: string;
  derived: string | null;
  origin: string;
  first: string | null;
  last: string | null;
  bars: number;
}

export interface SymbolDetail extends SymbolItem {
  aliases: string[];
  session_open: boolean;
  sources: SymbolSource[];
  models: string[];
  default_interval: string | null;
}

export interface Provenance {
  source: string;
  as_of: string;
  received_at: string;
  age_s: number;
  stale: boolean;
  delay: string;
  derived: string | null;
  origin: string;
}

export interface Price {
  symbol: string;
  price: number;
  bid: number | null;
  ask: number | null;
  change: number | null;
  change_pct: number | null;
  provenance: Provenance;
}

export interface Prices {
  items: Price[];
  errors: { symbol: string; code: string; detail: string }[];
}

export interface Candle {
  start: string;
  end: string;
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number | null;
  final: boolean;
}

export interface Gap {
  from: string;
  to: string;
  cause: string;
  state: string;
}

export interface Block {
  from: string;
  to: string;
  rows: number;
  provenance: Provenance;
}

export interface Candles {
  symbol: string;
  interval: string;
  adjust: string;
  resampled_from: string | null;
  candles: Candle[];
  blocks: Block[];
  gaps: Gap[];
}

export interface IntervalBounds {
  level: number;
  lower: number;
  upper: number;
}

export interface ForecastStep {
  step: number;
  target: string;
  target_end: string;
  median: number;
  intervals: IntervalBounds[];
  quantiles: Record<string, number>;
}

export type Verdict = "positive" | "none" | "negative";

export interface Skill {
  verdict: Verdict;
  crps_ratio: number | null;
  p_value: number | null;
  n: number;
}

export interface CoverageItem {
  level: number;
  measured: number;
  n: number;
}

export interface Forecast {
  id: string | null;
  recorded: boolean;
  symbol: string;
  interval: string;
  horizon: number;
  requested_model: string;
  model: string;
  model_version: string;
  feature_set: string;
  data_fingerprint: string;
  mode: string;
  issued_at: string;
  as_of: string;
  anchor: { price: number; bar_start: string; at: string; provenance: Provenance };
  steps: ForecastStep[];
  coverage: CoverageItem[];
  skill: Skill;
  currency: string;
  tick: number;
}

export interface HistoryItem {
  id: string;
  issued_at: string;
  step: number;
  target: string;
  median: number;
  lower: number;
  upper: number;
  outcome: number | null;
  crps: number | null;
  crps_naive: number | null;
  inside: Record<string, boolean> | null;
  sealed: boolean;
  mode: string;
  model: string;
}

export interface PerformanceRow {
  symbol: string | null;
  interval: string;
  model: string;
  horizon: number;
  period: string;
  n: number;
  crps: number | null;
  crps_naive: number | null;
  crps_ratio: number | null;
  mase: number | null;
  mae: number | null;
  coverage: (CoverageItem & { se: number | null })[];
  direction: { hit_rate: number; lower: number; upper: number; n: number } | null;
  skill: { verdict: Verdict; p_value: number | null; n: number };
  note: string | null;
  first_matures_at: string | null;
}

export interface Performance {
  ledger: PerformanceRow[];
  walk_forward: PerformanceRow[];
}

export interface ModelItem {
  name: string;
  version: string;
  status: string;
  reason: string | null;
  feature_set: string;
  min_bars: number;
  description: string;
}

export interface Verification {
  ok: boolean;
  rows: number;
  head: string | null;
  first_broken: number | null;
  reason: string | null;
  checked_at: string;
}

export interface Page<T> {
  items: T[];
  next: string | null;
}
