import { expect, test, vi } from "vitest";
import { JUMPS, Jumps } from "../src/state/jumps";

test("g and a letter go to a page, soon after each other", () => {
  const jumps = new Jumps();
  expect(jumps.meant("g", 0)).toBeNull();
  expect(jumps.meant("m", 400)).toEqual({ kind: "go", room: "markets" });
  expect(jumps.meant("m", 500)).toBeNull();
  jumps.meant("g", 1_000);
  expect(jumps.meant("m", 3_000)).toBeNull();
  jumps.meant("g", 4_000);
  expect(jumps.meant("x", 4_100)).toBeNull();
  expect(jumps.meant("m", 4_200)).toBeNull();
  expect(jumps.meant("?", 4_300)).toEqual({ kind: "help" });
});

test("every page has a letter of its own", async () => {
  vi.stubGlobal("location", { pathname: "/", search: "", href: "http://localhost/" });
  vi.stubGlobal("addEventListener", () => undefined);
  const { PAGES } = await import("../src/state/place");
  expect(Object.values(JUMPS).sort()).toEqual(Object.keys(PAGES).sort());
});
