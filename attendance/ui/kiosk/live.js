// The kiosk: camera, frames, panel and picture put together. Streamlit calls the default export at the first drawing and again
// at each rerun and change of theme; only the first call starts anything, so that the camera goes on.
import { createCamera } from "./camera.js";
import { createClock } from "./clock.js";
import { createConnection } from "./connection.js";
import { createPicker } from "./names.js";
import { createOverlay } from "./overlay.js";
import { closeDialog, createShutter } from "./page.js";
import { createPanel } from "./panel.js";
import { createSender, jitter } from "./sender.js";
import { createSteps } from "./stage.js";
import { isPaused, overlayOf, viewOf } from "./views.js";
import { uuid, wire } from "./wire.js";
import { WORDS } from "./words.js";

const TICK_MS = 250;
const EVERY_MS = 200; // between frames, until the server says otherwise
const READ_MS = 2000; // a result stays for so long, also when the next person is there already
const GONE = 2; // frames without a face that end a result early
const ASK_MS = 15_000; // nobody is hurried through "Mark this check-in as not yours?"
const NAMING_IDLE_MS = 45_000; // an open name field that nobody types in
const CLAIM_IDLE_MS = 30_000; // a chosen name in front of which nobody stands
const SHOT_MS = 20_000; // a picture without an answer for so long was lost on the way
const BLIND_MS = 6000; // Streamlit's camera input without a picture for so long

function createKiosk(root, data, fire) {
  const find = (name) => root.querySelector(name);
  const host = find(".kiosk");
  const video = find("video");
  const view = uuid();
  const clock = createClock();
  const panel = createPanel(root);
  const steps = createSteps(root);
  const overlay = createOverlay(find(".overlay"));
  const shutter = createShutter(find(".stage"));
  const state = {
    camera: "starting",
    status: { mode: "face", names: false, site: "" },
    server: null, // { words, retryAt } while nobody can check in
    hint: null, // what the server says of the frames that it does not take
    answer: null, // to the last frame
    turn: 0, // one more starts afresh
    attempt: null, // id, from the first frame that agrees
    saving: false, // the frame that may save takes long
    cutSince: 0, // its answer was lost
    result: null, // { id, answer, holdMs, since, until }
    followed: null, // boxes of the face that has the result
    dispute: null, // ask, lost
    naming: false,
    claim: null, // { value, name }
    snapshot: false,
    shot: 0, // when the picture was taken that has no answer yet
  };
  let every = EVERY_MS;
  let told = ""; // the attempt whose result was shown
  let gone = 0;
  let idleSince = performance.now();
  let blindSince = 0;
  let taken; // id of the last answer to a picture
  let stopped = false;

  const connection = createConnection({
    state,
    render,
    showResult,
    learn,
    sends,
    data: () => data,
    fire: (...event) => fire(...event),
    stopped: () => stopped,
  });
  const picker = createPicker(root, { chosen: claim, announce: (text) => panel.say(text) });
  const camera = createCamera(video, (next) => {
    const isProbe = state.snapshot; // it is opened only to find out why Streamlit's input has no picture
    if (!isProbe || !["starting", "asking"].includes(next)) state.camera = next;
    if (isProbe && next === "on") camera.close();
    render();
  });

  function render() {
    if (stopped) return;
    state.shutterReady = state.snapshot && shutter.ready;
    const shown = viewOf(state, act);
    const naming = shown.key.startsWith("name") && shown.key !== "name-look";
    panel.show(shown);
    panel.top(state.status.site, clock.now());
    overlay.set(overlayOf(state, shown));
    steps.show(WORDS[shown.key]);
    find(".dim").hidden = !state.server || state.camera !== "on";
    Object.assign(host.dataset, {
      picture: state.camera === "on" ? "yes" : "no",
      way: state.snapshot ? "button" : "live",
      naming: naming ? "yes" : "no",
    });
    if (naming && !picker.isOpen) picker.open(state.status.names);
    if (!naming && picker.isOpen) picker.close();
  }

  // Answers ------------------------------------------------------------------------------------------------------------

  function showResult(answer) {
    told = answer.attempt || "";
    gone = 0;
    Object.assign(state, { attempt: null, followed: null, dispute: null, cutSince: 0, saving: false, naming: false });
    hold(answer, answer.hold_ms || 4000);
  }

  function hold(answer, holdMs) {
    const now = performance.now();
    state.result = { id: String(now), answer, holdMs, since: now, until: now + holdMs };
    render();
  }

  /** Ready for the next person: nothing of the one before is kept. */
  function endResult() {
    const hadClaim = state.claim;
    Object.assign(state, { result: null, dispute: null, followed: null, claim: null });
    // What was told is over: green without its time would be no longer true, until the next answer comes.
    if (state.snapshot || state.answer?.hold_ms > 0) state.answer = null;
    if (hadClaim) state.turn += 1;
    if (hadClaim && state.snapshot) fire("claim", { value: "" });
    if (state.status.mode === "name") openNames();
    idleSince = performance.now();
    render();
  }

  function duringResult(answer) {
    const held = performance.now() - state.result.since;
    gone = answer.state === "waiting" ? gone + 1 : 0;
    if (answer.attempt === told && answer.boxes?.length) state.followed = answer.boxes;
    const isNext = answer.state === "deciding" && held > READ_MS;
    if (!state.dispute && (isNext || (gone >= GONE && held > READ_MS / 2))) endResult();
    state.answer = answer;
  }

  function onAnswer(answer, of) {
    connection.heard();
    clock.set(answer.clock);
    every = answer.every_ms || EVERY_MS;
    const isResult = answer.hold_ms > 0 && answer.attempt;
    const isNews = isResult && (answer.attempt !== told || (!state.result && answer.hold_ms > READ_MS));
    const isOld = of.turn !== state.turn; // of somebody who has gone on meanwhile; what was saved is told all the same
    if (isOld && !(isNews && answer.tone !== "miss")) return every;
    if (isNews && !(state.naming && picker.typed)) showResult(answer);
    else if (state.result) duringResult(answer);
    else if (answer.state === "name") {
      state.status.mode = "name";
      if (!state.naming) openNames();
    } else if (!state.naming) {
      state.answer = isResult ? null : answer;
      state.attempt = isResult ? null : answer.attempt;
      if (answer.state !== "waiting") idleSince = performance.now();
    }
    render();
    return every;
  }

  /** What kind of kiosk this is. */
  function learn(status) {
    const before = state.status.mode;
    const site = !status.site || status.site === "main" ? "Check-in" : status.site; // nobody named it
    state.status = { ...state.status, ...status, site };
    clock.set(status.clock);
    const now = state.status.mode;
    if (now === before) return;
    if (now === "name" && !state.claim && !state.result) openNames();
    if (now === "face" && !picker.typed) state.naming = false;
  }

  // What the buttons do --------------------------------------------------------------------------------------------------

  function openNames() {
    Object.assign(state, { naming: true, claim: null, answer: null, attempt: null });
    idleSince = performance.now();
  }

  /** The next frame starts afresh. */
  function fresh() {
    state.turn += 1;
    Object.assign(state, { attempt: null, result: null, dispute: null, answer: null });
    idleSince = performance.now();
    render();
  }

  function claim(next) {
    Object.assign(state, { claim: next, naming: false });
    if (state.snapshot) fire("claim", { value: next ? next.value : "" });
    fresh();
  }

  function changeName() {
    openNames();
    fresh();
  }

  const act = {
    again: fresh,
    byName: changeName,
    change: changeName,
    byFace: () => claim(null),
    camera: () => camera.open(),
    now: () => connection.now(),
    useButton: () => fire("way", "snapshot"),
    useLive: () => fire("way", "live"),
    register: () => location.assign("/register"),
    shutter: () => {
      if (state.shot || !shutter.ready) return;
      Object.assign(state, { shot: performance.now(), answer: null });
      shutter.press();
      render();
    },
    notMe: () => {
      state.dispute = "ask";
      state.result.until += ASK_MS;
      render();
    },
    itIsMe: () => {
      state.dispute = null;
      hold(state.result.answer, READ_MS);
    },
    yesNotMe: async () => {
      const { answer } = state.result;
      const reply = await wire.dispute(answer.attempt);
      if (reply.kind === "ok") return showResult(reply.body);
      if (!state.result) return undefined;
      state.dispute = "lost";
      return hold(answer, 4 * READ_MS);
    },
  };

  // Time -----------------------------------------------------------------------------------------------------------------

  function tick() {
    const now = performance.now();
    if (state.result && now >= state.result.until) endResult();
    connection.tick(now);
    if (state.naming && picker.typed) idleSince = now;
    const idle = now - idleSince;
    if (state.naming && state.status.mode !== "name" && idle > NAMING_IDLE_MS) claim(null);
    if (state.claim && !state.result && idle > CLAIM_IDLE_MS) endResult();
    if (state.snapshot) watchInput(now);
    closeDialog();
    camera.watch();
    render();
  }

  function watchInput(now) {
    shutter.place();
    if (state.shot && now - state.shot > SHOT_MS) state.shot = 0;
    if (shutter.ready || shutter.hasPicture) blindSince = now;
    // It does not say why it has no picture: find out, and say it in the kiosk's own words.
    if (state.camera !== "on" || now - blindSince < BLIND_MS) return;
    blindSince = now;
    camera.open();
  }

  /** Whether there are frames to send, and nothing else is waited for. */
  function sends() {
    return camera.state === "on" && !state.snapshot && !state.naming && !state.cutSince && !document.hidden;
  }

  const sender = createSender(video, {
    may: () => sends() && (!state.server || state.server.isTrying) && video.readyState > 1,
    about: () => ({ view, turn: state.turn, claim: state.claim?.value }),
    heard: (answer, of) => {
      if (answer.kind === "ok") return onAnswer(answer.body, of);
      return answer.kind === "refused" ? connection.refused(answer) : connection.lost(answer);
    },
    saving: (isLong) => {
      state.saving = isLong && Boolean(state.attempt);
      render();
    },
  });

  const seen = () => {
    if (document.hidden) return;
    if (!state.snapshot) camera.seen();
    connection.askStatus();
  };
  document.addEventListener("visibilitychange", seen);
  const timer = setInterval(tick, TICK_MS);

  // What the page knows ----------------------------------------------------------------------------------------------------

  function update(next, nextFire) {
    data = next || {};
    fire = nextFire;
    const wasSnapshot = state.snapshot;
    state.operator = Boolean(data.operator);
    state.snapshot = Boolean(data.snapshot);
    find(".office").hidden = state.operator;
    host.dataset.theme = brightness(getComputedStyle(host).color) > 128 ? "dark" : "light"; // by the words: they are never clear
    if (data.status) learn(data.status);
    if (state.snapshot !== wasSnapshot) {
      camera.close();
      Object.assign(state, { server: null, cutSince: 0, answer: null, result: null, shot: 0 });
      state.camera = state.snapshot ? "on" : "starting";
      blindSince = performance.now();
      if (state.snapshot && state.claim) fire("claim", { value: state.claim.value });
    }
    if (state.snapshot) takeAnswer(data.answer);
    else if (camera.state !== "on") camera.open();
    render();
  }

  /** The page's answer to a picture; each is given with every run of the page, and shown once. */
  function takeAnswer(answer) {
    if (!answer || answer.id === taken) return;
    const isOld = taken === undefined && !state.shot; // given again to a page that was just opened
    taken = answer.id;
    if (isOld) return;
    Object.assign(state, { shot: 0, server: null, answer: null });
    if (answer.state === "busy") setTimeout(() => fire("retry", uuid()), jitter(1000));
    if (isPaused(answer.state)) return connection.pause(answer);
    if (answer.state === "name") openNames();
    else if (answer.hold_ms > 0) showResult(answer);
    else state.answer = answer;
    if (answer.state !== "busy") shutter.clear();
  }

  update(data, fire);
  connection.askStatus();
  return {
    update,
    stop() {
      stopped = true;
      clearInterval(timer);
      document.removeEventListener("visibilitychange", seen);
      for (const part of [sender, camera, overlay, panel]) part.stop();
      delete root.attend;
    },
  };
}

/** 0 to 255, of a colour such as rgb(15, 18, 22). */
function brightness(colour) {
  const [r = 0, g = 0, b = 0] = (colour.match(/[\d.]+/g) || []).map(Number);
  return 0.299 * r + 0.587 * g + 0.114 * b;
}

export default function ({ parentElement: root, data, setTriggerValue }) {
  if (root.attend) root.attend.update(data, setTriggerValue);
  else root.attend = createKiosk(root, data || {}, setTriggerValue);
  return root.attend.stop;
}
