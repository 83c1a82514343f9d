// The API's shapes under the names the page uses. Generated types underneath: `scripts/web run types`.
import type { components } from "./schema";

type Shapes = components["schemas"];

export type Info = Shapes["Info"];
export type SymbolItem = Shapes["Symbol"];
export type SymbolDetail = Shapes["SymbolDetail"];
export type Provenance = Shapes["Provenance"];
export type Prices = Shapes["Prices"];
export type Candle = Shapes["Candle"];
export type Candles = Shapes["Candles"];
export type Block = Shapes["CandleBlock"];
export type FeatureSet = Shapes["FeatureSetShape"];
export type Features = Shapes["Features"];
export type Statistics = Shapes["StatisticsShape"];
export type Forecasts = Shapes["Forecasts"];
export type Gap = Shapes["GapSpan"];
export type Forecast = Shapes["ForecastBody"];
export type ForecastStep = Shapes["ForecastStep"];
export type ForecastRequest = Shapes["ForecastRequest"];
export type Skill = Shapes["SkillShape"];
export type HistoryItem = Shapes["PastForecast"];
export type Performance = Shapes["PerformanceReport"];
export type PerformanceRow = Shapes["PerformanceRow"];
export type ModelItem = Shapes["ModelShape"];
export type AutoCandidate = Shapes["CandidateShape"];
export type Explanation = Shapes["ExplanationShape"];
export type Leader = Shapes["LeaderboardItem"];
export type CalibrationReport = Shapes["CalibrationReport"];
export type CoverageOverTime = Shapes["CoverageOverTime"];
export type ResolvedForecasts = Shapes["ResolvedForecasts"];
export type Verification = Shapes["LedgerCheck"];
export type SourceItem = Shapes["SourceShape"];
export type Advice = Shapes["AdviceShape"];
export type SeriesGap = Shapes["SeriesGap"];
export type ApiKey = Shapes["KeyShape"];
export type NewKey = Shapes["NewKey"];
export type Quarantined = Shapes["QuarantinedRow"];
export type RiskReport = Shapes["RiskBody"];
export type Estimate = Shapes["EstimateShape"];
export type MarketSummary = Shapes["MarketSummary"];
export type MarketClass = Shapes["MarketClass"];
export type Correlations = Shapes["Correlations"];
export type Volatilities = Shapes["Volatilities"];
export type Job = Shapes["JobShape"];
export type JobRun = Shapes["JobRunShape"];
export type ModelDetail = Shapes["ModelDetail"];
export type ModelsStatus = Shapes["ModelsStatus"];
export type TrainingRun = Shapes["RunShape"];

/** One page of a list. */
export interface Page<T> {
  items: T[];
  next: string | null;
}
