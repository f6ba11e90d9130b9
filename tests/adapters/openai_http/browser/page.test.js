// The page at "/" in a real Chromium. PAGE_URL names the server, CHROMIUM the program; `key` is "opensesame" at PAGE_WITH_KEY.

"use strict";

const assert = require("node:assert");
const fs = require("node:fs");
const { after, afterEach, before, beforeEach, test } = require("node:test");
const { chromium } = require("playwright-core");

const AXE = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const ENGLISH = "One two three.";
let browser, context, page, foreign, problems;

before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
  });
});
after(() => browser.close());

beforeEach(() => open(process.env.PAGE_URL));
afterEach(async () => {
  await context.close();
  assert.deepStrictEqual(problems, [], "the page has errors of its own");
  assert.deepStrictEqual(foreign, [], "something was loaded from elsewhere");
});

async function open(url, options = {}) {
  await context?.close();
  [foreign, problems] = [[], []];
  context = await browser.newContext({ acceptDownloads: true, ...options });
  page = await context.newPage();
  page.on("request", (each) => new URL(each.url()).host === new URL(url).host || each.url().startsWith("blob:") || foreign.push(each.url()));
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (each) => each.type() === "error" && !/status of 4\d\d/.test(each.text()) && problems.push(each.text()));
  await page.goto(url);
  await page.waitForFunction(() => document.querySelectorAll("#voice option").length === 2 || !document.getElementById("key-field").hidden);
}

const status = (text) => page.waitForFunction((wanted) => document.getElementById("status").textContent === wanted, text);

test("speaks while the sound arrives, marks each word in turn, and says when it is over", async () => {
  await page.fill("#text", ENGLISH);
  await page.evaluate(() => {
    window.marked = [];
    new MutationObserver(() => {
      const word = document.querySelector("#spoken mark")?.textContent;
      if (word && word !== window.marked.at(-1)) window.marked.push(word);
    }).observe(document.getElementById("spoken"), { childList: true, subtree: true });
  });
  await page.click("#speak");
  await status("Speaking.");
  await status("All has been spoken.");
  assert.deepStrictEqual(await page.evaluate(() => window.marked), ["One", "two", "three."]);
  assert.strictEqual(await page.textContent("#spoken"), ENGLISH);
});

test("stops, and the daemon stops too", async () => {
  await page.fill("#text", "slow ".repeat(400));
  await page.click("#speak");
  await status("Speaking.");
  await page.click("#stop");
  await status("Stopped.");
  assert.ok(await page.isDisabled("#stop"));
  assert.strictEqual(await page.evaluate(() => document.activeElement.id), "speak");
});

test("is usable by keyboard alone", async () => {
  const reached = [];
  await page.evaluate(() => document.activeElement.blur());
  for (let presses = 0; presses < 9; presses++) {
    await page.keyboard.press("Tab");
    reached.push(await page.evaluate(() => document.activeElement.id || document.activeElement.tagName));
  }
  assert.deepStrictEqual(reached.slice(0, 7), ["A", "text", "voice", "speed", "format", "speak", "download"]);
  await page.focus("#text");
  await page.keyboard.press("Control+Enter");
  await status("Speaking.");
  await page.keyboard.press("Escape");
  await status("Stopped.");
});

test("shows a command line that a shell takes", async () => {
  await page.fill("#text", `It's "quoted" & $HOME.`);
  await page.selectOption("#format", "mp3");
  await page.click("#speak");
  await page.waitForSelector("#curl-section:not([hidden])");
  const line = await page.textContent("#curl");
  fs.writeFileSync(process.env.CURL_LINE, line);
  assert.match(line, /^curl http:\/\/127\.0\.0\.1:\d+\/v1\/audio\/speech /);
});

test("downloads a file of the chosen format", async () => {
  await page.selectOption("#format", "flac");
  const [file] = await Promise.all([page.waitForEvent("download"), page.click("#download")]);
  assert.strictEqual(file.suggestedFilename(), "speech.flac");
  assert.strictEqual(fs.readFileSync(await file.path()).subarray(0, 4).toString(), "fLaC");
  await status("speech.flac is saved.");
});

test("asks for a recording only where the voice can follow one", async () => {
  assert.ok(await page.isHidden("#reference"));
  await page.selectOption("#voice", "mimic");
  assert.ok(await page.isVisible("#reference"));
  await page.setInputFiles("#recording", { name: "a.wav", mimeType: "audio/wav", buffer: Buffer.from("RIFF") });
  await page.fill("#recording-text", "Its words.");
  const [asked] = await Promise.all([page.waitForRequest(/captioned_speech/), page.click("#speak")]);
  const { ref_audio, ref_text, voice } = asked.postDataJSON();
  assert.deepStrictEqual([ref_audio, ref_text, voice], ["UklGRg==", "Its words.", "mimic"]);
  assert.doesNotMatch(await page.textContent("#curl"), /UklGRg/);
});

test("says in words what the server refuses", async () => {
  await page.fill("#text", " ");
  await page.click("#speak");
  await page.waitForFunction(() => document.getElementById("error").textContent.includes("no text to speak"));
});

test("asks for the key of a server that has one", async () => {
  await open(process.env.PAGE_WITH_KEY);
  assert.strictEqual(await page.evaluate(() => document.activeElement.id), "key");
  await page.fill("#key", "opensesame");
  await page.keyboard.press("Tab");
  await page.waitForFunction(() => document.querySelectorAll("#voice option").length === 2);
  await page.fill("#text", ENGLISH);
  await page.click("#speak");
  await status("All has been spoken.");
  assert.match(await page.textContent("#curl"), /\$FISHVOICE_HTTP_KEY/);
});

const VIEWS = {
  light: { colorScheme: "light" },
  dark: { colorScheme: "dark" },
  narrow: { viewport: { width: 320, height: 640 } },
};

for (const [name, options] of Object.entries(VIEWS)) {
  test(`has no violation of WCAG, ${name}`, async () => {
    for (const path of ["", "docs"]) {
      await open(process.env.PAGE_URL, { ...options, bypassCSP: true });
      await page.fill("#text", ENGLISH);
      await page.click("#speak");
      await status("All has been spoken.");
      await page.selectOption("#voice", "mimic");
      if (path) await page.goto(new URL(path, process.env.PAGE_URL).href);
      await page.evaluate(AXE);
      const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
      assert.deepStrictEqual(violations.map(({ id, nodes }) => [id, nodes.map((each) => each.html)]), []);
      const [wide, there] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
      assert.ok(wide <= there, `${path || "the page"} is ${wide} wide in a window of ${there}`);
      await page.screenshot({ path: `${process.env.SCREENSHOTS}/${name}${path}.png`, fullPage: true });
    }
  });
}
