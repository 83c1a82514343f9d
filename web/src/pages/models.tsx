// The models: what each is, what it was trained on, what it earned, and the switches.
import { useState } from "preact/hooks";
import { get, segment } from "../api/client";
import type { ModelDetail, ModelItem, ModelsStatus, TrainingRun } from "../api/types";
import { count, pValue, ratio } from "../format/numbers";
import { age, barLabel, intervalName } from "../format/time";
import { ActButton } from "../parts/act";
import { Bone, Facts, Scroll, When } from "../parts/bits";
import { Answer } from "../parts/answer";
import { Failure } from "../parts/failure";
import { Footer } from "../parts/frame";
import { Link } from "../parts/link";
import { modelName } from "../parts/models";
import { className } from "../parts/search";
import { asked } from "../state/place";
import { useResource } from "../state/resource";
import { pollMs, serverNow, tick } from "../state/server";

const CLASSES = ["fx", "crypto", "equity", "etf", "index", "commodity", "macro"];
const INTERVALS = ["1h", "1d", "1mo"];
const TONES: Record<ModelItem["status"], string> = { ready: "good", stale: "warn", training: "warn", unavailable: "" };

export function Models() {
  const models = useResource<{ items: ModelItem[] }>("models", (signal) => get("/models", {}, signal), { everyMs: pollMs });
  const status = useResource<ModelsStatus>("models status", (signal) => get("/models/status", {}, signal), { everyMs: pollMs });
  const chosen = asked("model");
  return (
    <main id="main" class="page sections">
      <header class="head">
        <div>
          <h1>Models</h1>
          <p class="soft">What each may claim is measured against the random walk; a new version serves only when it has earned it.</p>
        </div>
        {status.data && <Retraining of={status.data} />}
      </header>
      {models.error && !models.data ? (
        <div class="card tall">
          <Failure error={models.error} onRetry={models.reload} of="the models" />
        </div>
      ) : (
        <div class="model-board">
          <nav class="card model-index" aria-label="Models">
            {models.data ? (
              models.data.items.map((item) => (
                <Link key={item.name} href={`/models?model=${segment(item.name)}`} aria-current={chosen === item.name ? "true" : undefined}>
                  <b>{modelName(item.name)}</b>
                  <span class={`badge ${TONES[item.status]}`}>{item.status}</span>
                  <span class="soft small">{item.status === "unavailable" ? (item.reason ?? item.description) : item.description}</span>
                </Link>
              ))
            ) : (
              <div class="bones">
                <Bone height="2em" />
                <Bone height="2em" />
                <Bone height="2em" />
              </div>
            )}
          </nav>
          {chosen ? <Card key={chosen} name={chosen} training={status.data?.training ?? null} onChange={() => (models.reload(), status.reload())} /> : <p class="card nothing soft">Choose a model to see its card, versions and history.</p>}
        </div>
      )}
      {status.data && <Drift of={status.data} />}
      <Footer origin={null} />
    </main>
  );
}

function Retraining({ of: { retrain, training } }: { of: ModelsStatus }) {
  return (
    <p class="soft small retraining">
      {training?.state === "running" ? `Training ${modelName(training.model)} now. ` : ""}
      {retrain.last_run && (
        <>
          Looked at drift <When iso={retrain.last_run} />.{" "}
        </>
      )}
      {retrain.next_due && (
        <>
          Next: <When iso={retrain.next_due} />.
        </>
      )}
    </p>
  );
}

function Card({ name, training, onChange }: { name: string; training: TrainingRun | null; onChange: () => void }) {
  const found = useResource<ModelDetail>(`model ${name}`, (signal) => get(`/models/${segment(name)}`, {}, signal), { everyMs: pollMs });
  if (found.error && !found.data) {
    return (
      <section class="card">
        <Failure error={found.error} onRetry={found.reload} of="the model" />
      </section>
    );
  }
  const model = found.data;
  if (!model) {
    return (
      <section class="card">
        <div class="bones">
          <Bone height="2em" />
          <Bone />
          <Bone />
        </div>
      </section>
    );
  }
  const changed = (): void => {
    onChange();
    found.reload();
  };
  return (
    <section class="card model-card" aria-labelledby="model-title">
      <header>
        <h2 id="model-title">{modelName(model.name)}</h2>
        <span class={`badge ${TONES[model.status]}`}>{model.status}</span>
      </header>
      <p>{model.description}</p>
      {model.reason && <p class="soft">{model.reason}</p>}
      <Facts
        rows={[
          ["Name", <code>{model.name}</code>],
          ["Version", model.version],
          ["Feature set", model.feature_set || "none"],
          ["Least history", `${count(model.min_bars)} bars`],
          ...(model.trained_until ? ([["Trained until", <When iso={model.trained_until} />]] as [string, preact.ComponentChildren][]) : []),
        ]}
      />
      {model.hints.map((hint) => (
        <p key={hint} class="notice">
          {hint}
        </p>
      ))}
      {model.trainable && <Training name={name} model={model} training={training?.model === name ? training : null} busy={training?.state === "running"} onChange={changed} />}
      {model.scopes.length > 0 && <Scopes of={model} />}
      {model.versions.map((version) => (
        <Version key={`${version.asset_class} ${version.interval} ${version.version}`} name={name} of={version} onChange={changed} />
      ))}
      {model.events.length > 0 && (
        <>
          <h3>What happened</h3>
          <ul class="runs">
            {model.events.map((event) => (
              <li key={event.id}>
                <When iso={event.at} /> <b>{event.kind}</b>{" "}
                <span class="soft">
                  {className(event.asset_class)} {event.interval}: {event.reason}
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

/** To train, for one class and interval or for all that are stored; and how the last training went. */
function Training({ name, model, training, busy, onChange }: { name: string; model: ModelDetail; training: TrainingRun | null; busy: boolean; onChange: () => void }) {
  const [assetClass, setClass] = useState("");
  const [interval, setInterval] = useState("");
  const scope = { asset_class: assetClass || null, interval: interval || null };
  const title = modelName(name);
  return (
    <div class="training">
      <div class="inline-form">
        <select aria-label="Class to train on" value={assetClass} onChange={(event) => setClass(event.currentTarget.value)}>
          <option value="">All classes</option>
          {CLASSES.map((one) => (
            <option key={one} value={one}>
              {className(one)}
            </option>
          ))}
        </select>
        <select aria-label="Interval to train on" value={interval} onChange={(event) => setInterval(event.currentTarget.value)}>
          <option value="">All intervals</option>
          {INTERVALS.map((one) => (
            <option key={one} value={one}>
              {intervalName(one)}
            </option>
          ))}
        </select>
        <ActButton path={`/models/${segment(name)}/train`} body={scope} of={title} disabled={busy} after={() => (onChange(), "Training began")}>
          Train
        </ActButton>
        {model.versions.some((version) => version.status === "champion") && (
          <ActButton path={`/models/${segment(name)}/rollback`} body={scope} of={title} sure={`Really roll back ${whereOf(scope)}?`} after={() => (onChange(), "Rolled back")}>
            Roll back
          </ActButton>
        )}
      </div>
      {training ? <Progress of={training} /> : model.versions.length === 0 && <p class="soft small">Nothing is trained yet. Training runs in a process of its own; what comes of it serves only when it is promoted.</p>}
    </div>
  );
}

function whereOf(scope: { asset_class: string | null; interval: string | null }): string {
  return [scope.asset_class ? className(scope.asset_class) : "all classes", scope.interval ?? "all intervals"].join(", ");
}

function Progress({ of }: { of: TrainingRun }) {
  void tick.value;
  const spent = ((of.ended_at ? Date.parse(of.ended_at) : serverNow()) - Date.parse(of.started_at)) / 1000;
  return (
    <div role="status" data-state={of.state}>
      <p>
        <span class={`badge ${of.state === "running" ? "warn" : of.state === "done" ? "good" : "bad"}`}>{of.state === "running" ? "training" : of.state}</span>{" "}
        <span class="soft small">
          {whereOf(of)}, {of.state === "running" ? "for" : "in"} {age(spent)}
          {of.state === "running" && of.trained.length > 0 && `, ${count(of.trained.length)} done`}
        </span>
      </p>
      {of.error && <p class="act-said bad">{of.error}</p>}
      {of.trained.length > 0 && (
        <ul class="runs">
          {of.trained.map((one) => (
            <li key={`${one.asset_class} ${one.interval}`} class="small">
              {className(one.asset_class)} {one.interval}: {one.version ? <code>{one.version}</code> : <span class="soft">{one.refused ?? "nothing came of it"}</span>}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function Scopes({ of }: { of: ModelDetail }) {
  return (
    <Scroll label="What serves">
      <table class="comparisons">
        <thead>
          <tr>
            <th scope="col">Serves</th>
            <th scope="col">State</th>
            <th scope="col">Version</th>
            <th scope="col">Trained until</th>
          </tr>
        </thead>
        <tbody>
          {of.scopes.map((scope) => (
            <tr key={`${scope.asset_class} ${scope.interval}`}>
              <th scope="row">
                {className(scope.asset_class)} {scope.interval}
              </th>
              <td>
                <span class={`badge ${TONES[scope.status]}`}>{scope.status}</span> <span class="soft small">{scope.reason ?? ""}</span>
              </td>
              <td>{scope.version ? <code>{scope.version}</code> : "–"}</td>
              <td>{scope.trained_until ? <When iso={scope.trained_until} /> : "–"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Version({ name, of: { asset_class, interval, version, status, reason, card, live }, onChange }: { name: string; of: ModelDetail["versions"][number]; onChange: () => void }) {
  return (
    <details class="version" open={status === "challenger"}>
      <summary>
        <b>
          {className(asset_class)} {interval}
        </b>{" "}
        <code>{version}</code> <span class={`badge ${status === "champion" ? "good" : ""}`}>{status}</span>
      </summary>
      {reason && <p class="soft">{reason}</p>}
      {status === "challenger" && (
        <p class="actions">
          <ActButton path={`/models/${segment(name)}/promote`} body={{ asset_class, interval, version }} of={version} after={() => (onChange(), "Promoted")}>
            Promote
          </ActButton>
          <span class="soft small">It is decided on what stands below; where that does not suffice the answer says what is missing.</span>
        </p>
      )}
      {live.length > 0 && <Comparisons title="Sealed live" of={live} />}
      {card && (
        <>
          <Comparisons title={card.evaluation.held_from ? `Against the random walk, on bars that a twin had not seen, from ${barLabel(card.evaluation.held_from, "1d")} on` : "Against the random walk"} of={card.evaluation.naive.length ? card.evaluation.naive : card.evaluation.walk} />
          {card.evaluation.champion.length > 0 && <Comparisons title={`Against what serves${card.evaluation.against ? `, ${card.evaluation.against}` : ""}`} of={card.evaluation.champion} />}
          <Facts
            rows={[
              ["Trained on", `${count(card.symbols.length)} instruments: ${card.symbols.slice(0, 8).join(", ")}${card.symbols.length > 8 ? "…" : ""}`],
              ["From", <When iso={card.trained_from} />],
              ["Until", <When iso={card.trained_until} />],
              ["Rows", card.rows.map((n) => count(n)).join(" / ")],
              ["Seed", String(card.seed)],
              ["Made", <When iso={card.created_at} />],
              ["Files", <span class="small">{Object.entries(card.files as Record<string, unknown>).map(([file, sum]) => `${file} ${String(sum).slice(0, 12)}`).join(", ")}</span>],
            ]}
          />
        </>
      )}
    </details>
  );
}

type ComparisonRow = ModelDetail["versions"][number]["live"][number];

function Comparisons({ title, of: rows }: { title: string; of: readonly ComparisonRow[] }) {
  if (rows.length === 0) return null;
  return (
    <Scroll label={title}>
      <table class="comparisons">
        <caption class="soft small">{title}</caption>
        <thead>
          <tr>
            <th scope="col">Steps ahead</th>
            <th scope="col" class="num">
              CRPS ratio
            </th>
            <th scope="col">Against</th>
            <th scope="col" class="num">
              n
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={`${row.horizon} ${row.against}`}>
              <td>{row.horizon}</td>
              <td class="num">
                <Answer
                  of={`${row.horizon} steps ahead`}
                  facts={[
                    ["Chance", pValue(row.p_value)],
                    ["Outcomes", `${count(row.n)} of ${count(row.series)} series`],
                    ["Moments", count(row.moments)],
                    ["Worse beyond doubt", row.worse ? "yes" : "no"],
                  ]}
                >
                  {ratio(row.crps_ratio)}
                </Answer>
              </td>
              <td>{modelName(row.against)}</td>
              <td class="num">{count(row.n)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Drift({ of: { retrain } }: { of: ModelsStatus }) {
  return (
    <section class="card listing" aria-labelledby="drift-title" id="drift">
      <header>
        <h2 id="drift-title">Drift</h2>
        <p class="soft small">Where a model no longer does what it promised; it is trained anew.</p>
      </header>
      {retrain.drift.length === 0 ? (
        <p class="soft">{retrain.last_run ? "None was found when it was looked for last." : "It has not been looked for yet."}</p>
      ) : (
        <ul class="runs">
          {retrain.drift.map((item) => (
            <li key={`${item.model} ${item.asset_class} ${item.interval} ${item.trigger}`}>
              <When iso={item.at} /> <b>{modelName(item.model)}</b> {className(item.asset_class)} {item.interval}: {item.detail}
              {item.hint && <span class="soft"> {item.hint}</span>}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
