// What the kiosk does with Streamlit's page around it. With a button, Streamlit's own camera input stands where the live picture
// would, and the panel's button presses its.
const INPUT = '[data-testid="stCameraInput"]';
const BUTTON = '[data-testid="stCameraInputButton"]';
const DIALOG_CLOSE = '[data-testid="stDialog"] button[aria-label="Close"]';

/** `stage` is the element whose place the camera input takes. */
export function createShutter(stage) {
  let placed = "";
  const video = () => document.querySelector(`${INPUT} video`);
  const button = () => document.querySelector(`${INPUT} ${BUTTON}`) || document.querySelector(BUTTON);
  return {
    /** Whether a picture can be taken now. */
    get ready() {
      const live = video();
      return Boolean(live && live.videoWidth && button() && !button().disabled);
    },
    /** Whether a picture that was taken is shown. */
    get hasPicture() {
      return Boolean(document.querySelector(`${INPUT} img`));
    },
    press() {
      if (this.ready) button().click();
    },
    /** Let the camera go on after a picture. */
    clear() {
      if (!video() && button()) button().click();
    },
    /** Tell the page where the picture's place is, so that the camera input fills it. */
    place() {
      const { left, top, width, height } = stage.getBoundingClientRect();
      const next = { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px`, radius: getComputedStyle(stage).borderRadius };
      const now = JSON.stringify(next);
      if (now === placed) return;
      placed = now;
      for (const [name, value] of Object.entries(next)) document.documentElement.style.setProperty(`--attend-${name}`, value);
    },
  };
}

/** Without its server Streamlit lays a dialog over the page, which then takes no press. The panel says it, in words for here. */
export function closeDialog() {
  document.querySelector(DIALOG_CLOSE)?.click();
}
