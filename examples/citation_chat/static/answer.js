/* An answer in the page: it grows while it streams, and its citations can be used meanwhile. */

import { element } from "./library.js";
import { render } from "./markdown.js";
import { precisionSaid } from "./viewer.js";

export class Answer {
  #options; #citations = new Map(); #body; #sources; #turn; #frame = 0;
  text = "";

  /** options: box to stand in, isCurrent(key), onOpen(key, button), onDrawn(). */
  constructor(id, options) {
    this.id = id;
    this.#options = options;
    this.#body = element("div", "body waiting", [element("span", "dots", "…")]);
    this.#sources = element("div", "sources");
    this.#turn = element("article", "turn answer", [this.#body, this.#sources]);
    this.#turn.setAttribute("aria-label", "Answer");
    options.box.append(this.#turn);
  }

  /** What a citation is known by in the whole page and in its address. */
  key(citation) { return `${this.id}.${citation.index}`; }

  add(text) {
    this.text += text;
    this.#drawSoon();
  }

  cite(citation) {
    this.#citations.set(citation.index, citation);
    this.#sources.append(this.#source(citation));
    this.#drawSoon();
  }

  finish() {
    cancelAnimationFrame(this.#frame);
    this.#draw();
    if (!this.text) this.#body.remove();
  }

  stop() {
    this.finish();
    this.#turn.append(element("p", "stopped", "Stopped."));
  }

  fail(message) {
    this.finish();
    const error = element("p", "failed", message);
    error.setAttribute("role", "alert");
    this.#turn.append(error);
  }

  /** Once for all that comes before the screen is drawn again: models send hundreds of pieces a second. */
  #drawSoon() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#draw();
      this.#options.onDrawn();
    });
  }

  #draw() {
    this.#frame = 0;
    if (!this.text) return;
    this.#body.classList.remove("waiting");
    render(this.#body, this.text, [...this.#citations.values()], (index) => this.#marker(this.#citations.get(index)));
  }

  #marker(citation) {
    const button = this.#button(`cite ${citation.status}`, String(citation.index), citation);
    button.title = `${citation.name}, page ${citation.page}: ${precisionSaid(citation.precision)}`;
    if (this.#options.isCurrent(this.key(citation))) button.setAttribute("aria-current", "true");
    return button;
  }

  #source(citation) {
    const page = citation.page_label ? `p. ${citation.page} (printed ${citation.page_label})` : `p. ${citation.page}`;
    const button = this.#button("source", [
      element("span", "number", String(citation.index)), element("span", "name", citation.name), element("span", "page", page),
    ], citation);
    button.title = precisionSaid(citation.precision);
    return button;
  }

  #button(className, content, citation) {
    const button = element("button", className, content);
    button.type = "button";
    button.dataset.cite = this.key(citation);
    button.setAttribute("aria-label", described(citation));
    button.addEventListener("click", () => this.#options.onOpen(this.key(citation), button));
    return button;
  }
}

export function described(citation) {
  return `Citation ${citation.index}: ${citation.name}, page ${citation.page}`;
}
