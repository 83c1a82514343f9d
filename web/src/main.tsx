// Starts the page.
import { render } from "preact";
import { App } from "./app";
import "./state/prefs"; // before anything is written: how
import { startHeartbeat } from "./state/server";
import "./styles/base.css";
import "./styles/frame.css";
import "./styles/instrument.css";
import "./styles/forecast.css";
import "./styles/record.css";
import "./styles/models.css";
import "./styles/tables.css";
import "./styles/states.css";
import "./styles/pages.css";
import "./styles/widths.css";

const root = document.getElementById("app");
if (root) {
  startHeartbeat();
  render(<App />, root);
}
