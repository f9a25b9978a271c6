// Who is checking in: a list to choose from where names may be offered, else a plain field. Typing is never moved by a result.
import { LABELS } from "./words.js";
import { wire } from "./wire.js";

const LETTERS = 2; // the list opens after so many
const PAUSE_MS = 150; // between the last letter and the question

export function createPicker(root, { chosen, announce }) {
  const box = root.querySelector(".pick");
  const field = box.querySelector("input");
  const list = box.querySelector("ul");
  const note = box.querySelector(".note");
  const go = box.querySelector("button");
  let offers = true;
  let people = [];
  let active = -1;
  let asked = 0;
  let pause = 0;

  const claimTyped = () => {
    const typed = field.value.trim();
    if (typed) chosen({ value: typed, name: "" });
  };
  const claimListed = (at) => chosen({ value: `id:${people[at].id}`, name: people[at].name });

  function mark(next) {
    active = people.length ? (next + people.length) % people.length : -1;
    [...list.children].forEach((item, at) => item.setAttribute("aria-selected", String(at === active)));
    if (active < 0) field.removeAttribute("aria-activedescendant");
    else {
      field.setAttribute("aria-activedescendant", list.children[active].id);
      list.children[active].scrollIntoView({ block: "nearest" });
    }
  }

  function offer(found, isAnswer = false) {
    people = found;
    list.replaceChildren(
      ...people.map((person, at) => {
        const item = document.createElement("li");
        item.id = `who-${at}`;
        item.setAttribute("role", "option");
        const name = document.createElement("b");
        name.textContent = person.name;
        name.dir = "auto";
        const group = document.createElement("span");
        group.textContent = person.group || "";
        item.append(name, group);
        item.onpointerdown = (event) => event.preventDefault(); // the field keeps the focus
        item.onclick = () => claimListed(at);
        return item;
      }),
    );
    list.hidden = !people.length;
    if (offers) field.setAttribute("aria-expanded", String(people.length > 0));
    note.textContent = isAnswer && !people.length ? LABELS.nobody : "";
    if (isAnswer) announce(note.textContent || `${LABELS.listed}: ${people.length}.`);
    go.hidden = offers && people.length > 0;
    mark(0);
  }

  async function look() {
    const typed = field.value.trim();
    const mine = ++asked;
    if (!offers || typed.length < LETTERS) return offer([]);
    const answer = await wire.people(typed);
    if (mine !== asked || answer.kind !== "ok") return;
    const found = Array.isArray(answer.body) ? answer.body : answer.body.people || [];
    offer(found.slice(0, 6), true);
  }

  field.oninput = () => {
    clearTimeout(pause);
    pause = setTimeout(look, PAUSE_MS);
  };
  field.onkeydown = (event) => {
    if (event.isComposing) return;
    const keys = {
      ArrowDown: () => mark(active + 1),
      ArrowUp: () => mark(active - 1),
      Escape: () => (people.length ? offer([]) : (field.value = "")),
      Enter: () => (active >= 0 ? claimListed(active) : claimTyped()),
    };
    const act = keys[event.key];
    if (!act || (event.key.startsWith("Arrow") && !people.length)) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  };
  go.onclick = claimTyped;

  return {
    /** Open with an empty field; `names`: whether a list may be offered. */
    open(names) {
      offers = names;
      box.querySelector("label").textContent = names ? LABELS.field : LABELS["field-plain"];
      list.setAttribute("aria-label", LABELS.listed);
      go.textContent = LABELS.go;
      for (const [name, value] of [["role", "combobox"], ["aria-autocomplete", "list"], ["aria-controls", "who-list"], ["aria-expanded", "false"]]) {
        if (names) field.setAttribute(name, value);
        else field.removeAttribute(name);
      }
      field.value = "";
      offer([]);
      box.hidden = false;
      field.focus({ preventScroll: true });
    },
    close() {
      clearTimeout(pause);
      asked += 1;
      box.hidden = true;
    },
    get isOpen() {
      return !box.hidden;
    },
    /** Whether somebody is typing. */
    get typed() {
      return field.value;
    },
  };
}
