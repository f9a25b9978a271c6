// The plain pages work without this. With it a password can be looked at while it is typed, a wait counts down, and a screen
// that is not paired finds out by itself that it was.
"use strict";

for (const button of document.querySelectorAll(".show")) {
  const input = document.getElementById(button.getAttribute("aria-controls"));
  const show = (shown) => {
    input.type = shown ? "text" : "password";
    button.firstElementChild.textContent = shown ? "Hide" : "Show";
  };
  button.hidden = false;
  button.parentElement.classList.add("can-show");
  button.addEventListener("click", () => show(input.type === "password"));
  input.form.addEventListener("submit", () => show(false)); // browsers remember what is typed as text
}

const wait = document.querySelector("[data-wait]");
if (wait) {
  const button = document.querySelector("form .button");
  const until = performance.now() + Number(wait.dataset.wait) * 1000;
  const line = wait.parentElement;
  button.disabled = true;
  line.removeAttribute("role"); // said once is enough: the seconds are for the eye
  const timer = setInterval(() => {
    const left = Math.ceil((until - performance.now()) / 1000);
    wait.textContent = left;
    if (left <= 0) {
      clearInterval(timer);
      line.setAttribute("role", "status");
      line.removeAttribute("data-tone");
      line.textContent = "You can try again now.";
      button.disabled = false;
    }
  }, 250);
}

const code = document.querySelector("[data-pairing]");
if (code) {
  const look = async () => {
    try {
      const answer = await fetch("/in/pair/state", { cache: "no-store" });
      const { paired, code: now } = answer.ok ? await answer.json() : {};
      if (paired) {
        location.replace("/");
        return;
      }
      if (now && now !== code.dataset.pairing) {
        location.reload();
        return;
      }
    } catch {
      // the server or the network is away: ask again
    }
    setTimeout(look, 3000);
  };
  setTimeout(look, 3000);
}
