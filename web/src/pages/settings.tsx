// Settings: the reader's key, the keys of this server, and how the page looks.
import { useEffect, useState } from "preact/hooks";
import { ApiFailure, get, post, remove, segment } from "../api/client";
import { apiKey, keepKey, madeKey, refused } from "../api/key";
import type { ApiKey, NewKey } from "../api/types";
import { Scroll, When } from "../parts/bits";
import { Failure } from "../parts/failure";
import { Footer } from "../parts/frame";
import { First, Look, Reset } from "../parts/look";
import { Section } from "../parts/section";
import { go } from "../state/place";
import { storageBlocked } from "../state/prefs";
import { useResource } from "../state/resource";
import { epoch, info } from "../state/server";

const SCOPES = [
  { value: "read", title: "See everything" },
  { value: "forecast", title: "Ask for forecasts and risk" },
  { value: "train", title: "Train and promote models" },
  { value: "trade", title: "Place orders" },
  { value: "admin", title: "Everything, keys and jobs too" },
] as const;
const DAYS = [7, 90, 365];
const INVITE = "#invite=";

export function Settings() {
  return (
    <main id="main" class="page sections">
      <header class="head">
        <div>
          <h1>Settings</h1>
          <p class="soft">{info.value?.keys_required ? "This server asks for a key." : "On this machine you need no key."}</p>
        </div>
      </header>
      <div class="pair">
        <Look />
        <First />
      </div>
      {(info.value?.keys_required || apiKey.value !== null) && <OwnKey />}
      {(!info.value?.keys_required || apiKey.value !== null) && <Keys />}
      <Reset />
      <Footer origin={null} />
    </main>
  );
}

function OwnKey() {
  const [text, setText] = useState("");
  const [said, setSaid] = useState<string | null>(null);
  useEffect(() => {
    if (!location.hash.startsWith(INVITE)) return;
    const invitation = decodeURIComponent(location.hash.slice(INVITE.length));
    history.replaceState(null, "", location.pathname);
    post<NewKey>("/api-keys/redeem", { invitation })
      .then((made) => {
        take(made.key);
        setSaid("This browser now has the administrator's key. Keep a copy: it is not shown again once you leave this page.");
        setText(made.key);
        madeKey.value = made.key;
      })
      .catch((error: unknown) => setSaid(error instanceof ApiFailure ? error.problem.detail : String(error)));
  }, []);
  const has = apiKey.value !== null;
  return (
    <section class="card" aria-labelledby="own-title">
      <h2 id="own-title">Your key</h2>
      <form
        class="inline-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (text.trim()) take(text.trim());
          setSaid(null);
        }}
      >
        <input type="text" autocomplete="off" spellcheck={false} size={40} placeholder={has ? `${apiKey.value?.slice(0, 15)}…` : "tc_…"} aria-label="API key" value={text} onInput={(event) => setText(event.currentTarget.value)} />
        <button type="submit" class="button">
          Use this key
        </button>
        {has && (
          <button
            type="button"
            class="button"
            onClick={() => {
              take(null);
              setText("");
            }}
          >
            Forget it
          </button>
        )}
      </form>
      <p class="soft small" role="status">
        {said ?? (refused.value === "key_refused" ? "This key is not accepted: unknown, expired or revoked." : storageBlocked.value ? "This browser keeps nothing for this page: the key lasts until you close or reload it." : "Kept in this browser only.")}
      </p>
    </section>
  );
}

/** With another key everything is asked anew. */
function take(key: string | null): void {
  keepKey(key);
  epoch.value += 1;
}

function Keys() {
  const keys = useResource<{ items: ApiKey[] }>("api keys", (signal) => get("/api-keys", {}, signal));
  const [made, setMade] = useState<NewKey | null>(null);
  return (
    <Section id="keys" title="API keys" about="For programs and other people. A key is shown once; here stands what it may do." of={keys}>
      {(data) => (
        <>
          <NewKeyForm
            onMade={(key) => {
              setMade(key);
              madeKey.value = key.key;
              keys.reload();
            }}
          />
          {made && (
            <p class="made" role="status">
              Copy it now, it is not shown again: <code>{made.key}</code>
            </p>
          )}
          {data.items.length === 0 ? <p class="nothing soft">There are no keys.</p> : <KeyTable items={data.items} onChange={keys.reload} />}
        </>
      )}
    </Section>
  );
}

function NewKeyForm({ onMade }: { onMade: (key: NewKey) => void }) {
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<string[]>(["read"]);
  const [days, setDays] = useState(90);
  const [error, setError] = useState<ApiFailure | null>(null);
  const create = (): void => {
    const expires = days ? new Date(Date.parse(info.peek()?.clock.now ?? "") + days * 86_400_000).toISOString() : null;
    post<NewKey>("/api-keys", { name, scopes, expires_at: expires })
      .then((key) => {
        setName("");
        setError(null);
        onMade(key);
      })
      .catch((failure: unknown) => failure instanceof ApiFailure && setError(failure));
  };
  return (
    <form
      class="inline-form"
      aria-label="New key"
      onSubmit={(event) => {
        event.preventDefault();
        create();
      }}
    >
      <input type="text" required maxLength={64} placeholder="What it is for" aria-label="Name of the new key" value={name} onInput={(event) => setName(event.currentTarget.value)} />
      <fieldset class="checks">
        <legend class="sr-only">Scopes</legend>
        {SCOPES.map(({ value, title }) => (
          <label key={value} title={title}>
            <input type="checkbox" checked={scopes.includes(value)} onChange={(event) => setScopes(event.currentTarget.checked ? [...scopes, value] : scopes.filter((scope) => scope !== value))} />
            {value}
          </label>
        ))}
      </fieldset>
      <select aria-label="Expires" value={days} onChange={(event) => setDays(Number(event.currentTarget.value))}>
        {DAYS.map((n) => (
          <option key={n} value={n}>
            {n} days
          </option>
        ))}
        <option value={0}>never expires</option>
      </select>
      <button type="submit" class="button primary" disabled={scopes.length === 0}>
        Make a key
      </button>
      {error && <Failure error={error} onRetry={create} of="the key" />}
    </form>
  );
}

function KeyTable({ items, onChange }: { items: readonly ApiKey[]; onChange: () => void }) {
  return (
    <Scroll label="Table of keys">
      <table>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Scopes</th>
            <th scope="col" class="wide">
              Made
            </th>
            <th scope="col" class="wide">
              Last used
            </th>
            <th scope="col">State</th>
          </tr>
        </thead>
        <tbody>
          {items.map((key) => (
            <tr key={key.id} data-key={key.name}>
              <th scope="row">
                {key.name} <code class="soft">{key.id}</code>
              </th>
              <td>{key.scopes.join(", ")}</td>
              <td class="wide">
                <When iso={key.created_at} />
              </td>
              <td class="wide">{key.last_used_at ? <When iso={key.last_used_at} /> : <span class="soft">never</span>}</td>
              <td>
                <State of={key} onChange={onChange} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function State({ of, onChange }: { of: ApiKey; onChange: () => void }) {
  const [sure, setSure] = useState(false);
  if (of.revoked_at) return <span class="badge">revoked</span>;
  const own = apiKey.value?.startsWith(`tc_${of.id}_`) ?? false;
  const revoke = (): void => {
    remove(`/api-keys/${segment(of.id)}`)
      .then(() => {
        if (own) take(null);
        onChange();
        if (own) go("/settings");
      })
      .catch(onChange);
  };
  return (
    <span class="actions">
      {of.expires_at && (
        <span class="soft small">
          until <When iso={of.expires_at} />
        </span>
      )}
      <button type="button" class="button small" onClick={() => (sure ? revoke() : setSure(true))}>
        {sure ? (own ? "Revoke your own?" : "Really revoke") : "Revoke"}
        <span class="sr-only"> {of.name}</span>
      </button>
    </span>
  );
}
