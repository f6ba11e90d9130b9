// Asking this server: what the page sends, what comes back line by line, and the same as a command line.

export const CAPTIONED = "/dev/captioned_speech";
export const SPEECH = "/v1/audio/speech";
export const SAMPLE_RATE = 24000; // of response_format "pcm"

/** Headers with the key, if there is one. */
export function headers(key, type) {
  const found = type ? { "Content-Type": type } : {};
  if (key) found.Authorization = `Bearer ${key}`;
  return found;
}

/** POST `body`; an error of the server is thrown with its own words, `status` telling which. */
export async function post(path, body, key, signal) {
  const answer = await fetch(path, {
    method: "POST", headers: headers(key, "application/json"), body: JSON.stringify(body), signal,
  });
  if (!answer.ok) throw await failure(answer);
  return answer;
}

export async function failure(answer) {
  let message = `${answer.status} ${answer.statusText}`;
  try {
    message = (await answer.json()).error.message;
  } catch {
    // not one of this server's own errors: its status has to say it
  }
  return Object.assign(new Error(message), { status: answer.status });
}

/** The objects of a body that has one in every line. */
export async function* lines(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const found = (rest + value).split("\n");
    rest = found.pop();
    for (const line of found) if (line) yield JSON.parse(line);
  }
}

/** base64 of a file, without the beginning of its data: URL. */
export function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(new Error(`${file.name} cannot be read`));
    reader.readAsDataURL(file);
  });
}

/** A line for a shell; a recording is named, not shown, and a key is left to a variable. */
export function curl(origin, body, key) {
  const shown = { ...body };
  if (shown.ref_audio) shown.ref_audio = "BASE64 OF THE RECORDING";
  const json = JSON.stringify(shown).replaceAll("'", "'\\''");
  const bearer = key ? ' -H "Authorization: Bearer $FISHVOICE_HTTP_KEY"' : "";
  return `curl ${origin}${SPEECH}${bearer} -H 'Content-Type: application/json' -d '${json}' -o speech.${body.response_format}`;
}
