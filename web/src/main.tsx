// Starts the page.
import { render } from "preact";
import { App } from "./app";
import { startHeartbeat } from "./state/server";
import "./styles/base.css";
import "./styles/page.css";

const root = document.getElementById("app");
if (root) {
  startHeartbeat();
  render(<App />, root);
}
