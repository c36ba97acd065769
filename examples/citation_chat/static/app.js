/* The page: conversations, streaming answers, the address bar and the keyboard. The library and viewer have their own. */

import { Answer, described } from "./answer.js";
import { ApiError, ask, get, remove } from "./api.js";
import { LibraryList, element } from "./library.js";
import { PageViewer } from "./viewer.js";

const $ = (id) => document.getElementById(id);
const state = { conversation: null, citations: [], at: -1, opener: null, running: null, suggestions: [], conversations: [] };
let viewer = null, events = null;

const library = new LibraryList({
  list: $("documents"),
  onOpen: (one) => openPage({ document: one, page: 1 }),
  onChange: libraryChanged,
  onError: warn,
});

// Telling

function warn(message, kind = "error") {
  const banner = $("banner");
  banner.className = `banner ${kind}`;
  const close = element("button", "away", "✕");
  close.type = "button";
  close.setAttribute("aria-label", "Dismiss");
  close.addEventListener("click", () => { banner.hidden = true; });
  banner.replaceChildren(element("span", "", message), close);
  banner.hidden = false;
  clearTimeout(warn.timer);
  if (kind === "note") warn.timer = setTimeout(() => { banner.hidden = true; }, 5000);
}

function say(message) { $("live").textContent = message; }

// The library

function libraryChanged() {
  const scope = $("scope");
  const names = [...library.scope].map((id) => library.find(id)?.name).filter(Boolean);
  scope.hidden = names.length === 0;
  scope.textContent = names.length === 1 ? `Only in ${names[0]}` : `Only in ${names.length} documents`;
  if (!$("messages").querySelector(".turn")) welcome();
}

function vectors({ done, total }) {
  const note = $("vectors");
  note.hidden = !total || done >= total;
  note.textContent = `Learning what ${total} passages mean: ${done}`;
}

/** Hear what happens, while the page is seen: browsers hold six connections to a server, and a seventh tab would wait. */
function listen() {
  events?.close();
  events = null;
  if (document.hidden) return;
  events = new EventSource("/api/events");
  events.addEventListener("open", () => {
    if (state.isLost) $("banner").hidden = true;
    state.isLost = false;
  });
  events.addEventListener("error", () => {
    state.isLost = true;
    warn("The server does not answer. Trying again…");
  });
  events.addEventListener("library", (event) => {
    const known = JSON.parse(event.data);
    library.set(known.documents);
    vectors(known.vectors);
  });
  events.addEventListener("document", (event) => library.put(JSON.parse(event.data)));
  events.addEventListener("removed", (event) => {
    const { id } = JSON.parse(event.data);
    library.drop(id);
    viewer?.forget(id);
  });
  events.addEventListener("vectors", (event) => vectors(JSON.parse(event.data)));
}

// Conversations

function welcome() {
  const box = element("div", "welcome");
  if (library.ready.length) {
    box.append(element("h2", "", "Ask your documents"), element("p", "", "Every sentence of an answer opens the page with its lines highlighted."));
    const known = library.ready.some((one) => one.name === state.sample);
    for (const question of known ? state.suggestions : []) {
      const suggestion = element("button", "suggestion", question);
      suggestion.type = "button";
      suggestion.addEventListener("click", () => send(question));
      box.append(suggestion);
    }
  } else if (library.isBusy) {
    const spinner = element("div", "spinner");
    spinner.setAttribute("aria-hidden", "true");
    box.append(spinner, element("h2", "", "Reading…"), element("p", "", "You can ask as soon as the first document is read."));
  } else {
    const add = element("button", "primary", "Add documents");
    add.type = "button";
    add.addEventListener("click", () => $("files").click());
    box.append(
      element("div", "sheets"), element("h2", "", "No documents yet"),
      element("p", "", "Drop PDFs, scans, photos or office files anywhere on this page."), add,
    );
  }
  $("messages").replaceChildren(box);
}

async function refreshConversations() {
  state.conversations = await get("/api/conversations");
  drawConversations();
}

function drawConversations() {
  const items = state.conversations.map((one) => {
    const open = element("button", "name", one.title);
    open.type = "button";
    open.title = one.title;
    if (one.id === state.conversation) open.setAttribute("aria-current", "true");
    open.addEventListener("click", () => { openConversation(one.id); closeMenu(); });
    const away = element("button", "away", "✕");
    away.type = "button";
    away.setAttribute("aria-label", `Delete ${one.title}`);
    away.addEventListener("click", async () => {
      await remove(`/api/conversations/${one.id}`).catch((error) => warn(error.message));
      if (one.id === state.conversation) fresh();
      refreshConversations();
    });
    return element("li", "talk", [open, away]);
  });
  $("conversations").replaceChildren(...(items.length ? items : [element("li", "note", "None yet.")]));
}

async function openConversation(id) {
  hideViewer();
  await showConversation(id);
  address();
}

async function showConversation(id) {
  state.running?.abort();
  let messages;
  try {
    messages = await get(`/api/conversations/${encodeURIComponent(id)}`);
  } catch (error) {
    warn(error.message);
    fresh();
    return;
  }
  begun(id);
  $("messages").replaceChildren();
  for (const message of messages) {
    if (message.role === "user") addQuestion(message.text);
    else {
      const answer = addAnswer(message.id);
      answer.text = message.text;
      for (const citation of message.citations) addCitation(answer, citation);
      answer.finish();
    }
  }
  drawConversations();
  $("messages").scrollTop = $("messages").scrollHeight;
}

function fresh() {
  state.running?.abort();
  hideViewer();
  begun(null);
  welcome();
  address();
  drawConversations();
  $("question").focus();
}

function begun(conversation) {
  state.conversation = conversation;
  state.citations = [];
  state.at = -1;
}

function addQuestion(text) {
  $("messages").querySelector(".welcome")?.remove();
  $("messages").append(element("div", "turn question", [element("p", "", text)]));
}

function addAnswer(id) {
  return new Answer(id, {
    box: $("messages"), onOpen: openCitation, onDrawn: follow,
    isCurrent: (key) => state.citations[state.at]?.key === key,
  });
}

function addCitation(answer, citation) {
  state.citations.push({ key: answer.key(citation), citation });
  answer.cite(citation);
}

function follow() {
  const box = $("messages");
  if (box.scrollHeight - box.scrollTop - box.clientHeight < 200) box.scrollTop = box.scrollHeight;
}

async function send(question) {
  if (state.running || !question.trim()) return;
  const running = new AbortController();
  state.running = running;
  $("send").setAttribute("aria-label", "Stop");
  $("send").classList.add("stop");
  addQuestion(question);
  const answer = addAnswer("");
  $("messages").scrollTop = $("messages").scrollHeight;
  try {
    const asked = { question, conversation: state.conversation, documents: [...library.scope] };
    for await (const { name, data } of ask(asked, running.signal)) {
      running.signal.throwIfAborted();
      if (name === "meta") {
        state.conversation = data.conversation;
        answer.id = data.message;
        address();
      } else if (name === "token") answer.add(data.text);
      else if (name === "citation") addCitation(answer, data);
      else if (name === "final") { answer.text = data.answer; say(`Answered with ${data.citations.length} citations.`); }
      else if (name === "error") throw new ApiError(data.error);
    }
    answer.finish();
  } catch (error) {
    if (running.signal.aborted) answer.stop();
    else answer.fail(error.message);
  } finally {
    follow();
    if (state.running === running) state.running = null;
    $("send").setAttribute("aria-label", "Ask");
    $("send").classList.remove("stop");
    refreshConversations().catch((error) => warn(error.message));
  }
}

// The viewer

function makeViewer(hasPdfjs) {
  viewer = new PageViewer($("viewer"), {
    pdfjs: hasPdfjs ? "/vendor/pdfjs/" : null,
    fileUrl: (one) => `/api/docs/${one.id}/file`,
    pictureUrl: (one, page, width) => `/api/docs/${one.id}/pages/${page}.webp?w=${width}`,
    onPage: () => address(),
    onClose: closeViewer,
    onStep: step,
  });
}

function openCitation(key, opener) {
  const at = state.citations.findIndex((one) => one.key === key);
  if (at < 0) return;
  state.at = at;
  const { citation } = state.citations[at];
  openPage({ document: documentOf(citation), page: citation.page, citation, opener });
}

function documentOf(citation) {
  const known = library.find(citation.document);
  return known ?? { id: citation.document, name: citation.name, media_type: "", pages: citation.pages };
}

async function openPage({ document: one, page, citation = null, opener = document.activeElement, isStep = true }) {
  const wasOpen = !$("viewer").hidden;
  if (!citation) state.at = -1;
  if (!wasOpen) state.opener = opener;
  $("viewer").hidden = false;
  document.body.classList.add("viewing");
  cover();
  closeMenu();
  markCurrent();
  const drawn = viewer.show({ document: one, page, citation });
  address({ push: isStep && !wasOpen });
  if (!wasOpen) viewer.scroll.focus({ preventScroll: true });
  say(citation ? `${described(citation)}. ${citation.quote}` : `${one.name}, page ${page}`);
  await drawn;
}

/** On a phone the viewer lies over everything else, which then must not be reached by the keyboard. */
function cover() {
  const isOver = !$("viewer").hidden && matchMedia("(max-width: 760px)").matches;
  for (const behind of document.querySelectorAll("header, aside, main")) behind.inert = isOver;
}

/** The reader closes it: that takes back the step that opening it was, so that Back goes to what was before. */
function closeViewer() {
  const wasStep = !$("viewer").hidden && history.state?.isViewer;
  hideViewer();
  if (wasStep) history.back();
}

function hideViewer() {
  if ($("viewer").hidden) return;
  $("viewer").hidden = true;
  cover();
  document.body.classList.remove("viewing");
  viewer.clear();
  const current = state.citations[state.at]?.key;
  const back = current ? document.querySelector(`[data-cite="${CSS.escape(current)}"]`) : state.opener;
  address();
  (back?.isConnected ? back : $("question")).focus();
  state.at = -1;
  markCurrent();
}

function markCurrent() {
  const current = state.citations[state.at]?.key;
  for (const button of document.querySelectorAll("[data-cite]")) {
    if (button.dataset.cite === current) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
  const shown = current && document.querySelector(`.cite[data-cite="${CSS.escape(current)}"]`);
  shown?.scrollIntoView({ block: "nearest" });
}

function step(by) {
  if (!state.citations.length) return;
  const from = state.at < 0 ? (by > 0 ? -1 : state.citations.length) : state.at;
  const at = Math.min(state.citations.length - 1, Math.max(0, from + by));
  if (at !== state.at) openCitation(state.citations[at].key);
}

// The address: #chat=…&doc=…&page=…&cite=… says what is seen, so that it can be sent to somebody or come back to

function address({ push = false } = {}) {
  const parts = state.conversation ? { chat: state.conversation } : {};
  const shown = viewer?.shown, cite = state.citations[state.at]?.key;
  if (shown) Object.assign(parts, { doc: shown.document.id, page: shown.page }, cite ? { cite } : {});
  const hash = new URLSearchParams(parts).toString();
  const url = hash ? `#${hash}` : location.pathname;
  if (push) history.pushState({ isViewer: true }, "", url);
  else history.replaceState(shown ? history.state : null, "", url);
}

async function followAddress() {
  const parts = new URLSearchParams(location.hash.slice(1));
  const [chat, id, cite] = [parts.get("chat"), parts.get("doc"), parts.get("cite")];
  const page = Number.parseInt(parts.get("page") ?? "1", 10) || 1;
  if (chat && chat !== state.conversation) await showConversation(chat);
  if (cite && !state.citations.some((one) => one.key === cite)) await fetchCitation(cite);
  const at = state.citations.findIndex((one) => one.key === cite);
  if (at >= 0) {
    state.at = at;
    const { citation } = state.citations[at];
    await openPage({ document: documentOf(citation), page: id ? page : citation.page, citation, isStep: false });
  } else if (id && library.find(id)) await openPage({ document: library.find(id), page, isStep: false });
  else {
    if (id) warn("The document of this address is not in the library.");
    hideViewer();
    address();
  }
}

async function fetchCitation(key) {
  const [message, index] = [key.slice(0, key.lastIndexOf(".")), key.slice(key.lastIndexOf(".") + 1)];
  try {
    const citation = await get(`/api/citations/${encodeURIComponent(message)}/${encodeURIComponent(index)}`);
    state.citations.push({ key, citation });
  } catch (error) {
    warn(error.message);
  }
}

// Keyboard, forms, files

function closeMenu() {
  document.body.classList.remove("menu-open");
  $("menu").setAttribute("aria-expanded", "false");
}

function wire() {
  $("menu").addEventListener("click", () => {
    const open = document.body.classList.toggle("menu-open");
    $("menu").setAttribute("aria-expanded", String(open));
    if (open) $("add").focus();
  });
  $("fresh").addEventListener("click", fresh);
  $("add").addEventListener("click", () => $("files").click());
  $("add-folder").addEventListener("click", () => $("folder").click());
  for (const input of [$("files"), $("folder")]) {
    input.addEventListener("change", () => { library.add(input.files).then(() => { input.value = ""; }); });
  }
  const question = $("question");
  $("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    if (state.running) { state.running.abort(); return; }
    const text = question.value;
    question.value = "";
    grow();
    send(text);
  });
  const grow = () => { question.style.height = "auto"; question.style.height = `${Math.min(160, question.scrollHeight)}px`; };
  question.addEventListener("input", grow);
  question.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      if (!state.running) $("ask").requestSubmit(); // it would stop the answer that is running
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      if (document.body.classList.contains("menu-open")) { closeMenu(); $("menu").focus(); } else closeViewer();
      return;
    }
    const isTyping = event.target.closest?.("input, textarea, select") || event.ctrlKey || event.metaKey || event.altKey;
    if (isTyping) return;
    if (event.key === "n") step(1);
    if (event.key === "p") step(-1);
  });
  let depth = 0;
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => { if (carriesFiles(event)) { depth += 1; $("drop").hidden = false; } });
  addEventListener("dragleave", (event) => { if (carriesFiles(event) && --depth <= 0) { depth = 0; $("drop").hidden = true; } });
  addEventListener("dragover", (event) => { if (carriesFiles(event)) event.preventDefault(); });
  addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth = 0;
    $("drop").hidden = true;
    library.add(event.dataTransfer.files);
  });
  addEventListener("popstate", followAddress);
  addEventListener("resize", cover);
  document.addEventListener("visibilitychange", listen);
}

async function begin() {
  wire();
  try {
    const known = await get("/api/state");
    state.sample = known.sample;
    state.suggestions = known.suggestions;
    state.conversations = known.conversations;
    makeViewer(known.pdfjs);
    $("how").textContent = [
      known.llm ? `Answers by ${known.llm}` : "Answers in the documents’ own sentences",
      known.meaning ? "" : "search by words only",
    ].filter(Boolean).join(" · ");
    library.set(known.documents);
    vectors(known.vectors);
    drawConversations();
    await followAddress();
  } catch (error) {
    warn(error.message);
  }
  listen();
}

begin();
