// Shows the titles of the drawings at once on hover, and on keyboard focus, which browsers do not do. The page is
// complete without it.
(() => {
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.hidden = true;
  document.body.append(tip);
  const show = (part, x, y) => {
    tip.textContent = part.dataset.tip;
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    tip.style.left = Math.max(8, Math.min(x + 12, innerWidth - box.width - 8)) + "px";
    tip.style.top = (y + 18 + box.height > innerHeight ? y - box.height - 10 : y + 18) + "px";
  };
  for (const title of document.querySelectorAll(".chart * > title")) {
    const part = title.parentElement;
    part.dataset.tip = title.textContent;
    if (!part.hasAttribute("aria-label")) part.setAttribute("aria-label", title.textContent);
    title.remove();
    part.addEventListener("pointermove", (event) => show(part, event.clientX, event.clientY));
    part.addEventListener("pointerleave", () => { tip.hidden = true; });
    part.addEventListener("click", () => { tip.hidden = true; });
    part.addEventListener("focus", () => {
      if (!part.matches(":focus-visible")) return;
      const box = part.getBoundingClientRect(); show(part, box.left, box.bottom - 14);
    });
    part.addEventListener("blur", () => { tip.hidden = true; });
  }
})();
