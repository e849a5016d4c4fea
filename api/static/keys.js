// What keys do beside what the browser has them do.

/** By its place too: on an Arabic keyboard the slash's key writes ظ. */
export function isSlash(event) {
  return event.key === "/" || (event.code === "Slash" && !event.shiftKey);
}

/** Go from the box to the first hit, from hit to hit, and back: tells whether the key did so. */
export function arrows(event, box, view) {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const places = [...view.querySelectorAll(".hit .open, .kwic .from a")];
  const item = event.target.closest(".hit, .hits > li, .kwic li");
  if (!by || !places.length || !(item || event.target === box)) return false;
  const at = places.findIndex((place) => item?.contains(place)) + by;
  if (event.target === box && by < 0) return false;
  const target = at < 0 ? box : places[Math.min(at, places.length - 1)];
  target.focus({ preventScroll: true });
  (target.closest(".hit, li") ?? target).scrollIntoView({ block: "nearest" });
  return true;
}
