// Goes on by itself, once, to what a page was opened for: `data-lead` is on the form or link that leads there, and comes
// into the page when it is ready. The address is then without `?lead=1`, so that "back" stays on this page.
function lead() {
  if (new URL(location.href).searchParams.get("lead") !== "1") return;
  const target = document.querySelector("[data-lead]");
  if (target === null) return;
  history.replaceState(history.state, "", location.pathname);
  if (target instanceof HTMLFormElement) {
    target.target = "";
    target.requestSubmit();
  } else {
    location.assign(target.href);
  }
}
new MutationObserver(lead).observe(document.body, { subtree: true, childList: true, attributes: true });
lead();
