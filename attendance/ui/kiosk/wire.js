// The way to the server: one question at a time is asked by the caller; each has a time limit and a plain answer.
const LIMIT_MS = 5000;

const token = () => (document.cookie.match(/(?:^|; )_streamlit_xsrf=([^;]*)/) || [])[1] || "";

/** A random id; crypto.randomUUID is there on secure pages only. */
export function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
}

/** Fetch with a limit; `read` gets the answer within that limit too. Else `late`, or `lost` where the network has no way. */
async function within(path, options, read) {
  const control = new AbortController();
  const late = setTimeout(() => control.abort(), LIMIT_MS);
  try {
    return await read(await fetch(path, { ...options, cache: "no-store", signal: control.signal }));
  } catch {
    return { kind: control.signal.aborted ? "late" : "lost" };
  } finally {
    clearTimeout(late);
  }
}

/** Whether the page's own server answers at all; this also sets a fresh token. */
export const reachable = async () => (await within("/_stcore/health", {}, (answer) => answer.ok)) === true;

/**
 * Every answer is `{ kind, status, body, retryMs }`. Kinds: `ok`; `refused`, with words in the body; `late`, none within the
 * limit; `lost`, no way to the server; `strange`, an answer that is not this server's, such as a proxy's.
 */
async function ask(path, options = {}) {
  const headers = { ...options.headers };
  if (options.method === "POST") headers["X-Xsrftoken"] = token();
  return within(path, { ...options, headers }, async (answer) => {
    const isOurs = (answer.headers.get("content-type") || "").startsWith("application/json");
    if (!isOurs) return { kind: "strange", status: answer.status };
    const body = await answer.json();
    const seconds = body.retry_s || Number(answer.headers.get("retry-after")) || 0;
    return { kind: answer.ok ? "ok" : "refused", status: answer.status, body, retryMs: 1000 * seconds };
  });
}

async function post(path, body, headers) {
  const answer = await ask(path, { method: "POST", body, headers });
  if (answer.status !== 403 || !(await reachable())) return answer;
  return ask(path, { method: "POST", body, headers }); // the token was old
}

export const wire = {
  frame: (jpeg, { view, turn, claim }) =>
    post("/api/kiosk/frame", jpeg, {
      "Content-Type": "image/jpeg",
      "X-Attend-View": view,
      "X-Attend-Turn": String(turn),
      ...(claim ? { "X-Attend-Claim": encodeURIComponent(claim.replace(/[\uD800-\uDFFF]/gu, "")) } : {}),
    }),
  status: () => ask("/api/kiosk/status"),
  attempt: (id) => ask(`/api/kiosk/attempt/${encodeURIComponent(id)}`),
  people: (typed) => ask(`/api/kiosk/people?q=${encodeURIComponent(typed)}`),
  dispute: (id) => post("/api/kiosk/dispute", JSON.stringify({ attempt: id }), { "Content-Type": "application/json" }),
};
