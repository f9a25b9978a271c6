// Frames: one at a time, as often as the server says, never while somebody waits for something else.
import { wire } from "./wire.js";

const SHORT_SIDE = 480; // pixels of the shorter side: what the recognition was measured with
const SAVING_MS = 600; // an answer that takes longer than this, when it may be the one that saves

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** A pause with jitter, so that many screens do not come back in the same moment. */
export const jitter = (ms) => ms * (1 + Math.random() / 4);

/**
 * The part of the camera's picture that is seen on the screen, x, y, width, height in its pixels: `object-fit: cover` cuts the
 * rest off. Who is not seen is not judged, and leaves the device in no frame. All of it where the picture has no place now.
 */
function visible({ videoWidth, videoHeight, clientWidth, clientHeight }) {
  const k = Math.max(clientWidth / videoWidth, clientHeight / videoHeight);
  if (clientWidth < 2 || clientHeight < 2) return [0, 0, videoWidth, videoHeight];
  const [width, height] = [clientWidth / k, clientHeight / k];
  return [(videoWidth - width) / 2, (videoHeight - height) / 2, width, height];
}

/**
 * `may()` says whether a frame may be sent now; `about()` gives `{ view, turn, claim, slow }`; `heard(answer, about)` takes
 * each answer and gives the pause in ms before the next frame; `saving(on)` tells that an answer takes long.
 */
export function createSender(video, { may, about, heard, saving }) {
  const canvas = document.createElement("canvas");
  let quality = 0.85;
  let stopped = false;

  /** A JPEG of what is seen; null where nothing was drawn, as happens in WebKit: that frame would say that nobody is there. */
  async function grab() {
    const { videoWidth, videoHeight } = video;
    const k = Math.min(1, SHORT_SIDE / Math.min(videoWidth, videoHeight));
    const [x, y, width, height] = visible(video);
    canvas.width = Math.max(1, Math.round(width * k));
    canvas.height = Math.max(1, Math.round(height * k));
    const context = canvas.getContext("2d"); // transparent since its size was set
    context.drawImage(video, x, y, width, height, 0, 0, canvas.width, canvas.height);
    if (!context.getImageData(0, 0, 1, 1).data[3]) return null;
    return new Promise((done) => canvas.toBlob(done, "image/jpeg", quality));
  }

  async function one() {
    const jpeg = await grab();
    if (!jpeg || !may()) return 100;
    const of = about();
    const slow = setTimeout(() => saving(true), SAVING_MS);
    const answer = await wire.frame(jpeg, of);
    clearTimeout(slow);
    if (stopped) return 0;
    saving(false);
    if (answer.status === 413) quality = Math.max(0.4, quality - 0.15);
    return heard(answer, of);
  }

  async function run() {
    while (!stopped) {
      const began = performance.now();
      const pause = may() && video.videoWidth ? await one() : 100;
      await sleep(Math.max(20, pause - (performance.now() - began)));
    }
  }

  run();
  return {
    stop() {
      stopped = true;
    },
  };
}
