// A button beside each text that is there to be copied; `data-copy` is its label, `data-copied` what is said afterwards.
for (const text of document.querySelectorAll("[data-copy]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "plain";
  button.textContent = text.dataset.copy;
  const said = document.createElement("span");
  said.setAttribute("role", "status");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text.textContent);
    } catch {
      // Not permitted by the browser: it is selected, ready for the keyboard.
      getSelection().selectAllChildren(text);
      return;
    }
    said.textContent = text.dataset.copied;
  });
  text.after(button, " ", said);
}
