// Begin: read the data, draw all parts, then what the address asks for.

const THEMES = { dark: ["☾", "Dark; change to light"], light: ["☀", "Light; change to dark"] };
const system = matchMedia("(prefers-color-scheme: dark)");

function setUpTheme() {
  let chosen = "";
  try {
    chosen = localStorage.getItem("vof-theme") || "";
  } catch {
    // a page that may not keep anything
  }
  const show = () => {
    const theme = chosen in THEMES ? chosen : system.matches ? "dark" : "light";
    document.documentElement.dataset.theme = theme;
    byId("theme").textContent = THEMES[theme][0];
    byId("theme").setAttribute("aria-label", THEMES[theme][1]);
    byId("theme").title = THEMES[theme][1];
    colours.clear();
    tell("theme");
  };
  byId("theme").onclick = () => {
    chosen = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("vof-theme", chosen);
    } catch {
      // as above
    }
    show();
  };
  system.addEventListener("change", show);
  show();
}

function failToShow(error) {
  byId("ending").className = "warning";
  byId("ending").textContent = "This report can't be shown: " + clean(error && error.message ? error.message : error);
  document.body.dataset.state = "failed";
}

async function begin() {
  setUpTheme();
  app.data = await readData();
  app.calls = app.data.calls;
  setUpOverview();
  setUpDetails();
  setUpTimeline();
  setUpCalls();
  setUpTree();
  setUpMemory();
  setUpConsole();
  showTabs();
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") hideTooltip();
  });
  addEventListener("resize", nextFrame(() => tell("window")));
  const asked = /^#call=(\d+)$/.exec(location.hash);
  if (asked && Number(asked[1]) < app.calls.count) openCall(Number(asked[1]));
  requestAnimationFrame(() => {
    document.body.dataset.state = "ready";
  });
}

begin().catch(failToShow);
