// The page: its form, what it says about what happens, and the words as they are heard.

import { Player } from "./player.js";
import { CAPTIONED, SPEECH, base64, curl, failure, headers, lines, post } from "./request.js";

const at = (id) => document.getElementById(id);
const KEY = "fishvoice-key";
let running = null; // what Stop ends
let voices = [];

/** What the form asks for, in the fields of /v1/audio/speech. */
async function asked(format) {
  const body = { input: at("text").value, response_format: format, speed: Number(at("speed").value) };
  if (at("voice").value) body.voice = at("voice").value;
  const recording = at("recording").files[0];
  if (!at("reference").hidden && recording) {
    body.ref_audio = await base64(recording);
    if (at("recording-text").value) body.ref_text = at("recording-text").value;
  }
  return body;
}

async function speak() {
  await stop();
  const own = (running = { abort: new AbortController(), player: new Player((index) => mark(index)) });
  busy("Asking for the sound.");
  try {
    const body = await asked("pcm");
    showCurl({ ...body, response_format: at("format").value });
    const answer = await post(CAPTIONED, { ...body, stream: true }, at("key").value, own.abort.signal);
    showText(body.input);
    say("Speaking.");
    for await (const line of lines(answer)) {
      if (running !== own) return;
      if (line.error) throw new Error(line.error.message);
      addWords(line.timestamps);
      own.player.add(line.audio, line.timestamps);
    }
    await own.player.finished();
    if (running === own) idle("All has been spoken.");
  } catch (error) {
    if (running === own) fail(error);
  } finally {
    await own.player.stop();
  }
}

async function stop() {
  const own = running;
  running = null;
  if (!own) return;
  own.abort.abort();
  await own.player?.stop();
  idle("Stopped.");
}

async function download() {
  await stop();
  const own = (running = { abort: new AbortController() });
  busy("Making the file.");
  try {
    const format = at("format").value;
    const body = await asked(format);
    showCurl(body);
    const answer = await post(SPEECH, body, at("key").value, own.abort.signal);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await answer.blob());
    link.download = `speech.${format}`;
    link.click();
    URL.revokeObjectURL(link.href);
    if (running === own) idle(`speech.${format} is saved.`);
  } catch (error) {
    if (running === own) fail(error);
  }
}

// -- what is said and shown

function busy(message) {
  at("error").textContent = "";
  at("stop").disabled = false;
  say(message);
}

function idle(message) {
  at("stop").disabled = true;
  running = null;
  say(message);
}

function fail(error) {
  idle("");
  askForKey(error.status === 401);
  at("error").textContent = error.message;
}

function say(message) {
  at("status").textContent = message;
}

let written = { text: "", place: 0, words: [] };

/** The text, in which words become elements of their own as their times become known. */
function showText(text) {
  written = { text, place: 0, words: [] };
  at("spoken").replaceChildren(document.createTextNode(text));
  at("spoken-section").hidden = false;
}

function addWords(found) {
  const place = at("spoken");
  for (const { word } of found) {
    const start = written.text.indexOf(word, written.place);
    if (start < 0) continue;
    const element = document.createElement("span");
    element.textContent = word;
    place.lastChild.replaceWith(written.text.slice(written.place, start), element, written.text.slice(start + word.length));
    written.place = start + word.length;
    written.words.push(element);
  }
}

function mark(index) {
  at("spoken").querySelectorAll("mark").forEach((old) => old.replaceWith(...old.childNodes));
  const word = written.words[index];
  if (!word) return;
  const marked = document.createElement("mark");
  marked.append(...word.childNodes);
  word.append(marked);
}

function showCurl(body) {
  at("curl").textContent = curl(location.origin, body, at("key").value);
  at("curl-section").hidden = false;
}

function askForKey(needed) {
  if (!needed) return;
  at("key-field").hidden = false;
  at("key").focus();
}

// -- voices

async function loadVoices() {
  try {
    const answer = await fetch("/v1/audio/voices", { headers: headers(at("key").value) });
    if (!answer.ok) throw await failure(answer);
    voices = (await answer.json()).voices.filter((each) => !each.unavailable);
  } catch (error) {
    fail(error);
    return;
  }
  at("error").textContent = "";
  const chosen = at("voice").value;
  at("voice").replaceChildren(...voices.map(option));
  at("voice").value = voices.some(({ name }) => name === chosen) ? chosen : voices.find((each) => each.default)?.name;
  showReference();
}

function option({ name, language, description }) {
  const facts = [language, description].filter(Boolean).join(", ");
  return new Option(facts ? `${name} (${facts})` : name, name);
}

function showReference() {
  at("reference").hidden = !voices.find(({ name }) => name === at("voice").value)?.clones;
}

at("form").addEventListener("submit", (event) => {
  event.preventDefault();
  speak();
});
at("stop").addEventListener("click", () => {
  stop();
  at("speak").focus(); // the button is disabled now, and would take the focus with it
});
at("download").addEventListener("click", download);
at("voice").addEventListener("change", showReference);
at("speed").addEventListener("input", () => (at("speed-value").textContent = at("speed").value));
at("key").addEventListener("change", () => {
  sessionStorage.setItem(KEY, at("key").value);
  loadVoices();
});
at("copy").addEventListener("click", async () => {
  await navigator.clipboard.writeText(at("curl").textContent);
  say("The line is copied.");
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") stop();
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) speak();
});
at("key").value = sessionStorage.getItem(KEY) ?? "";
loadVoices();
