import { beforeAll, describe, expect, test, vi } from "vitest";

type Module = typeof import("../src/state/place");
let place: Module;

beforeAll(async () => {
  vi.stubGlobal("location", { pathname: "/", search: "", href: "http://localhost/" });
  vi.stubGlobal("addEventListener", () => undefined);
  place = await import("../src/state/place");
});

describe("the page an address means", () => {
  test("is an instrument where one is named, else the markets", () => {
    expect(place.pageAt({ path: "/", search: "" })).toBe("markets");
    expect(place.pageAt({ path: "/", search: "?symbol=" })).toBe("markets");
    expect(place.pageAt({ path: "/", search: "?symbol=%5EVIX&interval=1d" })).toBe("instrument");
  });

  test("is found by its path, and by no other", () => {
    for (const [name, { path }] of Object.entries(place.PAGES)) expect(place.pageAt({ path: path === "/" ? path : `${path}/`, search: "" })).toBe(name);
    expect(place.pageAt({ path: "/nowhere", search: "" })).toBeNull();
  });

  test("leaves out of the query what is default", () => {
    expect(place.withQuery("/", { class: null, sort: "" })).toBe("/");
    expect(place.withQuery("/", { class: "fx", sort: "change" })).toBe("/?class=fx&sort=change");
  });
});
