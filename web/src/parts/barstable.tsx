// The chart as a table: the same bars and past forecasts for those who cannot or would rather not see it.
import type { Candle } from "../api/types";
import { pointOf } from "../chart/series";
import type { Claim } from "../chart/claims";
import { compact, price, range } from "../format/numbers";
import { barLabel } from "../format/time";
import { Scroll } from "./bits";

const ROWS_MAX = 60;

interface Props {
  candles: readonly Candle[];
  claims: readonly Claim[];
  interval: string;
  tick: number;
  line: boolean;
}

export function BarsTable({ candles, claims, interval, tick, line }: Props) {
  const shown = candles.slice(-ROWS_MAX).reverse();
  const of = new Map(claims.map((claim) => [claim.time, claim]));
  const volume = shown.some((candle) => candle.volume !== null);
  return (
    <details class="fold bars">
      <summary>The bars as a table</summary>
      <Scroll label="The last bars">
        <table id="bars">
          <thead>
            <tr>
              <th scope="col">Bar</th>
              {!line && (
                <>
                  <th scope="col" class="num">
                    Open
                  </th>
                  <th scope="col" class="num">
                    High
                  </th>
                  <th scope="col" class="num">
                    Low
                  </th>
                </>
              )}
              <th scope="col" class="num">
                {line ? "Value" : "Close"}
              </th>
              {volume && (
                <th scope="col" class="num">
                  Volume
                </th>
              )}
              <th scope="col" class="num">
                Forecast before
              </th>
              <th scope="col">Became</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((candle) => {
              const claim = of.get(pointOf(candle).time);
              return (
                <tr key={candle.start}>
                  <td>
                    {barLabel(candle.start, interval)}
                    {!candle.final && <span class="soft"> forming</span>}
                  </td>
                  {!line && (
                    <>
                      <td class="num">{price(candle.open, tick)}</td>
                      <td class="num">{price(candle.high, tick)}</td>
                      <td class="num">{price(candle.low, tick)}</td>
                    </>
                  )}
                  <td class="num">{price(candle.close, tick)}</td>
                  {volume && <td class="num">{candle.volume === null ? "–" : compact(candle.volume)}</td>}
                  <td class="num">{claim ? range(claim.lower, claim.upper, tick) : "–"}</td>
                  <td>{claim?.fate ?? ""}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </Scroll>
    </details>
  );
}
