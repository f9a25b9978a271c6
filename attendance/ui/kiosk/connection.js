// What happens when an answer is no answer: the server is busy, away, or out of reach, or a save was cut off.
import { jitter, sleep } from "./sender.js";
import { isPaused } from "./views.js";
import { reachable, uuid, wire } from "./wire.js";

const AGAIN_MS = [2000, 4000, 8000]; // between questions to a server that does not answer
const STALE_MS = 60_000; // what was saved so long ago is no news for the person who stands here now
const BLOCKED = 3; // frames in a row without any answer of ours
const LATE = 2; // the same where an answer did not come in time, which takes long by itself
const REFUSED = 3; // frames in a row that were refused, before anybody need hear of it
const LOOK_MS = 30_000; // between looks at what kind of kiosk this is
const LOOK_EMPTY_MS = 5000; // the same while nobody is registered

/**
 * `kiosk` has `state`, `data`, `fire`, `render`, `showResult`, `learn`, `sends` and `stopped`. `heard` and `refused` take the answers
 * to frames that came, `lost` those that did not; the last two give the pause before the next frame in ms.
 */
export function createConnection(kiosk) {
  const { state } = kiosk;
  let failures = 0;
  let refusals = 0;
  let tries = 0;
  let askedAt = 0;
  let isAsking = false;

  /** Nobody can check in: say so, and ask again. */
  function pause(words, ms = AGAIN_MS[Math.min(tries, 2)]) {
    tries += 1;
    state.server = { words, retryAt: performance.now() + jitter(ms) };
    kiosk.render();
  }

  function unpaired(body) {
    pause({ ...body, state: "unpaired" }, AGAIN_MS[2]);
    location.assign("/in/pair");
    return AGAIN_MS[2];
  }

  async function askStatus() {
    if (isAsking) return;
    isAsking = true;
    const answer = await wire.status();
    isAsking = false;
    askedAt = performance.now();
    if (kiosk.stopped()) return;
    const body = answer.body || {};
    if (answer.status === 401 || body.state === "unpaired") unpaired(body);
    else if (answer.kind === "ok" && !isPaused(body.state)) {
      // Where frames are sent, the first that is taken says that all is well again; until then the screen keeps saying "paused".
      if (state.server && kiosk.sends()) state.server.isTrying = true;
      else state.server = null;
      kiosk.learn(body);
      kiosk.render();
    } else if (answer.kind === "refused" && answer.status === 429) askedAt += jitter(answer.retryMs);
    else if (!state.snapshot) pause(body, answer.retryMs || undefined);
  }

  /** The answer to a frame that may have been saved is lost: ask until the store says what became of it. */
  async function follow(id) {
    if (state.cutSince) return;
    state.attempt = null;
    state.cutSince = performance.now();
    kiosk.render();
    let unknown = 0;
    for (let wait = 300; unknown < 2; wait = Math.min(2 * wait, 4000)) {
      await sleep(wait);
      const { kind, status, body } = await wire.attempt(id);
      if (kiosk.stopped() || !state.cutSince) return; // shown already, by an answer that came after all
      if (kind === "ok" && body.state !== "unknown") {
        if (performance.now() - state.cutSince < STALE_MS) kiosk.showResult({ ...body, attempt: body.attempt || id });
        break;
      }
      // Asked twice: the request that was cut off may still have been at work.
      unknown = body?.state === "unknown" || status === 404 ? unknown + 1 : 0;
    }
    state.cutSince = 0;
    state.answer = null;
    state.turn += 1;
    kiosk.render();
  }

  return {
    askStatus,
    pause,
    heard() {
      failures = refusals = tries = 0;
      state.hint = null;
      state.server = null;
    },
    refused({ status, body, retryMs }) {
      failures = 0;
      if (status === 401) return unpaired(body);
      if (status === 503 && body.state !== "busy") {
        pause(body, retryMs || undefined);
        return 100;
      }
      state.server = null; // it answers: it has too much to do, or does not like this frame
      refusals += 1;
      if (refusals >= REFUSED && body.headline) state.hint = body;
      kiosk.render();
      return jitter(retryMs || 1000);
    },
    async lost({ kind }) {
      if (state.attempt) {
        follow(state.attempt);
        return 100;
      }
      failures += 1;
      if (failures < (kind === "late" ? LATE : BLOCKED)) return 500;
      if (kind !== "late" && kiosk.data().may_switch && (await reachable())) {
        failures = 0;
        kiosk.fire("way", "snapshot"); // the server is there, but no frame comes through
        return 3000;
      }
      pause({});
      return 100;
    },
    /** "Try now". */
    now() {
      if (state.server) state.server.retryAt = 0;
      this.tick(performance.now());
    },
    tick(now) {
      if (state.server && now >= state.server.retryAt) {
        state.server.retryAt = now + AGAIN_MS[2];
        if (state.snapshot) kiosk.fire("retry", uuid()); // the page tries the same picture again
        else askStatus();
      } else if (!state.server && now - askedAt > (state.status.state === "nobody-registered" ? LOOK_EMPTY_MS : LOOK_MS)) askStatus();
    },
  };
}
