// What is drawn on the picture: the outline, the frame of each face, the ring. Every line is drawn twice, dark under light, so
// that it reads on any background. Coordinates are the stage's own; the picture is mirrored, so the boxes are as well.
import { ICONS } from "./icons.js";

const FOLLOW_MS = 120;
const DRAWING = 1200; // the stage's longer side in the units of line widths

const still = matchMedia("(prefers-reduced-motion: reduce)");

const line = (d, light, dark, more = "") =>
  `<path d="${d}" stroke="#0F1216" stroke-opacity=".55" stroke-width="${dark}" ${more}/>` +
  `<path d="${d}" stroke="#fff" stroke-width="${light}" ${more}/>`;

const ellipse = ({ cx, cy, rx, ry }) => `M${cx - rx} ${cy}a${rx} ${ry} 0 1 1 ${2 * rx} 0a${rx} ${ry} 0 1 1 ${-2 * rx} 0Z`;

function corners([x, y, w, h], unit) {
  const arm = Math.min(w, h) * 0.2;
  const r = Math.min(arm * 0.45, 36 * unit);
  return (
    `M${x} ${y + arm}V${y + r}a${r} ${r} 0 0 1 ${r} ${-r}H${x + arm}` +
    `M${x + w - arm} ${y}H${x + w - r}a${r} ${r} 0 0 1 ${r} ${r}V${y + arm}` +
    `M${x + w} ${y + h - arm}V${y + h - r}a${r} ${r} 0 0 1 ${-r} ${r}H${x + w - arm}` +
    `M${x + arm} ${y + h}H${x + r}a${r} ${r} 0 0 1 ${-r} ${-r}V${y + h - arm}`
  );
}

function segment({ cx, cy, rx, ry }, index, needed) {
  const gap = 10;
  const from = -90 + (index * 360) / needed + gap / 2;
  const to = -90 + ((index + 1) * 360) / needed - gap / 2;
  const at = (deg) => `${cx + rx * Math.cos((deg * Math.PI) / 180)} ${cy + ry * Math.sin((deg * Math.PI) / 180)}`;
  return `M${at(from)}A${rx} ${ry} 0 ${to - from > 180 ? 1 : 0} 1 ${at(to)}`;
}

/** One segment for each frame that has to agree, filled for those that did: what is true, not a spinner. */
function votes(oval, agreed, needed, unit) {
  let drawn = "";
  for (let index = 0; index < needed; index += 1) {
    const d = segment(oval, index, needed);
    const light = index < agreed ? `stroke-opacity="1" stroke-width="${16 * unit}"` : `stroke-opacity=".28" stroke-width="${10 * unit}"`;
    drawn += `<path class="arc" d="${d}" stroke="#0F1216" stroke-opacity=".5" stroke-width="${28 * unit}"/>`;
    drawn += `<path class="arc" d="${d}" stroke="#fff" ${light} data-filled="${index < agreed}"/>`;
  }
  return drawn;
}

const closed = (oval, colour, unit) =>
  `<path d="${ellipse(oval)}" stroke="#0F1216" stroke-opacity=".5" stroke-width="${30 * unit}"/>` +
  `<path d="${ellipse(oval)}" stroke="${colour}" stroke-width="${18 * unit}"/>`;

function badge({ cx, cy, ry }, fill, sign, unit) {
  const k = Math.max(Math.min(unit, ry / 318), 0.36);
  return (
    `<g transform="translate(${cx} ${cy + ry}) scale(${k})"><circle r="62" fill="${fill}" stroke="#fff" stroke-width="10"/>` +
    `<g transform="translate(-42 -42) scale(3.5)" stroke="#fff" stroke-width="2">${ICONS[sign]}</g></g>`
  );
}

/**
 * `set` takes `{ kind, boxes, agreed, needed }`. Kinds: none, guide, frames (with the outline: closer), ring, good, same,
 * miss. Boxes are [x, y, w, h], 0 to 1 of the frame as it was sent.
 */
export function createOverlay(svg) {
  let shown = { kind: "none", boxes: [], agreed: 0, needed: 0 };
  let from = []; // where the boxes were, are, and are going to, on the stage
  let now = [];
  let target = [];
  let began = 0;
  let request = 0;
  let drawn = "";

  const size = () => ({ w: svg.clientWidth, h: svg.clientHeight });

  /** From 0 to 1 of the frame, which is what the stage shows, to the stage's own pixels, mirrored as the picture is. */
  function placed([x, y, w, h]) {
    const stage = size();
    return [(1 - x - w) * stage.w, y * stage.h, w * stage.w, h * stage.h];
  }

  function guide() {
    const { w, h } = size();
    const ry = Math.min(0.258 * Math.max(w, h), 0.38 * h, 0.46 * w);
    return { cx: w / 2, cy: h / 2 - 0.04 * h, rx: (ry * 250) / 310, ry };
  }

  /** The ring stands around the face; where no face is known, where the outline stands. */
  function around(box, unit) {
    const { w, h } = size();
    if (!box) {
      const oval = guide();
      return { ...oval, rx: oval.rx * 1.09, ry: oval.ry * 1.03 };
    }
    const [x, y, bw, bh] = box;
    const edge = 18 * unit;
    const ry = Math.min(0.72 * bh, h / 2 - edge);
    const rx = Math.min(Math.max(0.76 * bw, 0.8 * ry), w / 2 - edge);
    const inside = (value, reach, most) => Math.min(Math.max(value, reach + edge), most - reach - edge);
    return { cx: inside(x + bw / 2, rx, w), cy: inside(y + bh / 2, ry, h), rx, ry };
  }

  function draw(boxes) {
    const { w, h } = size();
    if (!w || !h) return;
    const unit = Math.max(w, h) / DRAWING;
    const [light, dark] = [Math.max(7 * unit, 3), Math.max(15 * unit, 7)];
    const outline = () => line(ellipse(guide()), light, dark, `stroke-dasharray="${34 * unit} ${30 * unit}"`);
    const frames = () => boxes.map((box) => line(corners(box, unit), light, dark)).join("");
    const oval = () => around(boxes[0], unit);
    const inks = {
      none: () => "",
      guide: outline,
      frames,
      closer: () => frames() + outline(),
      ring: () => votes(oval(), shown.agreed, shown.needed, unit),
      good: () => closed(oval(), "#5FD39A", unit) + badge(oval(), "#0A6B43", "tick", unit),
      same: () => closed(oval(), "#FFFFFF", unit) + badge(oval(), "#1F4FA8", "same", unit),
      miss: () => line(ellipse(oval()), light, dark, `stroke-dasharray="${60 * unit} ${44 * unit}"`),
    };
    const ink = (inks[shown.kind] || inks.none)();
    if (ink === drawn) return;
    drawn = ink;
    svg.innerHTML = ink;
  }

  function step() {
    const share = still.matches ? 1 : Math.min(1, (performance.now() - began) / FOLLOW_MS);
    now = target.map((box, at) => box.map((edge, side) => from[at][side] + share * (edge - from[at][side])));
    draw(now);
    request = share < 1 ? requestAnimationFrame(step) : 0;
  }

  function aim() {
    const next = shown.boxes.map(placed);
    if (JSON.stringify(next) === JSON.stringify(target)) return draw(now); // on its way there, or there
    from = next.map((box, at) => (now.length === next.length ? now[at] : box));
    target = next;
    began = performance.now();
    cancelAnimationFrame(request);
    return step();
  }

  const watcher = new ResizeObserver(aim);
  watcher.observe(svg);
  return {
    set(next) {
      shown = { boxes: [], agreed: 0, needed: 0, ...next };
      aim();
    },
    stop() {
      watcher.disconnect();
      cancelAnimationFrame(request);
    },
  };
}
