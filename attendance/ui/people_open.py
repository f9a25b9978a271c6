"""Opening a person from the table: a press on a row, or Enter on the row that the arrow keys went to.

Streamlit tells which cell is chosen, and an arrow key chooses as a press does. So the choice alone opens nobody; this
component says when: it draws nothing, and listens to the table.
"""

from __future__ import annotations

import streamlit as st

TABLE = "people-table"
_KEY = "people-open"

# The chosen cell is told 150 ms after the choice (Streamlit's DataFrame), so what opens it is told a little later. Streamlit
# calls the default export again when the page is drawn anew, also between the two; what it returned only when all is over.
_JS = """
const TABLE = '.st-key-people-table [data-testid=stDataFrame]'
const AFTER_MS = 250
const HEAD_PX = 40

export default function ({ parentElement: root, setTriggerValue }) {
  root.attendTell = setTriggerValue
  if (root.attendStop) return root.attendStop
  let timer = 0
  const open = () => {
    clearTimeout(timer)
    timer = setTimeout(() => root.attendTell('open', true), AFTER_MS)
  }
  const pressed = event => {
    const table = event.target.closest?.(TABLE)
    if (table && event.clientY - table.getBoundingClientRect().top > HEAD_PX) open()
  }
  const typed = event => {
    if (event.key === 'Enter' && event.target.closest?.(TABLE)) open()
  }
  document.addEventListener('click', pressed, true)
  document.addEventListener('keydown', typed, true)
  root.attendStop = () => {
    clearTimeout(timer)
    document.removeEventListener('click', pressed, true)
    document.removeEventListener('keydown', typed, true)
    delete root.attendStop
  }
  return root.attendStop
}
"""

_component = st.components.v2.component("attend_people_open", html="<i hidden></i>", js=_JS)


def is_to_open() -> bool:
    """Draw it; whether the chosen person is to be opened now."""
    return bool(_component(key=_KEY, on_open_change=lambda: None).open)
