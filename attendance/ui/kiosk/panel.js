// The panel: icon, headline, fact, help, buttons, the links at the foot, and the one region that screen readers listen to.
// What it shows is given whole each time; it changes only what is another than before.
import { icon } from "./icons.js";

const HINT_MS = 600; // hints change no more often than this
const STABLE_MS = 1000; // a hint is read out only when it has stood for so long
const LONG = 23; // letters from which a headline is one step smaller
const VERY_LONG = 60; // the same, small enough that six lines of it leave the buttons in sight

/** A fact's time is large to the minute, with its seconds smaller: 09:02 and :11. */
function factParts(fact) {
  if (!fact) return null;
  const time = fact.time || "";
  return { label: fact.label || "", minute: time.slice(0, 5), seconds: time.slice(5) };
}

function spoken(view) {
  const fact = view.fact ? [view.fact.label, view.fact.time].filter(Boolean).join(" ") : "";
  return [view.headline, view.silentFact ? "" : fact, view.help]
    .filter(Boolean)
    .map((part) => (/[.?]$/.test(part) ? part : `${part}.`))
    .join(" ");
}

export function createPanel(root) {
  const find = (name) => root.querySelector(name);
  const panel = find(".panel");
  const parts = { sign: find(".icon"), head: find("h1"), fact: find(".fact"), help: find(".help"), acts: find(".acts"), live: find("[role=status]") };
  const alt = find(".alt");
  let shown = {};
  let changedAt = -HINT_MS;
  let waiting = 0;
  let reading = 0;
  let coming = "";

  /** Read out after a while, unless something else is shown by then. */
  function say(text, afterMs) {
    if (text === coming) return;
    clearTimeout(reading);
    coming = text;
    reading = setTimeout(() => {
      parts.live.textContent = text;
    }, afterMs);
  }

  function drawFact(fact) {
    const of = factParts(fact);
    parts.fact.hidden = !of;
    parts.fact.textContent = "";
    if (!of) return;
    parts.fact.append(of.label);
    if (!of.minute) return;
    const seconds = document.createElement("s");
    seconds.textContent = of.seconds;
    parts.fact.append("\u00a0", of.minute, seconds);
  }

  /** Buttons keep their element while their words stay, so that the focus stays as well. */
  function drawButtons(buttons) {
    const words = buttons.map((button) => button.label).join("\n");
    if (parts.acts.dataset.words === words) {
      [...parts.acts.children].forEach((element, at) => {
        element.onclick = buttons[at].act;
        element.disabled = Boolean(buttons[at].disabled);
      });
      return;
    }
    const hadFocus = parts.acts.contains(root.activeElement);
    parts.acts.dataset.words = words;
    parts.acts.replaceChildren(
      ...buttons.map((button) => {
        const element = document.createElement("button");
        element.type = "button";
        element.className = `btn ${button.kind || ""}`;
        element.textContent = button.label;
        element.disabled = Boolean(button.disabled);
        element.onclick = button.act;
        return element;
      }),
    );
    if (hadFocus) (parts.acts.firstElementChild || parts.head).focus();
  }

  function drawBar(view) {
    find(".left")?.remove();
    if (!view.barMs) return;
    const bar = document.createElement("div");
    bar.className = "left";
    bar.style.animationDuration = `${view.barMs}ms`;
    panel.append(bar);
  }

  function draw(view) {
    if (view.headline !== shown.headline || view.key !== shown.key) changedAt = performance.now();
    panel.dataset.tone = view.tone || "quiet";
    panel.dataset.state = view.key;
    if (view.icon !== shown.icon) parts.sign.innerHTML = icon(view.icon);
    if (view.headline !== shown.headline) {
      parts.head.textContent = view.headline;
      parts.head.classList.toggle("long", view.headline.length > LONG);
      parts.head.classList.toggle("very-long", view.headline.length > VERY_LONG);
    }
    if (JSON.stringify(view.fact) !== JSON.stringify(shown.fact)) drawFact(view.fact);
    if (view.help !== shown.help) parts.help.textContent = view.help;
    drawButtons(view.buttons || []);
    if (view.barId !== shown.barId) drawBar(view);
    alt.hidden = !view.alt;
    alt.textContent = view.alt?.label || "";
    alt.onclick = view.alt?.act || null;
    shown = view;
    document.title = `${view.headline} · Attend`;
    say(spoken(view), view.hint ? STABLE_MS : 0);
  }

  return {
    /**
     * Show a view: `{ key, tone, icon, headline, fact, help, buttons, alt, hint, atOnce, barMs, barId }`. A hint waits until the one
     * before has stood long enough; anything else is shown at once. So is one with `atOnce`, for what it announces may come first.
     */
    show(view) {
      clearTimeout(waiting);
      const due = changedAt + HINT_MS - performance.now();
      const differs = view.key !== shown.key || view.headline !== shown.headline;
      if (view.hint && !view.atOnce && shown.hint && differs && due > 0) waiting = setTimeout(() => draw(view), due);
      else draw(view);
    },
    /** Read something out that belongs to no view, such as how many names fit. */
    say: (text) => say(text, 300),
    /** The site, and its clock; the clock is never read out. */
    top(site, now) {
      const clock = find(".clock");
      if (find(".site span").textContent !== site) find(".site span").textContent = site;
      if (!now || clock.textContent === now.time) return;
      clock.textContent = now.time;
      clock.dateTime = now.moment;
      find(".site small").textContent = now.date;
    },
    stop() {
      clearTimeout(waiting);
      clearTimeout(reading);
    },
  };
}
