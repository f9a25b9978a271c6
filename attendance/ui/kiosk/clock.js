// The site's clock: the server's time in the site's zone, carried on by this device's monotonic clock, never its own time.
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

export function createClock() {
  let wallMs = null;
  let readAt = 0;
  return {
    /** Take over the server's local time, such as 2026-11-20T09:02:11+01:00. */
    set(iso) {
      const wall = Date.parse(`${String(iso).slice(0, 19)}Z`); // the wall's figures, read as if they were UTC's
      if (Number.isNaN(wall)) return;
      wallMs = wall;
      readAt = performance.now();
    },
    /** Its time and date in words, or null while the server has not been heard. */
    now() {
      if (wallMs === null) return null;
      const wall = new Date(wallMs + performance.now() - readAt);
      const iso = wall.toISOString();
      return {
        time: iso.slice(11, 16),
        moment: iso.slice(0, 16),
        date: `${DAYS[wall.getUTCDay()]} ${wall.getUTCDate()} ${MONTHS[wall.getUTCMonth()]}`,
      };
    },
  };
}
