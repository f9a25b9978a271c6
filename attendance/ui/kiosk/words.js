// What the kiosk says by itself: about the camera, the connection, and who is checking in. All else it shows comes from the
// server. The object is strict JSON, so that the tests can hold docs/kiosk.md to it.
export const WORDS = {
  "starting": {"icon": "cam", "headline": "Starting the camera", "help": "This takes a moment."},
  "asking": {
    "icon": "cam", "headline": "Allow the camera", "help": "Choose Allow when the browser asks.",
    "title": "Why the camera is needed",
    "notes": ["Your face is compared with the pictures you gave.", "The picture goes to this site's own server, nowhere else."]
  },
  "waiting": {"icon": "face", "headline": "Ready", "help": "Stand in front of the screen and look at the camera."},
  "saving": {"icon": "dots", "headline": "One moment", "help": "Saving. Wait for the green screen."},
  "cut-off": {"icon": "dots", "headline": "One moment", "help": "The connection was cut. This screen says what was saved as soon as it is back."},
  "busy": {"icon": "dots", "headline": "One moment", "help": "Many people are checking in. Stay where you are."},
  "name": {"icon": "key", "headline": "Who is checking in?", "help": "Pick your name, then look at the camera."},
  "name-plain": {"icon": "key", "headline": "Who is checking in?", "help": "Type it in, then look at the camera."},
  "name-look": {"icon": "eye", "headline": "Look at the camera", "help": "We check that it is you."},
  "snapshot": {"icon": "cam", "headline": "Look at the camera", "help": "Then press the button."},
  "snapshot-saving": {"icon": "dots", "headline": "One moment", "help": "Your picture is being looked at."},
  "refused": {
    "icon": "off", "headline": "The camera is blocked", "help": "This browser was told not to use it.",
    "title": "To allow it",
    "steps": ["Press the lock or camera sign beside the address.", "Set Camera to Allow.", "Press Try again."]
  },
  "missing": {
    "icon": "off", "headline": "No camera found", "help": "Plug one in, or use another device.",
    "title": "To get it back",
    "steps": ["Check the cable, or the shutter on the camera.", "On a laptop, close the lid and open it again.", "This page goes on by itself once it sees a camera."]
  },
  "in-use": {
    "icon": "off", "headline": "The camera is busy", "help": "Another app or tab is using it.",
    "title": "To free it",
    "steps": ["Close video calls and other tabs that show the camera.", "Press Try again."]
  },
  "insecure": {
    "icon": "lock", "headline": "This address is not secure", "help": "Browsers give the camera to secure pages only.",
    "title": "For the person who looks after this screen",
    "steps": ["Open this page with `https://` in front.", "On the server itself, `localhost` works as well.", "The guide to the server shows how to add a certificate."]
  },
  "unknown": {
    "icon": "off", "headline": "The camera can't start", "help": "It may be blocked, busy or unplugged.",
    "title": "To find out why",
    "steps": ["Check the cable, or the shutter on the camera.", "Close other apps and tabs that use it.", "Press Try again."]
  },
  "away": {"tone": "away", "icon": "pause", "headline": "Check-in is paused", "help": "Nothing is being recorded. Please sign in at the desk."},
  "model-away": {"tone": "away", "icon": "pause", "headline": "Check-in is not ready", "help": "The face model is loading. This screen goes on by itself."},
  "unpaired": {"tone": "away", "icon": "key", "headline": "This screen is not paired", "help": "An operator can pair it under Status with this code."},
  "dispute-ask": {"help": "Mark this check-in as not yours? The office settles it."},
  "dispute-lost": {"icon": "ask", "headline": "That could not be saved", "help": "Please tell the desk that this was not you."}
};

export const LABELS = {
  "again": "Try again",
  "now": "Try now",
  "by-name": "Check in by name",
  "by-face": "Check in by face",
  "change": "Change name",
  "change-claim": "Change",
  "button": "Use a button instead",
  "live": "Use live camera",
  "shutter": "Take picture",
  "not-me": "Not me",
  "yes-not-me": "Yes, not me",
  "it-is-me": "It is me",
  "register": "Register the first person",
  "field": "Your name or staff number",
  "field-plain": "Your staff number or full name",
  "go": "Continue",
  "nobody": "No name like that. A staff number works too.",
  "listed": "Matching names"
};
