// A form that needs a passkey says so: data-passkey="create" or "get", and data-options with what the browser is asked.
// On submit the authenticator is asked, its answer goes into the field "credential", and the form is sent.
"use strict";

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const said = form.querySelector("[data-said]");
  const button = form.querySelector("button[type=submit]");
  const say = (text) => { said.textContent = text; said.hidden = !text; };
  const kind = window.PublicKeyCredential;
  if (!kind || !kind.parseRequestOptionsFromJSON) {
    say(form.dataset.unsupported);
    continue;
  }
  form.querySelector("[data-needs-script]").hidden = true;
  button.disabled = false;
  form.addEventListener("submit", async (event) => {
    if (form.elements.credential.value) return;
    event.preventDefault();
    say("");
    button.disabled = true;
    try {
      const options = JSON.parse(form.dataset.options);
      const answer = form.dataset.passkey === "create"
        ? await navigator.credentials.create({ publicKey: kind.parseCreationOptionsFromJSON(options) })
        : await navigator.credentials.get({ publicKey: kind.parseRequestOptionsFromJSON(options) });
      form.elements.credential.value = JSON.stringify(answer.toJSON());
      form.requestSubmit();
    } catch (error) {
      say(error.name === "NotAllowedError" ? form.dataset.refused : `${form.dataset.failed} (${error.message})`);
      button.disabled = false;
    }
  });
}
