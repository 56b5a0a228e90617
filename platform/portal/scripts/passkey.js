/*
 * Passkeys: asks the browser for one when a form is sent, and sends its answer with the form. Such forms are hidden where
 * there are no scripts or no passkeys. Octets are base64url in JSON (WebAuthn, 5.1.8), which not all browsers translate.
 */
"use strict";
(() => {
  if (typeof PublicKeyCredential === "undefined") return;

  const octets = (text) =>
    Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
  const text = (buffer) =>
    buffer === null || buffer === undefined ? undefined : btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const credentials = (list) => list.map((one) => ({ ...one, id: octets(one.id), type: "public-key" }));

  async function create(options) {
    const { id, rawId, type, response } = await navigator.credentials.create({
      publicKey: {
        ...options,
        challenge: octets(options.challenge),
        user: { ...options.user, id: octets(options.user.id) },
        excludeCredentials: credentials(options.excludeCredentials),
      },
    });
    return {
      id,
      rawId: text(rawId),
      type,
      clientExtensionResults: {},
      response: {
        clientDataJSON: text(response.clientDataJSON),
        attestationObject: text(response.attestationObject),
        transports: response.getTransports?.() ?? [],
      },
    };
  }

  async function get(options) {
    const { id, rawId, type, response } = await navigator.credentials.get({
      publicKey: {
        ...options,
        challenge: octets(options.challenge),
        allowCredentials: credentials(options.allowCredentials ?? []),
      },
    });
    return {
      id,
      rawId: text(rawId),
      type,
      clientExtensionResults: {},
      response: {
        clientDataJSON: text(response.clientDataJSON),
        authenticatorData: text(response.authenticatorData),
        signature: text(response.signature),
        userHandle: text(response.userHandle),
      },
    };
  }

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const button = form.querySelector("button"), said = form.querySelector("[role=alert]");
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      button.disabled = true;
      said.hidden = true;
      try {
        const asked = await fetch(form.dataset.options, { method: "POST", body: new URLSearchParams() });
        // The session is over, or needs a proof: the page says what is next.
        if (asked.redirected || asked.status === 401) return location.reload();
        const options = await asked.json();
        const answer = form.dataset.passkey === "create" ? await create(options) : await get(options);
        form.elements.answer.value = JSON.stringify(answer);
        form.submit();
      } catch {
        button.disabled = false;
        said.textContent = form.dataset.failed;
        said.hidden = false;
        button.focus();
      }
    });
  }
})();
