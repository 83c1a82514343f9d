// The models: what each is, what it was trained on, what it earned, and the switches.
import { get, segment } from "../api/client";
import type { ModelDetail, ModelItem, ModelsStatus } from "../api/types";
import { count, ratio } from "../format/numbers";
import { ActButton } from "../parts/act";
import { Bone, Facts, When } from "../parts/bits";
import { Failure } from "../parts/failure";
import { Footer } from "../parts/frame";
import { Link } from "../parts/link";
import { modelName } from "../parts/models";
import { className } from "../parts/search";
import { asked } from "../state/place";
import { useResource } from "../state/resource";
import { pollMs } from "../state/server";

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
          {chosen ? <Card key={chosen} name={chosen} onChange={models.reload} /> : <p class="card nothing soft">Choose a model to see its card, versions and history.</p>}
        </div>
      )}
      {status.data && status.data.retrain.drift.length > 0 && <Drift of={status.data} />}
      <Footer origin={null} />
    </main>
  );
}

function Retraining({ of: { retrain, training } }: { of: ModelsStatus }) {
  return (
    <p class="soft small retraining">
      {training && !training.ended_at ? `Training ${modelName(training.model)} now. ` : ""}
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

function Card({ name, onChange }: { name: string; onChange: () => void }) {
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
  const trained = model.versions.length > 0 || model.scopes.length > 0;
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
      {trained && (
        <p class="actions">
          <ActButton path={`/models/${segment(name)}/train`} of={modelName(name)} after={() => (changed(), "Training began")}>
            Train
          </ActButton>
          <ActButton path={`/models/${segment(name)}/promote`} of={modelName(name)} after={() => (changed(), "Promoted")}>
            Promote
          </ActButton>
          <ActButton path={`/models/${segment(name)}/rollback`} of={modelName(name)} after={() => (changed(), "Rolled back")}>
            Roll back
          </ActButton>
        </p>
      )}
      {model.versions.map((version) => (
        <Version key={`${version.asset_class} ${version.interval} ${version.version}`} of={version} />
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

function Version({ of: { asset_class, interval, version, status, reason, card } }: { of: ModelDetail["versions"][number] }) {
  return (
    <details class="version">
      <summary>
        <b>
          {className(asset_class)} {interval}
        </b>{" "}
        <code>{version}</code> <span class={`badge ${status === "champion" ? "good" : ""}`}>{status}</span>
      </summary>
      {reason && <p class="soft">{reason}</p>}
      {card && (
        <>
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
          <Comparisons of={card.evaluation.naive.length ? card.evaluation.naive : card.evaluation.walk} />
        </>
      )}
    </details>
  );
}

function Comparisons({ of: rows }: { of: NonNullable<ModelDetail["versions"][number]["card"]>["evaluation"]["naive"] }) {
  if (rows.length === 0) return null;
  return (
    <table class="comparisons">
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
            <td class="num">{ratio(row.crps_ratio)}</td>
            <td>{modelName(row.against)}</td>
            <td class="num">{count(row.n)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Drift({ of: { retrain } }: { of: ModelsStatus }) {
  return (
    <section class="card listing" aria-labelledby="drift-title">
      <header>
        <h2 id="drift-title">Drift</h2>
        <p class="soft small">Where a model no longer does what it promised; it is trained anew.</p>
      </header>
      <ul class="runs">
        {retrain.drift.map((item) => (
          <li key={`${item.model} ${item.asset_class} ${item.interval} ${item.trigger}`}>
            <When iso={item.at} /> <b>{modelName(item.model)}</b> {className(item.asset_class)} {item.interval}: {item.detail}
          </li>
        ))}
      </ul>
    </section>
  );
}
