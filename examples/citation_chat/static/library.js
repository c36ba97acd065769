/* The list of documents: adding, progress, errors, choosing one to ask, removing. */

import { remove, upload } from "./api.js";

const WORDS = { queued: "waiting", reading: "reading", failed: "failed" };

export class LibraryList {
  #documents = new Map(); #options; #list; #uploads = new Map(); #serial = 0;
  scope = new Set();

  /** options: list (a ul), onOpen(document), onChange(), onError(message). */
  constructor(options) {
    this.#options = options;
    this.#list = options.list;
  }

  get documents() { return [...this.#documents.values()]; }
  get ready() { return this.documents.filter((one) => one.status === "ready"); }
  get isBusy() { return this.#uploads.size > 0 || this.documents.some((one) => one.status === "queued" || one.status === "reading"); }
  find(id) { return this.#documents.get(id); }

  set(documents) {
    this.#documents = new Map(documents.map((one) => [one.id, one]));
    this.#draw();
  }

  put(document) {
    this.#documents.set(document.id, document);
    this.#draw();
  }

  drop(id) {
    this.#documents.delete(id);
    this.scope.delete(id);
    this.#draw();
  }

  /** Send files, one after the other; every one that is refused says why. */
  async add(files) {
    const waiting = [...files].filter((file) => !file.name.startsWith(".")).map((file) => [`upload-${++this.#serial}`, file]);
    for (const [key, file] of waiting) this.#uploads.set(key, { name: file.name });
    this.#draw();
    for (const [key, file] of waiting) {
      try {
        const { document, is_new: isNew } = await upload(file);
        if (!this.#documents.has(document.id)) this.#documents.set(document.id, document);
        if (!isNew) this.#options.onError(`${file.name} is in the library already.`, "note");
      } catch (error) {
        this.#options.onError(`${file.name}: ${error.message}`);
      }
      this.#uploads.delete(key);
      this.#draw();
    }
  }

  #draw() {
    const focused = document.activeElement?.dataset?.key;
    const items = this.documents.map((one) => this.#item(one)).reverse();
    const sending = [...this.#uploads.values()].map(({ name }) => element("li", "doc sending", [
      element("span", "name", name), element("span", "state", "sending…"),
    ]));
    this.#list.replaceChildren(...sending, ...items);
    if (focused) this.#list.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
    this.#options.onChange();
  }

  #item(one) {
    const open = element("button", "name", one.name);
    open.type = "button";
    open.title = one.name;
    open.dataset.key = `open-${one.id}`;
    open.disabled = one.status !== "ready";
    open.addEventListener("click", () => this.#options.onOpen(one));
    const state = element("span", "state", this.#state(one));
    const choose = element("input", "choose");
    choose.type = "checkbox";
    choose.dataset.key = `choose-${one.id}`;
    choose.checked = this.scope.has(one.id);
    choose.disabled = one.status !== "ready";
    choose.title = "Ask only this one";
    choose.setAttribute("aria-label", `Ask only ${one.name}`);
    choose.addEventListener("change", () => {
      if (choose.checked) this.scope.add(one.id);
      else this.scope.delete(one.id);
      this.#options.onChange();
    });
    const away = element("button", "away", "✕");
    away.type = "button";
    away.dataset.key = `away-${one.id}`;
    away.title = "Remove";
    away.setAttribute("aria-label", `Remove ${one.name}`);
    away.addEventListener("click", () => this.#remove(one));
    const item = element("li", `doc ${one.status}`, [choose, open, away, state]);
    if (one.status === "reading") {
      const bar = element("progress", "");
      bar.max = one.total || 1;
      bar.value = one.done;
      bar.setAttribute("aria-label", `Reading ${one.name}`);
      item.append(bar);
    }
    return item;
  }

  #state(one) {
    if (one.status === "ready") return `${one.pages} ${one.pages === 1 ? "page" : "pages"}`;
    if (one.status === "failed") return one.error || "It could not be read.";
    return one.status === "reading" ? `${one.done} of ${one.total} pages read` : WORDS[one.status];
  }

  async #remove(one) {
    if (!window.confirm(`Remove “${one.name}” from the library?`)) return;
    try {
      await remove(`/api/docs/${one.id}`);
      this.drop(one.id);
    } catch (error) {
      this.#options.onError(error.message);
    }
  }
}

export function element(tag, className = "", content = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (Array.isArray(content)) made.append(...content);
  else if (content) made.textContent = content;
  return made;
}
