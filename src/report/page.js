"use strict";
// Says in attributes of <html> whether everything on the page is drawn, for tests and the curious:
// data-figures, data-drawn, data-viewer, data-errors.
(() => {
  const root = document.documentElement;
  const checkFigures = () => {
    const figures = document.querySelectorAll("figure");
    let drawn = 0;
    for (const figure of figures) {
      const svg = figure.querySelector("svg");
      const marks = svg ? svg.querySelectorAll("polyline, circle, polygon, path").length : 0;
      const folded = figure.closest("details:not([open])") !== null;
      const box = svg ? svg.getBoundingClientRect() : { width: 0, height: 0 };
      if (marks > 0 && (folded || (box.width > 50 && box.height > 50))) drawn += 1;
    }
    root.dataset.figures = figures.length;
    root.dataset.drawn = drawn;
  };
  addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((d) => { d.open = true; });
  });
  addEventListener("load", () => {
    checkFigures();
    root.dataset.errors = window.pageErrors.length;
    if (window.pageErrors.length > 0) root.dataset.firstError = window.pageErrors[0];
    root.dataset.loaded = "yes";
  });
})();
