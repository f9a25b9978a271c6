// What is shown, as a function of what is known; nothing here remembers anything.
import { LABELS, WORDS } from "./words.js";

const RINGS = { good: "good", same: "same", miss: "miss" };
const LONG_CUT_MS = 8000;
const TROUBLES = new Set(["refused", "missing", "in-use", "insecure", "unknown"]);
const PAUSED = new Set(["away", "failed", "model-away", "starting", "unpaired"]); // the answers of a server that can't check in

/** What somebody is called on a button; nothing where that would fill the panel. */
const firstName = (name) => {
  const first = name.trim().split(/\s+/)[0];
  return first.length > 20 ? "" : first;
};

const own = (key, more = {}) => ({ key, tone: "quiet", ...WORDS[key], ...more });
const button = (label, act, kind = "", more = {}) => ({ label, act, kind, ...more });

/** Whether the body of an answer says that nobody can check in now. */
export const isPaused = (state) => PAUSED.has(state);

function wayLink(state, act) {
  if (state.snapshot) return { label: LABELS.live, act: act.useLive };
  if (state.status.mode === "name") return null;
  if (state.naming || state.claim) return { label: LABELS["by-face"], act: act.byFace };
  return { label: LABELS["by-name"], act: act.byName };
}

function disputeView(state, act) {
  const { answer, holdMs, id } = state.result;
  if (state.dispute === "lost") return own("dispute-lost", { barMs: holdMs, barId: id });
  const buttons = [button(LABELS["yes-not-me"], act.yesNotMe, "first"), button(LABELS["it-is-me"], act.itIsMe)];
  return { ...answer, key: "dispute", help: WORDS["dispute-ask"].help, buttons };
}

function resultView(state, act) {
  const { answer, holdMs, id } = state.result;
  const view = { key: answer.state, ...answer, buttons: [], alt: wayLink(state, act), barMs: holdMs, barId: id };
  if (answer.tone === "miss") {
    if (answer.state !== "disputed") view.buttons.push(button(LABELS.again, act.again, "first"));
    if (state.claim) view.buttons.push(button(LABELS.change, act.change));
    else if (state.status.mode !== "name") view.buttons.push(button(LABELS["by-name"], act.byName));
    if (!state.snapshot) view.alt = { label: LABELS.button, act: act.useButton };
  }
  if (answer.disputable && answer.attempt) view.buttons.push(button(LABELS["not-me"], act.notMe, "quiet"));
  return view;
}

function pausedView(state, act) {
  const { words, retryAt } = state.server;
  const base = own({ "model-away": "model-away", starting: "model-away", unpaired: "unpaired" }[words.state] || "away");
  const view = { ...base, headline: words.headline || base.headline, help: words.help || base.help };
  if (words.state === "unpaired") return { ...view, fact: { label: words.code || "" } };
  if (base.key === "model-away") return view;
  const seconds = Math.max(1, Math.ceil((retryAt - performance.now()) / 1000));
  const fact = { label: `Trying again in ${seconds} s` };
  return { ...view, fact, silentFact: true, buttons: [button(LABELS.now, act.now, "first")] };
}

function cameraView(state, act) {
  const view = own(state.camera);
  if (TROUBLES.has(state.camera) && state.camera !== "insecure") view.buttons = [button(LABELS.again, act.camera, "first")];
  return view;
}

function lookView(state, act, view) {
  const name = firstName(state.claim.name);
  const change = button(name ? `Not ${name}? Change` : LABELS["change-claim"], act.change);
  const waits = ["waiting", "found", "done"].includes(view.key);
  const words = waits ? { ...WORDS["name-look"], ...(name ? { headline: `${name}, look at the camera` } : {}) } : {};
  return { ...view, ...words, key: waits ? "name-look" : view.key, buttons: [change] };
}

function answerView(state, act) {
  const seen = state.answer || { state: "waiting", tone: "quiet", ...WORDS.waiting };
  const answer = seen.state === "waiting" && state.status.state === "nobody-registered" ? state.status : seen;
  const words = state.saving && answer.state === "deciding" ? WORDS.saving : answer;
  const atOnce = answer.state === "deciding"; // it stands for a few frames only, and the ring is drawn with it
  const view = { ...answer, ...words, key: answer.state, fact: null, hint: true, atOnce, buttons: [], alt: wayLink(state, act) };
  if (state.claim) return lookView(state, act, view);
  if (answer.state === "nobody-registered") {
    view.alt = null; // no name could help
    if (state.operator) view.buttons = [button(LABELS.register, act.register, "first")];
  }
  return view;
}

function snapshotView(state, act) {
  const alt = wayLink(state, act);
  if (state.shot) return own("snapshot-saving", { alt, buttons: [button(LABELS.shutter, act.shutter, "first shutter", { disabled: true })] });
  const shutter = button(LABELS.shutter, act.shutter, "first shutter", { disabled: !state.shutterReady });
  const view = state.answer ? { ...state.answer, key: state.answer.state } : own("snapshot");
  const buttons = [shutter];
  const name = firstName(state.claim?.name || "");
  if (name && !state.answer) view.headline = `${name}, look at the camera`;
  if (state.claim) buttons.push(button(LABELS.change, act.change));
  return { ...view, fact: null, buttons, alt };
}

/** The panel's view; `act` are the functions that its buttons call. */
export function viewOf(state, act) {
  if (state.result && state.dispute) return disputeView(state, act);
  if (state.result) return resultView(state, act);
  if (state.cutSince) return own(performance.now() - state.cutSince > LONG_CUT_MS ? "cut-off" : "saving");
  if (state.server) return pausedView(state, act);
  if (state.camera === "asking" && !state.snapshot) return cameraView(state, act);
  if (state.naming) return own(state.status.names ? "name" : "name-plain", { alt: wayLink(state, act) });
  if (state.snapshot && state.camera === "on") return snapshotView(state, act);
  if (state.camera !== "on") return cameraView(state, act);
  if (state.hint) return { ...own("busy"), ...state.hint, key: "busy", fact: null, hint: true, alt: wayLink(state, act) };
  return answerView(state, act);
}

/** What is drawn on the picture for this view. */
export function overlayOf(state, view) {
  const answer = state.answer || {};
  if (state.result) {
    const boxes = (state.followed || state.result.answer.boxes || []).slice(0, 1);
    const isDrawn = boxes.length && !view.key.startsWith("dispute");
    return { kind: (isDrawn && RINGS[state.result.answer.tone]) || "none", boxes };
  }
  const boxes = answer.boxes || [];
  if (state.cutSince) return { kind: "ring", boxes: boxes.slice(0, 1), agreed: answer.agreed, needed: answer.needed };
  if (state.server || state.naming || state.camera !== "on") return { kind: "none" };
  if (state.snapshot) return { kind: state.shot ? "none" : "guide" };
  if (answer.state === "deciding") return { kind: "ring", boxes: boxes.slice(0, 1), agreed: answer.agreed, needed: answer.needed };
  if (answer.state === "closer" || answer.state === "too-close") return { kind: "closer", boxes };
  if (boxes.length && answer.state !== "done") return { kind: "frames", boxes };
  return { kind: "guide" };
}
