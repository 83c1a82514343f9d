// Served for a year under this name: count up when it changes. Runs before the first paint so that a chosen theme does not flash. Storage may be blocked: then the system decides.
try {
  var theme = localStorage.getItem("truecast.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch (_) {}
