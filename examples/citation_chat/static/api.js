/* The server's routes, and server-sent events out of a response. */

export class ApiError extends Error {}

export async function get(path) {
  return asked(path, {});
}

export async function remove(path) {
  return asked(path, { method: "DELETE" });
}

export async function upload(file) {
  return asked(`/api/docs?name=${encodeURIComponent(file.name)}`, { method: "POST", body: file });
}

/** Ask a question; yields { name, data } as they come. */
export async function* ask(question, signal) {
  const response = await fetched("/api/chat", {
    method: "POST", signal, headers: { "Content-Type": "application/json" }, body: JSON.stringify(question),
  });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "", isComplete = false;
  try {
    for (;;) {
      const { value, done } = await reader.read().catch((error) => {
        if (error.name === "AbortError") throw error;
        return { done: true };
      });
      if (done && !isComplete) throw new ApiError("The server went away before the answer was complete.");
      if (done) return;
      text += value;
      const events = text.split("\n\n");
      text = events.pop();
      for (const event of events) {
        const parsed = parse(event);
        isComplete ||= parsed?.name === "done";
        if (parsed) yield parsed;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function parse(event) {
  const lines = event.split("\n");
  const name = lines.find((line) => line.startsWith("event: "))?.slice(7);
  const data = lines.find((line) => line.startsWith("data: "))?.slice(6);
  return name && data ? { name, data: JSON.parse(data) } : null;
}

async function asked(path, options) {
  const response = await fetched(path, options);
  return response.status === 204 ? null : response.json();
}

async function fetched(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The server does not answer. Is it still running?");
  }
  if (response.ok) return response;
  const said = await response.json().catch(() => ({}));
  throw new ApiError(said.error || `The server refused this (${response.status}).`);
}
