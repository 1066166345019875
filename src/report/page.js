"use strict";
// Says in attributes of <html> whether everything on the page is drawn, for tests and the curious:
// data-figures, data-drawn, data-viewer, data-errors.
(() => {
  const root = document.documentElement;
  // Axes and words are black and grey on white; what is drawn of the data has a colour and a size.
  const colored = (color) => {
    const parts = /^#(..)(..)(..)$/.exec(color || "");
    return parts !== null && (parts[1] !== parts[2] || parts[2] !== parts[3]);
  };
  const showsData = (mark) => {
    if (!colored(mark.getAttribute("stroke")) && !colored(mark.getAttribute("fill"))) return false;
    switch (mark.tagName) {
      case "polyline": return mark.points.numberOfItems > 1;
      case "circle": return mark.r.baseVal.value > 0;
      case "rect": return mark.width.baseVal.value > 0 && mark.height.baseVal.value > 0;
      default: return true;
    }
  };
  const checkFigures = () => {
    const figures = document.querySelectorAll("figure");
    let drawn = 0;
    for (const figure of figures) {
      const svg = figure.querySelector("svg");
      const marks = svg ? [...svg.querySelectorAll("polyline, circle, rect, polygon, path")] : [];
      const folded = figure.closest("details:not([open])") !== null;
      const box = svg ? svg.getBoundingClientRect() : { width: 0, height: 0 };
      if (marks.some(showsData) && (folded || (box.width > 50 && box.height > 50))) drawn += 1;
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
