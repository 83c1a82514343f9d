// Single sealed forecasts with what came of them: the newest, the best and the worst, of every instrument.
import { get, segment } from "../api/client";
import type { ResolvedForecasts } from "../api/types";
import { count, price, range, significant } from "../format/numbers";
import { barLabel, barLabelShort } from "../format/time";
import { useResource } from "../state/resource";
import { slowPollMs } from "../state/server";
import { Choice, Scroll, When } from "./bits";
import { Answer } from "./answer";
import { CheckIcon, CrossIcon } from "./icons";
import { Link } from "./link";
import { modelName } from "./models";
import { Section } from "./section";

export const ORDERS = ["newest", "best", "worst"] as const;
export type Order = (typeof ORDERS)[number];

const ABOUT: Record<Order, string> = {
  newest: "The last that met their outcome, whatever it was.",
  best: "Nearest to what happened, in average moves of each instrument.",
  worst: "Farthest from what happened, in average moves of each instrument. Nothing is left out.",
};
const SHOWN = 10;
const TITLES: Record<Order, string> = { newest: "Newest", best: "Best", worst: "Worst" };

interface Props {
  query: { asset_class: string | null; interval: string; model: string; horizon: number; period: string };
  order: Order;
  tickOf: (symbol: string) => number;
  onOrder: (order: Order) => void;
}

export function Singles({ query, order, tickOf, onOrder }: Props) {
  const asked = { ...query, order, limit: SHOWN };
  const found = useResource<ResolvedForecasts>(`singles ${JSON.stringify(asked)}`, (signal) => get("/performance/resolved", asked, signal), { keep: true, everyMs: slowPollMs });
  return (
    <Section id="singles" title="One by one" about={ABOUT[order]} of={found}>
      {(data) => (
        <>
          <Choice<Order> legend="Which" value={order} options={ORDERS.map((value) => ({ value, label: TITLES[value] }))} onChange={onOrder} />
          {data.items.length === 0 ? <p class="nothing soft">No sealed forecast of this kind has met its outcome yet.</p> : <SinglesTable items={data.items} tickOf={tickOf} />}
        </>
      )}
    </Section>
  );
}

function SinglesTable({ items, tickOf }: { items: ResolvedForecasts["items"]; tickOf: (symbol: string) => number }) {
  return (
    <Scroll label="Resolved forecasts">
      <table>
        <thead>
          <tr>
            <th scope="col">Instrument</th>
            <th scope="col">For</th>
            <th scope="col" class="num">
              Said, 80 %
            </th>
            <th scope="col" class="num">
              Came
            </th>
            <th scope="col">Inside?</th>
            <th scope="col" class="num">
              Error
            </th>
          </tr>
        </thead>
        <tbody>
          {items.map((item) => {
            const tick = tickOf(item.symbol);
            const inside = item.inside["0.8"] ?? false;
            return (
              <tr key={`${item.id} ${item.step}`}>
                <th scope="row">
                  <Link href={`/?symbol=${segment(item.symbol)}&interval=${item.interval}`}>
                    <b>{item.symbol}</b> <span class="soft wide">{item.name}</span>
                  </Link>
                </th>
                <td title={barLabel(item.target, item.interval)}>{barLabelShort(item.target, item.interval)}</td>
                <td class="num">{range(item.lower, item.upper, tick)}</td>
                <td class="num">
                  <b>{price(item.outcome, tick)}</b>
                </td>
                <td>
                  <span class={inside ? "inside yes" : "inside no"}>
                    {inside ? <CheckIcon /> : <CrossIcon />}
                    {inside ? "inside" : "outside"}
                  </span>
                </td>
                <td class="num">
                  <Answer
                    of="average moves away"
                    facts={[
                      ["CRPS", significant(item.crps)],
                      ["Random walk's", significant(item.crps_naive)],
                      ["Median said", price(item.median, tick)],
                      ["Sealed", <When iso={item.issued_at} />],
                      ["Model", modelName(item.model)],
                      ["Inside of", insideOf(item.inside)],
                    ]}
                  >
                    {item.loss === null ? "–" : `${significant(item.loss)} moves`}
                  </Answer>
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Scroll>
  );
}

function insideOf(inside: { [level: string]: boolean }): string {
  const held = Object.entries(inside).filter(([, hit]) => hit);
  return held.length ? held.map(([level]) => `${count(Number(level) * 100)}\u2009%`).join(", ") : "none";
}
