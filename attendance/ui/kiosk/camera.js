// The camera: opened by itself where it was allowed before, explained before the browser asks, and opened again by itself.
const CAUSES = {
  NotAllowedError: "refused",
  PermissionDeniedError: "refused",
  SecurityError: "refused",
  NotFoundError: "missing",
  DevicesNotFoundError: "missing",
  OverconstrainedError: "missing",
  NotReadableError: "in-use",
  TrackStartError: "in-use",
  AbortError: "in-use",
};
const WANTED = { audio: false, video: { width: { ideal: 1280 }, height: { ideal: 960 }, facingMode: "user" } };
const EXPLAIN_MS = 1200; // time to read why, before the browser's own question covers part of the page
const REOPEN_MS = 3000;
const STUCK_MS = 6000; // a picture that has stood still for so long: the lid was closed, or the driver hangs

/**
 * States: starting, asking, on, refused, missing, in-use, insecure, unknown; `changed` is called with each new one.
 */
export function createCamera(video, changed) {
  let state = "starting";
  let stream = null;
  let wanted = false;
  let turn = 0; // an opening that was overtaken by a later one gives its stream back
  let timer = 0;
  let permission = null;
  let lock = null;
  let seenTime = -1;
  let seenAt = 0;

  const set = (next) => {
    if (next === state) return;
    state = next;
    changed(next);
  };
  const later = (ms) => {
    clearTimeout(timer);
    timer = setTimeout(open, ms);
  };
  const release = () => {
    stream?.getTracks().forEach((track) => {
      track.onended = track.onmute = track.onunmute = null;
      track.stop();
    });
    stream = null;
    video.srcObject = null;
  };

  async function asked() {
    if (permission === null) {
      permission = (await navigator.permissions?.query({ name: "camera" }).catch(() => null)) || false;
      if (permission) permission.onchange = () => permission.state === "granted" && open();
    }
    return permission ? permission.state : "unknown";
  }

  async function open() {
    clearTimeout(timer);
    if (!wanted || stream) return;
    const mine = ++turn;
    if (!window.isSecureContext) return set("insecure");
    if (!navigator.mediaDevices?.getUserMedia) return set("unknown");
    const before = await asked();
    if (mine !== turn || !wanted) return;
    let slow = 0;
    if (before === "prompt") {
      set("asking");
      await new Promise((done) => setTimeout(done, EXPLAIN_MS));
      if (mine !== turn || !wanted) return;
    } else if (state !== "missing" && state !== "in-use") {
      set("starting"); // a camera that is away stays named so while it is looked for again
      if (before === "unknown") slow = setTimeout(() => mine === turn && set("asking"), EXPLAIN_MS);
    }
    try {
      const opened = await navigator.mediaDevices.getUserMedia(WANTED);
      clearTimeout(slow);
      if (mine !== turn || !wanted) return opened.getTracks().forEach((track) => track.stop());
      stream = opened;
      const track = opened.getVideoTracks()[0];
      track.onended = lost;
      track.onmute = () => setTimeout(() => track.muted && stream === opened && set("in-use"), 2000);
      track.onunmute = () => stream === opened && set("on");
      video.srcObject = opened;
      await video.play();
      if (mine !== turn) return;
      seenAt = performance.now();
      set("on");
      awake();
    } catch (error) {
      clearTimeout(slow);
      if (mine !== turn) return;
      release();
      set(CAUSES[error.name] || "unknown");
      if (state !== "refused") later(REOPEN_MS);
    }
  }

  function lost() {
    release();
    set("missing");
    later(1500);
  }

  async function awake() {
    try {
      if (!document.hidden && wanted) lock = await navigator.wakeLock?.request("screen");
    } catch {
      // not allowed on this device, or the battery is low: the screen may then go dark
    }
  }

  const plugged = () => state !== "on" && later(300);
  navigator.mediaDevices?.addEventListener?.("devicechange", plugged);

  return {
    get state() {
      return state;
    },
    /** Open it, and keep it open; also "Try again". */
    open() {
      wanted = true;
      return open();
    },
    /** Give it back, for as long as somebody else needs it. */
    close() {
      wanted = false;
      turn += 1;
      clearTimeout(timer);
      release();
      state = "starting";
    },
    /** The page is visible again. */
    seen() {
      if (!wanted) return;
      awake();
      seenAt = performance.now();
      if (stream) video.play().catch(() => undefined);
      else open();
    },
    /** Called now and then: a picture that stands still for long is opened anew. */
    watch() {
      if (state !== "on" || document.hidden) return;
      const now = performance.now();
      if (video.currentTime !== seenTime) {
        seenTime = video.currentTime;
        seenAt = now;
      } else if (now - seenAt > STUCK_MS) {
        seenAt = now;
        lost();
      }
    },
    stop() {
      this.close();
      navigator.mediaDevices?.removeEventListener?.("devicechange", plugged);
      if (permission) permission.onchange = null;
      lock?.release().catch(() => undefined);
    },
  };
}
