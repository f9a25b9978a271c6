"""Who is signed in, and the way out.

The component asks every few seconds whether the session goes on, and leaves when it has ended, so that a screen that nobody
touches does not keep showing the office. The check-in goes on as anybody's: a screen at the door is not left at a form.
"""

from __future__ import annotations

import streamlit as st

_HTML = """
<p id="who"></p>
<button type="button">Sign out</button>
"""

_CSS = """
:host { display: block; }
p {
  margin: 0 0 0.5rem; padding-top: 0.75rem; border-top: 1px solid var(--st-border-color);
  font: 400 0.875rem/1.4 var(--st-font); color: var(--st-text-color); overflow-wrap: anywhere;
}
button {
  min-height: 44px; width: 100%; padding: 0 1rem; cursor: pointer;
  font: 400 1rem var(--st-font); color: var(--st-text-color); background: var(--st-secondary-background-color);
  border: 1px solid var(--st-widget-border-color, var(--st-border-color)); border-radius: var(--st-button-radius);
}
button:hover { border-color: var(--st-primary-color); color: var(--st-primary-color); }
button:focus-visible { outline: 3px solid var(--st-primary-color); outline-offset: 2px; }
"""

# Asking is no activity (the guard counts what the page's script is asked for); whoami answers 401 once the session is over.
# A server that cannot be reached, or a database that is away, ends nothing. The browser's other tabs ask at once when one
# signs out. Streamlit calls the default export again when the page is drawn anew, and what it returned only when all is
# over: so each call ends what the one before began.
_JS = """
const EVERY_MS = 5000
const token = () => (document.cookie.match(/(?:^|; )_streamlit_xsrf=([^;]*)/) || [])[1] || ''

export default function ({ parentElement: root, data }) {
  root.attendStop?.()
  root.querySelector('#who').textContent = `Signed in as ${data.who}`
  const look = async () => {
    if (document.hidden) return
    const answer = await fetch('/in/whoami', { cache: 'no-store' }).catch(() => null)
    if (answer?.status !== 401) return
    const { pathname } = location
    location.replace(pathname === '/' ? '/' : `/in/sign-in?ended=1&next=${encodeURIComponent(pathname)}`)
  }
  const tabs = new BroadcastChannel('attend-session')
  tabs.onmessage = look
  const button = root.querySelector('button')
  button.onclick = async () => {
    button.disabled = true
    const answer = await fetch('/in/sign-out', { method: 'POST', headers: { 'X-Xsrftoken': token() } }).catch(() => null)
    if (!answer) { button.disabled = false; return }
    const next = answer.ok ? (await answer.json().catch(() => ({}))).next : null
    tabs.postMessage('signed-out')
    location.replace(next || '/in/sign-in')
  }
  // On a phone the sidebar lies over the page: close it when a page was chosen.
  const chosen = event => {
    if (!event.target.closest?.('[data-testid=stSidebarNavLink]') || !matchMedia('(max-width: 767px)').matches) return
    setTimeout(() => document.querySelector('[data-testid=stSidebarCollapseButton] button')?.click())
  }
  const timer = setInterval(look, EVERY_MS)
  document.addEventListener('visibilitychange', look)
  document.addEventListener('click', chosen)
  root.attendStop = () => {
    clearInterval(timer)
    tabs.close()
    document.removeEventListener('visibilitychange', look)
    document.removeEventListener('click', chosen)
  }
  return () => root.attendStop()
}
"""

_component = st.components.v2.component("attend_account", html=_HTML, css=_CSS, js=_JS)


def account(who: str) -> None:
    """Draw it, for this operator."""
    _component(key="attend-account", data={"who": who})
