/*
 * One page of a document with the cited lines highlighted. An ES module of its own: no framework, no build step.
 *
 *   import { PageViewer } from "./viewer.js";
 *   const viewer = new PageViewer(element, { pdfjs: "/vendor/pdfjs/", fileUrl, pictureUrl });
 *   viewer.show({ document: { id, name, media_type, pages }, page: 7, citation });
 *
 * A PDF is drawn by pdf.js, anything else, and everything where there is no pdf.js, is a picture from the server. The
 * boxes are fractions of the page as displayed, so that the overlay is the same for both: a sibling of the canvas with
 * positions in per cent. (pdf.js' own text layer is turned with the page and would turn them, too.)
 *
 * citation: { regions: [{ page, rects: [[left, top, right, bottom]] }], context: [the same], precision, quote }
 */

const PRECISIONS = {
  word: "located to the word",
  line: "located to the line",
  cell: "located to the table cell",
  row: "located to the table row",
  block: "located to the block, not to its lines",
  page: "only the page is known",
  none: "no place is known",
};
const ZOOMS = [0.5, 0.75, 1, 1.25, 1.5, 2, 3];
const MOST_PIXELS = 16_000_000; // phones give up beyond
const OPEN_DOCUMENTS = 2;
const NARROW = 480; // pixels of a viewer in which a whole page is too small to read

export function precisionSaid(precision) {
  return PRECISIONS[precision] ?? precision;
}

export class PageViewer {
  #root; #options; #shown = null; #turn = 0; #zoom = 1; #task = null; #files = new Map(); #library = null; #width = 0;

  /**
   * @param root an element to fill
   * @param options
   *   pdfjs: address of the folder with pdf.min.mjs, or null for pictures only;
   *   fileUrl(document), pictureUrl(document, page, width): where a file and a page's picture are;
   *   onPage(page): the reader has turned to a page; onClose(), onStep(+1 or -1): buttons were pressed.
   */
  constructor(root, options) {
    this.#root = root;
    this.#options = options;
    this.#build();
    new ResizeObserver(() => this.#resized()).observe(this.scroll);
  }

  /** What is shown: { document, page, citation }, or null. */
  get shown() { return this.#shown; }

  /** Show a page; the citation, if there is one, is highlighted and scrolled to. */
  async show({ document, page, citation = null }) {
    const pages = Math.max(1, document.pages || 1);
    this.#shown = { document, citation, page: Math.min(Math.max(1, page || 1), pages) };
    if (this.scroll.clientWidth < NARROW) this.#zoom = this.#legibleZoom();
    this.#label();
    await this.#draw({ toCitation: true });
  }

  /** Show nothing, and give up what is being drawn. */
  clear() {
    this.#turn += 1;
    this.#task?.cancel();
    this.#shown = null;
    this.paper.replaceChildren();
  }

  /** Let go of all files. */
  forget(id) {
    this.#files.get(id)?.then((file) => file.loadingTask.destroy(), () => {});
    this.#files.delete(id);
  }

  #build() {
    const bar = make("div", "pv-bar");
    this.title = make("h2", "pv-title");
    this.close = button("pv-button", "Close (Esc)", "✕", () => this.#options.onClose?.());
    const head = make("div", "pv-head");
    head.append(this.title, this.close);
    this.place = make("span", "pv-place");
    const spacer = make("span", "pv-spacer");
    bar.append(
      button("pv-button", "Previous page", "‹", () => this.#go(-1)), this.place,
      button("pv-button", "Next page", "›", () => this.#go(1)), spacer,
      button("pv-button", "Smaller", "−", () => this.#scale(-1)), button("pv-button", "Larger", "+", () => this.#scale(1)),
    );
    if (this.#options.onStep) {
      bar.append(
        button("pv-button pv-wide", "Previous citation (p)", "↑ cite", () => this.#options.onStep(-1)),
        button("pv-button pv-wide", "Next citation (n)", "↓ cite", () => this.#options.onStep(1)),
      );
    }
    this.quote = make("p", "pv-quote");
    this.scroll = make("div", "pv-scroll");
    this.scroll.tabIndex = 0;
    this.scroll.setAttribute("role", "group");
    this.scroll.addEventListener("keydown", (event) => {
      if (event.key === "ArrowRight" || event.key === "PageDown") this.#go(1);
      else if (event.key === "ArrowLeft" || event.key === "PageUp") this.#go(-1);
      else return;
      event.preventDefault();
    });
    this.paper = make("div", "pv-paper");
    this.scroll.append(this.paper);
    this.#root.replaceChildren(head, bar, this.quote, this.scroll);
  }

  #label() {
    const { document, page, citation } = this.#shown;
    this.title.textContent = document.name;
    this.title.title = document.name;
    const printed = citation?.page === page && citation.page_label ? ` (printed ${citation.page_label})` : "";
    this.place.textContent = `${page} / ${document.pages || 1}${printed}`;
    this.quote.hidden = !citation;
    if (citation) {
      const said = precisionSaid(citation.precision);
      const status = citation.status === "verified" ? "" : `, ${citation.status.replace("_", " ")}`;
      this.quote.replaceChildren(make("span", "pv-badge", `${said}${status}`), make("span", "", readable(citation.quote)));
      if (citation.regions.length > 1) this.quote.append(...citation.regions.map((region) => this.#part(region.page, page)));
    }
    this.scroll.setAttribute("aria-label", `Page ${page} of ${document.name}` + (citation ? `, citation ${citation.index}` : ""));
  }

  /** A button to one of the pages of a citation that goes on over a page break. */
  #part(to, page) {
    const part = button("pv-part", `The part on page ${to}`, `p. ${to}`, () => this.#turnTo(to, { toCitation: true }));
    if (to === page) part.setAttribute("aria-current", "true");
    return part;
  }

  #go(step) {
    if (this.#shown) this.#turnTo(this.#shown.page + step, { toCitation: false });
  }

  #turnTo(page, { toCitation }) {
    if (page < 1 || page > (this.#shown.document.pages || 1)) return;
    this.#shown.page = page;
    this.#label();
    this.#options.onPage?.(page);
    this.#draw({ toCitation });
  }

  #scale(step) {
    const at = ZOOMS.indexOf(this.#zoom) + step;
    if (!this.#shown || at < 0 || at >= ZOOMS.length) return;
    this.#zoom = ZOOMS[at];
    this.#draw({ toCitation: true });
  }

  #resized() {
    if (!this.#shown || Math.abs(this.scroll.clientWidth - this.#width) < 24) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#shown && this.#draw({ toCitation: true }), 150);
  }

  /** On a phone: as large as the cited lines fit across. */
  #legibleZoom() {
    const rects = rectsOn(this.#shown.citation?.regions, this.#shown.page);
    if (!rects.length) return 1;
    const across = Math.max(...rects.map((rect) => rect[2])) - Math.min(...rects.map((rect) => rect[0]));
    return Math.max(1, ...ZOOMS.filter((zoom) => zoom <= 2 && zoom * across <= 0.92));
  }

  async #draw({ toCitation }) {
    const turn = ++this.#turn;
    this.#task?.cancel();
    const { document, page } = this.#shown;
    this.#width = this.scroll.clientWidth;
    const width = Math.max(200, (this.#width - 24) * this.#zoom);
    this.paper.setAttribute("aria-busy", "true");
    this.paper.classList.add("pv-waiting");
    let surface = null;
    try {
      surface = await this.#surface(document, page, width, () => turn !== this.#turn);
    } catch (error) {
      if (turn === this.#turn) this.#fail(error);
      return;
    }
    if (turn !== this.#turn || !surface) return;
    this.paper.style.width = `${width}px`;
    this.paper.replaceChildren(surface, this.#overlay(page));
    this.paper.dataset.page = String(page);
    this.paper.dataset.by = surface.tagName.toLowerCase();
    this.paper.classList.remove("pv-waiting");
    this.paper.removeAttribute("aria-busy");
    if (toCitation) this.#scrollToCitation();
    else this.scroll.scrollTop = 0;
  }

  async #surface(document, page, width, isOver) {
    if (this.#options.pdfjs && document.media_type === "application/pdf") {
      try {
        return await this.#canvas(document, page, width, isOver);
      } catch (error) {
        if (isOver() || error?.name === "RenderingCancelledException") return null;
        console.warn("pdf.js cannot show this page, the server draws it:", error);
      }
    }
    return this.#picture(document, page, width);
  }

  async #canvas(document, page, width, isOver) {
    const file = await this.#open(document);
    const sheet = await file.getPage(page);
    if (isOver()) return null;
    const natural = sheet.getViewport({ scale: 1 });
    const wanted = (width / natural.width) * (window.devicePixelRatio || 1);
    const scale = Math.min(wanted, Math.sqrt(MOST_PIXELS / (natural.width * natural.height)));
    const viewport = sheet.getViewport({ scale });
    const canvas = make("canvas", "pv-surface");
    canvas.width = Math.max(1, Math.round(viewport.width));
    canvas.height = Math.max(1, Math.round(viewport.height));
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `Page ${page} of ${document.name}`);
    this.#task = sheet.render({ canvas, viewport, annotationMode: 0, background: "#fff" });
    await this.#task.promise;
    return canvas;
  }

  async #open(document) {
    if (!this.#files.has(document.id)) {
      while (this.#files.size >= OPEN_DOCUMENTS) this.forget(this.#files.keys().next().value);
      const opening = this.#load(document);
      this.#files.set(document.id, opening);
      opening.catch(() => this.#files.delete(document.id));
    }
    return this.#files.get(document.id);
  }

  async #load(document) {
    const base = new URL(this.#options.pdfjs, location.href).href;
    this.#library ??= import(`${base}pdf.min.mjs`);
    const pdfjs = await this.#library;
    pdfjs.GlobalWorkerOptions.workerSrc = `${base}pdf.worker.min.mjs`;
    return pdfjs.getDocument({
      url: this.#options.fileUrl(document),
      disableAutoFetch: true, disableStream: true, rangeChunkSize: 65536, // page 900 of a long scan without the first 899
      wasmUrl: `${base}wasm/`, cMapUrl: `${base}cmaps/`, cMapPacked: true,
      standardFontDataUrl: `${base}standard_fonts/`, iccUrl: `${base}iccs/`,
      enableXfa: false, isEvalSupported: false, maxImageSize: 100_000_000, // nothing in a document is run
    }).promise;
  }

  async #picture(document, page, width) {
    const image = make("img", "pv-surface");
    image.alt = `Page ${page} of ${document.name}`;
    const pixels = Math.round(width * 1.5 * (window.devicePixelRatio || 1)); // the longer side of an upright page
    image.src = this.#options.pictureUrl(document, page, pixels);
    try {
      await image.decode();
    } catch {
      throw new Error("This page cannot be shown.");
    }
    return image;
  }

  #overlay(page) {
    const overlay = make("div", "pv-overlay");
    const { citation } = this.#shown;
    const strong = rectsOn(citation?.regions, page);
    const pale = rectsOn(citation?.context, page);
    for (const rect of pale) overlay.append(this.#mark(rect, "pv-pale"));
    for (const rect of strong) {
      const mark = this.#mark(rect, "pv-strong");
      mark.title = `Citation ${citation.index}: ${precisionSaid(citation.precision)}`;
      overlay.append(mark);
    }
    return overlay;
  }

  #mark([left, top, right, bottom], kind) {
    const mark = make("div", `pv-mark ${kind}`);
    mark.style.left = `${left * 100}%`;
    mark.style.top = `${top * 100}%`;
    mark.style.width = `${(right - left) * 100}%`;
    mark.style.height = `${(bottom - top) * 100}%`;
    return mark;
  }

  #scrollToCitation() {
    const strong = this.paper.querySelectorAll(".pv-strong");
    const boxes = [...(strong.length ? strong : this.paper.querySelectorAll(".pv-pale"))].map((mark) => mark.getBoundingClientRect());
    if (!boxes.length) {
      this.scroll.scrollTop = 0;
      return;
    }
    const view = this.scroll.getBoundingClientRect();
    const left = Math.min(...boxes.map((box) => box.left)), right = Math.max(...boxes.map((box) => box.right));
    this.scroll.scrollTop += boxes[0].top - view.top - view.height / 3;
    this.scroll.scrollLeft += Math.min(left - view.left - 16, (left + right - view.left - view.right) / 2);
  }

  #fail(error) {
    this.paper.classList.remove("pv-waiting");
    this.paper.removeAttribute("aria-busy");
    this.paper.replaceChildren(make("p", "pv-error", error?.message || "This page cannot be shown."));
  }
}

function rectsOn(regions, page) {
  return (regions ?? []).filter((region) => region.page === page).flatMap((region) => region.rects);
}

/** A table's row without its bars. */
function readable(quote) {
  const text = quote.includes(" | ") ? quote.replace(/^\s*\||\|\s*$/g, "").split("|").map((cell) => cell.trim()).join(" · ") : quote;
  return text.length > 400 ? `${text.slice(0, 400)}…` : text;
}

function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

function button(className, label, text, press) {
  const element = make("button", className, text);
  element.type = "button";
  element.title = label;
  element.setAttribute("aria-label", label);
  element.addEventListener("click", press);
  return element;
}
