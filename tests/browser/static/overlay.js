// A page as a picture or drawn by PDF.js, and our boxes over it in percent: what a viewer does with them.
const page = document.getElementById("page");
const wish = await (await fetch("wish.json" + location.search)).json();

async function picture() {
  const image = new Image();
  image.src = wish.picture;
  await image.decode();
  image.style.width = `${wish.width}px`;
  image.style.height = `${wish.height}px`;
  page.append(image);
  const copy = document.createElement("canvas");
  [copy.width, copy.height] = [image.naturalWidth, image.naturalHeight];
  copy.getContext("2d").drawImage(image, 0, 0);
  return copy;
}

async function pdf() {
  const pdfjs = await import(new URL("pdfjs/pdf.min.mjs", location));
  pdfjs.GlobalWorkerOptions.workerSrc = new URL("pdfjs/pdf.worker.min.mjs", location).href;
  const base = new URL("pdfjs/", location).href;
  const loading = pdfjs.getDocument({
    url: wish.pdf, wasmUrl: `${base}wasm/`, cMapUrl: `${base}cmaps/`, standardFontDataUrl: `${base}standard_fonts/`,
    iccUrl: `${base}iccs/`, cMapPacked: true, enableXfa: false, isEvalSupported: false,
  });
  const sheet = await (await loading.promise).getPage(wish.page);
  const viewport = sheet.getViewport({ scale: wish.scale });
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(viewport.width * devicePixelRatio);
  canvas.height = Math.round(viewport.height * devicePixelRatio);
  canvas.style.width = `${viewport.width}px`;
  canvas.style.height = `${viewport.height}px`;
  page.append(canvas);
  const transform = [devicePixelRatio, 0, 0, devicePixelRatio, 0, 0];
  await sheet.render({ canvas, viewport, transform }).promise;
  if (wish.user_space) {
    const [x0, y0, x1, y1] = wish.user_space;
    const corners = [viewport.convertToViewportPoint(x0, y0), viewport.convertToViewportPoint(x1, y1)];
    const across = corners.map(([x]) => x / viewport.width), down = corners.map(([, y]) => y / viewport.height);
    const sides = [Math.min(...across), Math.min(...down), Math.max(...across), Math.max(...down)]; // in no order
    page.dataset.viewport = JSON.stringify(sides);
  }
  return canvas;
}

// Where pixels of one kind are, as fractions of the canvas.
function extent(canvas, isOne) {
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let at = 0; at < data.length; at += 4) {
    if (!isOne(data[at], data[at + 1], data[at + 2])) continue;
    const x = (at / 4) % width, y = Math.floor(at / 4 / width);
    left = Math.min(left, x); right = Math.max(right, x + 1);
    top = Math.min(top, y); bottom = Math.max(bottom, y + 1);
  }
  return [left / width, top / height, right / width, bottom / height];
}

try {
  const canvas = await (wish.picture ? picture() : pdf());
  for (const [left, top, right, bottom] of wish.boxes) {
    const box = document.createElement("div");
    box.className = "box";
    box.style.left = `${left * 100}%`;
    box.style.top = `${top * 100}%`;
    box.style.width = `${(right - left) * 100}%`;
    box.style.height = `${(bottom - top) * 100}%`;
    page.append(box);
  }
  page.dataset.ink = JSON.stringify(extent(canvas, (red, green, blue) => blue > red + 40 && blue > green + 40));
  page.dataset.yellow = JSON.stringify(extent(canvas, (red, green, blue) => red > 200 && green > 150 && blue < 130));
  document.body.dataset.state = "ready";
} catch (error) {
  document.body.dataset.state = `failed: ${error}`;
}
