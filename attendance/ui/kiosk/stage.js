// What stands where the picture would be: why the camera is needed, or what to do so that it can start.
import { icon } from "./icons.js";

/** `show` takes the words of a state; without steps or notes among them, the picture stays. */
export function createSteps(root) {
  const box = root.querySelector(".nocam");
  const list = box.querySelector("ol");
  let shown = "";

  /** A step, with what stands between backticks as code. */
  function line(text) {
    const item = document.createElement("li");
    const span = document.createElement("span");
    text.split("`").forEach((part, at) => {
      const piece = at % 2 ? document.createElement("code") : new Text();
      piece.textContent = part;
      span.append(piece);
    });
    item.append(span);
    return item;
  }

  return {
    show(words) {
      const lines = words?.steps || words?.notes;
      box.hidden = !lines;
      if (!lines || words.title === shown) return;
      shown = words.title;
      box.querySelector(".nocam-sign").innerHTML = icon(words.icon);
      box.querySelector("h2").textContent = words.title;
      list.className = words.notes ? "notes" : "";
      list.replaceChildren(...lines.map(line));
    },
  };
}
