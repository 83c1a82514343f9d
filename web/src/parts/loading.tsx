// Before there is anything to show: starting, or not there at all.
import { connection, beat, info, tick } from "../state/server";
import { Logo } from "./icons";

const STAGES: Record<string, string> = { database: "Preparing the database", data: "Loading market data", models: "Fitting models", forecasts: "Issuing the first forecasts" };

function stageName(stage: string): string {
  return STAGES[stage] ?? stage.charAt(0).toUpperCase() + stage.slice(1);
}

export function Starting() {
  void tick.value;
  const now = connection.value;
  const loading = info.value?.loading;
  if (now.state === "down") {
    const waits = Math.max(0, Math.ceil((now.retryAt - Date.now()) / 1000));
    return (
      <main class="starting" aria-live="assertive">
        <Logo />
        <h1>Truecast is not answering</h1>
        <p class="soft">{now.reason}. Is the server running? Start it with “truecast up”.</p>
        <p class="soft">{waits > 0 ? `Trying again in ${waits} s` : "Trying again…"}</p>
        <button type="button" class="button primary" onClick={() => void beat()}>
          Try now
        </button>
      </main>
    );
  }
  const share = loading && loading.total > 0 ? Math.min(1, loading.done / loading.total) : null;
  return (
    <main class="starting" aria-live="polite">
      <Logo />
      <h1>{loading ? stageName(loading.stage) : "Starting"}</h1>
      <progress max={1} {...(share === null ? {} : { value: share })} aria-label={loading ? stageName(loading.stage) : "Starting"} />
      <p class="soft">{loading && loading.total > 0 ? `${loading.done} of ${loading.total}` : "One moment"}</p>
    </main>
  );
}
