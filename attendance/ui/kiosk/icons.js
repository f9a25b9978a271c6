// The kiosk's own signs, drawn in a box of 24 x 24 with a line of 2. Nothing is fetched for them.
export const ICONS = {
  face: '<path d="M4 8V6a2 2 0 0 1 2-2h2M16 4h2a2 2 0 0 1 2 2v2M20 16v2a2 2 0 0 1-2 2h-2M8 20H6a2 2 0 0 1-2-2v-2M9 10v.01M15 10v.01M9.2 14.4a4 4 0 0 0 5.6 0"/>',
  closer: '<path d="M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5M4.5 4.5l4 4M19.5 4.5l-4 4M4.5 19.5l4-4M19.5 19.5l-4-4"/>',
  back: '<path d="M9 4v5H4M15 4v5h5M9 20v-5H4M15 20v-5h5M4 4l4.5 4.5M20 4l-4.5 4.5M4 20l4.5-4.5M20 20l-4.5-4.5"/>',
  light: '<circle cx="12" cy="12" r="4"/><path d="M12 2.5v2.5M12 19v2.5M2.5 12H5M19 12h2.5M5.3 5.3l1.8 1.8M16.9 16.9l1.8 1.8M5.3 18.7l1.8-1.8M16.9 7.1l1.8-1.8"/>',
  eye: '<path d="M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12Z"/><circle cx="12" cy="12" r="3"/>',
  several: '<circle cx="9" cy="8" r="3.5"/><path d="M2.5 20c.5-4 3-6 6.5-6s6 2 6.5 6M16 4.8a3.5 3.5 0 0 1 0 6.4M18 14.6c2 .8 3.2 2.6 3.5 5.4"/>',
  dots: '<path d="M6 12h.01M12 12h.01M18 12h.01" stroke-width="3.5"/>',
  tick: '<path d="M4.5 12.8 9.8 18 19.5 7" stroke-width="2.6"/>',
  same: '<circle cx="12" cy="12" r="9"/><path d="M12 7v5.3l3.5 2"/>',
  ask: '<path d="M8.5 9a3.6 3.6 0 1 1 5.3 3.1c-1.2.7-1.8 1.4-1.8 2.7M12 18.6v.01" stroke-width="2.4"/>',
  off: '<path d="M3 3l18 18M9.6 5H15l1.5 2.5H19a2 2 0 0 1 2 2v7.2M17.8 19H5a2 2 0 0 1-2-2V9.5a2 2 0 0 1 2-2h1.4M14.8 14.5a3.6 3.6 0 0 1-5-5"/>',
  cam: '<path d="M5 7.5h2.5L9 5h6l1.5 2.5H19a2 2 0 0 1 2 2V17a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V9.5a2 2 0 0 1 2-2Z"/><circle cx="12" cy="13" r="3.6"/>',
  lock: '<rect x="5" y="11" width="14" height="9" rx="2"/><path d="M8 11V8a4 4 0 0 1 7.5-2"/>',
  pause: '<path d="M9 6v12M15 6v12" stroke-width="2.6"/>',
  key: '<circle cx="8" cy="15" r="4"/><path d="m11 12 8-8M16 7l3 3"/>',
};

/** An icon as markup; an unknown name is the face. */
export function icon(name) {
  return `<svg viewBox="0 0 24 24" aria-hidden="true">${ICONS[name] || ICONS.face}</svg>`;
}
