// The frame around every page, and which page the address means. Each page's code is fetched when it is first opened.
import { computed } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Bone } from "./parts/bits";
import { ConnectionBanner, Navigation, ReplayBanner, TopBar } from "./parts/frame";
import { Help, useKeys } from "./parts/help";
import { Link } from "./parts/link";
import { Starting } from "./parts/loading";
import { page, PAGES, type PageName } from "./state/place";
import { info, ready } from "./state/server";
import { apiKey, refused } from "./api/key";

const locked = computed(() => refused.value !== null || (info.value?.keys_required === true && apiKey.value === null));

const LOADERS: Record<PageName, () => Promise<ComponentType>> = {
  markets: async () => (await import("./pages/markets")).Markets,
  instrument: async () => (await import("./pages/instrument")).Instrument,
  data: async () => (await import("./pages/data")).DataHealth,
  record: async () => (await import("./pages/record")).Record,
  settings: async () => (await import("./pages/settings")).Settings,
  compare: async () => (await import("./pages/compare")).Compare,
  risk: async () => (await import("./pages/risk")).Risk,
  models: async () => (await import("./pages/models")).Models,
  developers: async () => (await import("./pages/developers")).Developers,
};
const loaded = new Map<PageName, ComponentType>();
if (page.peek()) void LOADERS[page.peek() as PageName]().catch(() => undefined); // on its way while the server is asked whether it is ready

export function App() {
  useKeys();
  if (info.value === null || !ready.value) return <Starting />;
  return (
    <>
      <a class="skip" href="#main">
        Skip to the page
      </a>
      <ReplayBanner />
      <ConnectionBanner />
      <TopBar />
      <Navigation />
      <Help />
      {locked.value && page.value !== "settings" ? <Locked /> : <Page name={page.value} />}
    </>
  );
}

function Page({ name }: { name: PageName | null }) {
  const [failed, setFailed] = useState<PageName | null>(null);
  const [, redraw] = useState(0);
  useEffect(() => {
    document.title = name && name !== "instrument" ? `${PAGES[name].title} · Truecast` : "Truecast";
    if (!name || loaded.has(name)) return;
    LOADERS[name]()
      .then((component) => {
        loaded.set(name, component);
        redraw((n) => n + 1);
      })
      .catch(() => setFailed(name));
  }, [name, failed]);
  if (!name) return <NoSuchPage />;
  const Shown = loaded.get(name);
  if (Shown) return <Shown />;
  return (
    <main id="main" class="page" aria-busy={failed !== name}>
      <div class="card tall">
        {failed === name ? (
          <div class="failure" role="alert">
            <h1 class="headline">The page did not load</h1>
            <p>The server may be away, or has been updated since this page was opened.</p>
            <button type="button" class="button" onClick={() => location.reload()}>
              Reload
            </button>
          </div>
        ) : (
          <Bone width="12em" />
        )}
      </div>
    </main>
  );
}

/** The server wants a key that this browser does not have. */
function Locked() {
  return (
    <main id="main" class="page">
      <div class="card tall">
        <div class="failure" role="alert" data-code="key_missing">
          <h1 class="headline">{refused.value === "key_refused" ? "The key is not accepted any more" : "This server asks for a key"}</h1>
          <p>{refused.value === "key_refused" ? "It may have expired or been revoked." : "The server prints a link for the first one when it starts; whoever has a key can make more."}</p>
          <Link class="button" href="/settings">
            Enter a key
          </Link>
        </div>
      </div>
    </main>
  );
}

function NoSuchPage() {
  return (
    <main id="main" class="page">
      <div class="card tall">
        <div class="failure" role="alert">
          <h1 class="headline">There is no such page</h1>
          <p>
            Start from the <Link href="/">markets</Link>, or search for a symbol above.
          </p>
        </div>
      </div>
    </main>
  );
}
