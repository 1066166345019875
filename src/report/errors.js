"use strict";
window.pageErrors = [];
addEventListener("error", (event) => { window.pageErrors.push(String(event.message)); });
addEventListener("unhandledrejection", (event) => { window.pageErrors.push(String(event.reason)); });
{
  const original = console.error.bind(console);
  console.error = (...words) => { window.pageErrors.push(words.join(" ")); original(...words); };
}
