/*
 * The little markdown that answers have, as DOM: paragraphs, lists, tables, bold, code, and markers of citations.
 *
 * Everything that a document or a model says becomes text nodes. There is no HTML, no image and no link, so nothing can
 * be smuggled in or out.
 */

// Markers stand between two characters of the private use area, which are taken out of the text before.
const OPEN = "\uE000", CLOSE = "\uE001", OURS = /[\uE000\uE001]/g;
const INLINE = /(\*\*[^*\n]{1,400}\*\*|`[^`\n]{1,400}`|\uE000\d{1,4}\uE001)/;
const RULE = /^\|?[\s:|-]+\|?$/;

const drawn = new WeakMap(); // element -> the source of each block in it

/**
 * Fill an element with a text and its markers, or go on filling it: what has not changed stays the same nodes, so that
 * they can be read, clicked and have the focus meanwhile.
 *
 * marks: [{ at, index }], at in code points of the text; marker(index) gives the element to put there.
 */
export function render(element, text, marks, marker) {
  const blocks = marked(text, marks).split(/\n{2,}/).filter((block) => block.trim());
  if (!drawn.has(element)) element.replaceChildren();
  const known = drawn.get(element) ?? [];
  drawn.set(element, blocks);
  blocks.forEach((block, at) => {
    if (block === known[at]) return;
    const old = element.children[at], made = asBlock(block.split("\n"), marker);
    if (!old) element.append(made);
    else if (old.tagName === made.tagName) change(old, made);
    else old.replaceWith(made);
  });
  while (element.children.length > blocks.length) element.lastElementChild.remove();
}

/** Make an element say what another one does; what both begin with stays. */
function change(old, made) {
  const parts = [...made.childNodes];
  let same = 0;
  while (same < parts.length && old.childNodes[same]?.isEqualNode(parts[same])) same += 1;
  const [one, other] = [old.childNodes[same], parts[same]];
  if (one?.nodeType === Node.ELEMENT_NODE && one.tagName === other?.tagName && one.tagName !== "BUTTON") {
    change(one, other);
    same += 1;
  }
  while (old.childNodes.length > same) old.lastChild.remove();
  old.append(...parts.slice(same));
}

function marked(text, marks) {
  const letters = [...text.replace(OURS, " ").replace(/\r/g, " ")];
  const sorted = [...marks].sort((one, other) => one.at - other.at || one.index - other.index);
  let said = "", from = 0;
  for (const { at, index } of sorted) {
    said += `${letters.slice(from, at).join("")}${OPEN}${index}${CLOSE}`;
    from = Math.max(from, at);
  }
  return said + letters.slice(from).join("");
}

function asBlock(lines, marker) {
  if (lines.every((line) => line.startsWith("|"))) return table(lines, marker);
  if (lines.every((line) => /^\s*([-*]|\d+[.)])\s/.test(line))) return list(lines, marker);
  const heading = /^#{1,6}\s+(.*)/.exec(lines[0]);
  if (heading && lines.length === 1) return filled("h4", heading[1], marker);
  return filled("p", lines.join("\n"), marker);
}

function list(lines, marker) {
  const element = document.createElement(/^\s*\d/.test(lines[0]) ? "ol" : "ul");
  element.append(...lines.map((line) => filled("li", line.replace(/^\s*([-*]|\d+[.)])\s+/, ""), marker)));
  return element;
}

function table(lines, marker) {
  const element = document.createElement("table");
  const hasHead = lines.length > 1 && RULE.test(lines[1]);
  lines.forEach((line, at) => {
    if (hasHead && at === 1) return;
    const row = document.createElement("tr");
    const cells = line.replace(/^\||\|\s*$/g, "").split(/(?<!\\)\|/);
    const tag = hasHead && at === 0 ? "th" : "td";
    row.append(...cells.map((cell) => filled(tag, cell.trim().replace(/\\\|/g, "|"), marker)));
    element.append(row);
  });
  const frame = document.createElement("div");
  frame.className = "table";
  frame.tabIndex = 0;
  frame.setAttribute("role", "group");
  frame.setAttribute("aria-label", "Table");
  frame.append(element);
  return frame;
}

function filled(tag, text, marker) {
  const element = document.createElement(tag);
  for (const part of text.split(INLINE)) {
    if (!part) continue;
    if (part.startsWith(OPEN)) element.append("\u2060", marker(Number(part.slice(1, -1)))); // on the line of its sentence
    else if (part.startsWith("**") && part.length > 4) element.append(textual("strong", part.slice(2, -2)));
    else if (part.startsWith("`") && part.length > 2) element.append(textual("code", part.slice(1, -1)));
    else element.append(part);
  }
  return element;
}

function textual(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}
