"use strict";
// Draws a chart when it comes near the view, again when the theme changes, and all for printing.
(() => {
  const root = document.documentElement;
  const base = document.currentScript.dataset.root;
  const drawings = [...document.querySelectorAll(".drawing")];
  const drawn = new Set();
  let library = null;
  let closed = [];
  root.classList.add("js");
  document.querySelectorAll("details.twin").forEach((twin) => { twin.open = false; });
  // On a phone a long page begins as the list of its parts; a link to a part opens it.
  const parts = [...document.querySelectorAll(".part > details")];
  const folds = [...document.querySelectorAll("details.fold")];
  const isPhone = matchMedia("(max-width: 699px)").matches;
  if (isPhone) {
    [...parts, ...document.querySelectorAll(".contents details")].forEach((one) => { one.open = false; });
  }
  function openTarget() {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    const part = target && target.closest(".part");
    if (!part) return;
    part.querySelector("details").open = true;
    part.scrollIntoView();
  }
  openTarget();
  window.addEventListener("hashchange", openTarget);
  // Small multiples stand in one column on a narrow screen; paper is always wide enough.
  const narrow = matchMedia("(max-width: 699px)");
  const isNarrow = () => narrow.matches && !root.classList.contains("printing");
  function reserve(drawing) {
    const { height, narrowHeight } = drawing.dataset;
    drawing.style.minHeight = `${(isNarrow() && narrowHeight) || height}px`;
  }
  drawings.forEach(reserve);

  function load() {
    library ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = `${base}assets/plotly.min.js`;
      script.onload = resolve;
      script.onerror = reject;
      document.head.append(script);
    });
    return library;
  }

  function painted(value, colours) {
    if (typeof value === "string") {
      return value.startsWith("@") ? colours.getPropertyValue(`--${value.slice(1)}`).trim() : value;
    }
    if (Array.isArray(value)) return value.map((item) => painted(item, colours));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, painted(item, colours)]));
    }
    return value;
  }

  // What every drawing shares stands once in the page.
  const shared = JSON.parse(document.getElementById("base").textContent);
  function whole(spec) {
    const layout = { ...shared.layout, ...spec.layout };
    Object.keys(layout).filter((key) => /^[xy]axis/.test(key)).forEach((key) => {
      layout[key] = { ...shared.axis, ...layout[key] };
    });
    // A number in place of a trace's places names an earlier trace that has the same.
    spec.data.forEach((trace) => ["x", "y"].forEach((axis) => {
      if (typeof trace[axis] === "number") trace[axis] = spec.data[trace[axis]][axis];
    }));
    return { ...spec, layout, config: shared.config };
  }

  function draw(drawing) {
    const text = drawing.parentElement.querySelector("script.spec").textContent;
    const spec = painted(whole(JSON.parse(text)), getComputedStyle(root));
    if (isNarrow()) fitNarrow(spec.layout, spec.narrow);
    if (root.classList.contains("printing")) fitPaper(drawing, spec.layout);
    drawn.add(drawing);
    drawing.classList.add("is-drawn");
    return window.Plotly.react(drawing, spec.data, spec.layout, spec.config);
  }

  function fitNarrow(layout, narrow) {
    Object.entries(narrow ?? {}).forEach(([key, value]) => {
      layout[key] = typeof value === "object" ? { ...layout[key], ...value } : value;
    });
  }

  // A4 within its margins is 695 px wide; a drawing sits in one column of two, or in the only one.
  function fitPaper(drawing, layout) {
    layout.width = drawing.closest(".grid.one") ? 660 : 312;
    // Words beside rows do not shrink with the paper.
    const hasRows = Object.entries(layout).some(([key, axis]) => /^yaxis/.test(key) && axis.ticktext);
    layout.height = hasRows || drawing.dataset.narrowHeight || layout.height > 480
      ? Math.min(layout.height, 900)
      : Math.round(layout.height * 0.76);
    drawing.style.minHeight = "0";
  }

  function showTables() {
    drawings.forEach((drawing) => { drawing.hidden = true; });
    document.querySelectorAll("details.twin").forEach((twin) => { twin.open = true; });
  }

  const watcher = new IntersectionObserver((entries) => {
    entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
      watcher.unobserve(entry.target);
      load().then(() => draw(entry.target)).catch(showTables);
    });
  }, { rootMargin: "400px 0px" });
  drawings.forEach((drawing) => watcher.observe(drawing));

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.forEach(draw));
  narrow.addEventListener("change", () => { drawings.forEach(reserve); drawn.forEach(draw); });
  // So that printing, which cannot wait, finds the library there.
  if (drawings.length) {
    window.addEventListener("load", () => setTimeout(() => load().catch(showTables), 1500));
  }
  window.addEventListener("beforeprint", () => {
    root.classList.add("printing");
    closed = [...parts, ...folds].filter((one) => !one.open);
    closed.forEach((one) => { one.open = true; });
    // What a reader has left closed is printed as its title.
    if (window.Plotly) drawings.filter((one) => one.checkVisibility()).forEach(draw);
  });
  window.addEventListener("afterprint", () => {
    root.classList.remove("printing");
    closed.forEach((one) => { one.open = false; });
    drawings.forEach(reserve);
    drawn.forEach(draw);
  });
})();
