// Builds the dashboard into the Python package. `TRUECAST_API` points the dev server at a running Truecast.
import { defineConfig } from "vite";

const api = process.env["TRUECAST_API"] ?? "http://127.0.0.1:8000";

export default defineConfig({
  base: "/",
  build: {
    outDir: "../src/truecast/web",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // the content security policy allows no data: URLs
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { host: "127.0.0.1", port: 5173, proxy: { "/api": api } },
});
