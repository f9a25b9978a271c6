"""A folder that is dropped on the import, so that it arrives as one that was chosen.

Streamlit takes the files of a dropped folder without the folders' names, which are the people's. This component draws
nothing; it reads the folder where it is dropped, and hands its files on named by their paths. A folder that comes to the
place for a zip is kept until the page shows the place for folders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from collections.abc import Callable

PLACE = "import-place"  # the key of the container around the uploader
_KEY = "people-drop"

# The files are handed on as a drop of plain files: Streamlit then takes its own way, and ends what it shows while one is
# dragged over it. A browser says only while it handles the drop what was dropped, and gives a folder's entries by hundreds.
# Streamlit calls the default export again when the page is drawn anew; what it returned only when all is over.
_JS = """
const PLACE = '.st-key-import-place [data-testid=stFileUploaderDropzone]'
const LOOK_MS = 100
const LONGEST_MS = 20000
const MOST = 20000

const read = entry => new Promise((done, failed) => entry.file(done, failed))
const batch = reader => new Promise((done, failed) => reader.readEntries(done, failed))

async function collect(entry, into) {
  if (into.length >= MOST) return
  if (entry.isFile) {
    const file = await read(entry)
    into.push(new File([file], entry.fullPath.replace(/^\\//, ''), { type: file.type, lastModified: file.lastModified }))
    return
  }
  const reader = entry.createReader()
  for (let some = await batch(reader); some.length; some = await batch(reader)) {
    for (const inner of some) await collect(inner, into)
  }
}

function hand(files, place) {
  const carried = new DataTransfer()
  for (const file of files) carried.items.add(file)
  place.dispatchEvent(new DragEvent('drop', { dataTransfer: carried, bubbles: true, cancelable: true }))
}

export default function ({ parentElement: root, setTriggerValue }) {
  root.attendTell = setTriggerValue
  if (root.attendStop) return root.attendStop
  let timer = 0
  const dropped = async event => {
    const place = event.target.closest?.(PLACE)
    if (!place) return
    const entries = [...event.dataTransfer.items].map(item => item.webkitGetAsEntry?.()).filter(Boolean)
    if (!entries.some(entry => entry.isDirectory)) return
    event.preventDefault()
    event.stopImmediatePropagation()
    const files = []
    try {
      for (const entry of entries) await collect(entry, files)
    } catch {
      files.length = 0 // one of them cannot be read: half a folder is not what was dropped
    }
    if (!files.length) {
      hand([], place)
      root.attendTell('unread', true)
      return
    }
    if (!place.querySelector('[webkitdirectory]')) root.attendTell('folder', true)
    clearInterval(timer)
    const until = performance.now() + LONGEST_MS
    timer = setInterval(() => {
      const folders = document.querySelector(`${PLACE}:has([webkitdirectory])`)
      if (folders || performance.now() > until) clearInterval(timer)
      if (folders) hand(files, folders)
    }, LOOK_MS)
  }
  document.addEventListener('drop', dropped, true)
  root.attendStop = () => {
    clearInterval(timer)
    document.removeEventListener('drop', dropped, true)
    delete root.attendStop
  }
  return root.attendStop
}
"""

_component = st.components.v2.component("attend_people_drop", html="<i hidden></i>", js=_JS)


def dropped_folders(on_folder: Callable[[], None]) -> None:
    """Draw it beside the uploader, and say it where a dropped folder could not be read.

    Args:
        on_folder: called before the page's next run, when a folder came to another place than that for folders.
    """
    if _component(key=_KEY, on_folder_change=on_folder, on_unread_change=lambda: None).unread:
        st.error("Nothing in that folder could be read. Choose it with the button, or make a zip of it.")
